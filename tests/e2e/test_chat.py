"""`./banyi chat --script FILE` plays a whole conversation on either phone, on the installation that runs."""

from __future__ import annotations

import os
import re
import subprocess

import pytest

from server.settings import ROOT
from tests.e2e.installation import SMS, WECHAT, Installation
from tests.e2e.phone import Person, Phone
from tests.e2e.story import FOLDER

pytestmark = pytest.mark.e2e

SCRIPT = FOLDER / "first-steps.txt"
HEARD = (
    "智能助手", "东门", "骨科", "最近有号", "留(住这个)?号", "约好了", "1个预约", "确认取消", "已取消", "评价", "满意",
    "多久", "说的", "(收到了|已收到)", "工作人员", "已停发", "已恢复", "不是真人",
)  # fmt: skip


@pytest.mark.parametrize("channel", [WECHAT, SMS])
def test_a_script_is_played_and_answered(home: Installation, channel: str) -> None:
    phone = Phone.open(home, channel, Person("陈晓"))
    done = chat(home, "--channel", channel, "--patient", phone.address, "--script", str(SCRIPT))
    assert done.returncode == 0, done.stderr
    spoken = [line for line in SCRIPT.read_text("utf-8").splitlines() if line and not line.startswith("#")]
    assert [line[2:] for line in done.stdout.splitlines() if line.startswith("P ")] == spoken
    assert "没有等到回复" not in done.stdout
    at = 0
    for pattern in HEARD:
        found = re.compile(pattern).search(done.stdout, at)
        assert found, f"nothing like {pattern!r} after:\n{done.stdout[at:]}"
        at = found.end()
    facts = phone.facts()
    assert (facts["appointments"], facts["handoff"], facts["opt_out"]) == (0, "waiting", None)
    assert facts["survey"] == ["completed"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--channel", "pigeon"], "pigeon"),
        (["--channel", "sms", "--patient", "nobody"], "nobody"),
        (["--channel", "wechat", "--script", "/nowhere.txt"], "/nowhere.txt"),
    ],
)
def test_what_cannot_be_is_said_in_a_sentence(home: Installation, arguments: list[str], said: str) -> None:
    done = chat(home, *arguments)
    assert done.returncode == 2
    assert said in done.stderr and "Traceback" not in done.stderr


def chat(home: Installation, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(ROOT / "banyi"), "chat", *arguments],
        env={**os.environ, **home.environment},
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )
