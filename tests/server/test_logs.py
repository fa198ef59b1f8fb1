"""Nothing a patient wrote, no number and no token reaches a log."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from server.logs import redact
from server.settings import ROOT


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ("call 13900000001 now", "call <phone> now"),
        ("+8613900000001", "<phone>"),
        ("8613900000001", "<phone>"),
        ("id 990100196403120024", "id <id>"),
        ("id 99010019640312002X", "id <id>"),
        ("GET /cgi-bin/x?access_token=abc-_1&y=2", "GET /cgi-bin/x?access_token=<secret>&y=2"),
        ("secret=s3cr3t", "secret=<secret>"),
        ("took 139 ms, 1700000000", "took 139 ms, 1700000000"),
        ("0571-00000000", "0571-00000000"),
    ],
)
def test_numbers_and_tokens_are_taken_out(text: str, clean: str) -> None:
    assert redact(text) == clean


PROGRAM = """
import logging, structlog
from server.logs import set_up
set_up("info")
log = structlog.get_logger("x")
log.info("inbox.stored", text="我胸口疼", phone="13900000001", openid="oABC", count=3, why="to 13900000001")
try:
    raise ValueError("bad number 13900000001 at access_token=abcdef")
except ValueError:
    log.exception("it.failed", name="王秀兰")
logging.getLogger("vendor").warning("sent to %s with token=%s", "13900000001", "abcdef")
try:
    raise ValueError("std 13900000001")
except ValueError:
    logging.getLogger("vendor").exception("std failed")
log.debug("not shown")
"""


def test_a_process_writes_nothing_private() -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], cwd=ROOT, capture_output=True, text=True, timeout=120, check=True
    )
    for private in ("我胸口疼", "13900000001", "oABC", "abcdef", "王秀兰"):
        assert private not in done.stderr, done.stderr
    assert done.stdout == ""
    assert "not shown" not in done.stderr
    first = json.loads(done.stderr.splitlines()[0])
    assert (first["event"], first["count"], first["why"]) == ("inbox.stored", 3, "to <phone>")
    assert "Traceback" in done.stderr
