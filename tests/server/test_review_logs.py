"""Nothing a patient wrote, and no address, ends in a log: not by a library's traceback either."""

from __future__ import annotations

import subprocess
import sys

SCRIPT = """
import logging, structlog
from server import logs
logs.set_up("info")
def fail():
    raise ValueError("cannot read 我胸口痛 of oTest_000000000000000000001x, 13912345678")
try:
    fail()
except ValueError:
    logging.getLogger("uvicorn.error").exception("Exception in ASGI application\\n")
    structlog.get_logger().exception("action.failed", action="action_answer")
structlog.get_logger().info("said", contact="oTest_000000000000000000001x", text="我胸口痛")
"""


def test_tracebacks_keep_where_and_drop_what() -> None:
    done = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=True)
    assert done.stderr.count("ValueError: cannot read <said> of <openid>, <phone>") == 2
    assert "in fail" in done.stderr
    assert "action_answer" in done.stderr
    for private in ("胸口痛", "oTest_0000", "13912345678"):
        assert private not in done.stdout + done.stderr
