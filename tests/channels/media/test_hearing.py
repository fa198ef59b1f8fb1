"""Voice to text: the service's contract, the local command's, and what is made of answers that are none."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from channels.media.hearing import CommandTranscriber, Heard, HttpTranscriber, NotHeard, read_answer
from tests.channels.media.house import AMR, Speech


async def test_the_service_gets_the_audio_and_says_what_it_heard() -> None:
    async with Speech().up() as speech:
        ear = HttpTranscriber(speech.url, token="let-me-in")
        assert await ear.hear(AMR, "audio/amr") == Heard("我想约明天上午的眼科", 0.9)
        assert speech.heard == [(AMR, "audio/amr", "Bearer let-me-in")]
        await ear.close()


@pytest.mark.parametrize(
    ("answer", "again"),
    [
        (503, True),
        (422, False),
        ("<html>", True),
        ({"said": "?"}, True),
        ({"text": 3}, True),
        (5.0, True),
        (302, True),
    ],
)
async def test_no_usable_answer_says_whether_to_try_again(answer: int | str | float, again: bool) -> None:
    async with Speech().up() as speech:
        speech.answers.append(answer)
        ear = HttpTranscriber(speech.url, timeout=0.3)
        with pytest.raises(NotHeard) as failure:
            await ear.hear(AMR, "audio/amr")
        assert failure.value.again is again
        await ear.close()


async def test_a_service_that_is_away_is_tried_again() -> None:
    ear = HttpTranscriber("http://127.0.0.1:9/hear")
    with pytest.raises(NotHeard) as failure:
        await ear.hear(AMR, "audio/amr")
    assert failure.value.again
    await ear.close()


def test_confidence_is_kept_in_its_range() -> None:
    assert read_answer(b'{"text": " \xe4\xbd\xa0 \\n \xe5\xa5\xbd ", "confidence": 7}') == Heard("你 好", 1.0)
    assert read_answer(b'{"text": "", "confidence": -1}') == Heard("", 0.0)
    for bad in (
        b"[]",
        b"",
        b"null",
        b'{"text": "a", "confidence": "high"}',
        b'{"text": "a", "confidence": true}',
    ):
        with pytest.raises(NotHeard):
            read_answer(bad)


async def test_a_local_command_gets_the_audio_on_its_input(tmp_path: Path) -> None:
    script = tmp_path / "ear.py"
    script.write_text(
        "import json, sys\n"
        "audio = sys.stdin.buffer.read()\n"
        "json.dump({'text': f'{len(audio)} {sys.argv[1]}', 'confidence': 0.8}, sys.stdout)\n"
    )
    ear = CommandTranscriber(f"{sys.executable} {script}")
    assert await ear.hear(AMR, "audio/amr") == Heard(f"{len(AMR)} audio/amr", 0.8)


@pytest.mark.parametrize("script", ["import time; time.sleep(60)", "raise SystemExit(3)", "print('hello')"])
async def test_a_command_that_hangs_or_fails_is_no_answer(tmp_path: Path, script: str) -> None:
    path = tmp_path / "ear.py"
    path.write_text(script)
    with pytest.raises(NotHeard):
        await CommandTranscriber(f"{sys.executable} {path}", timeout=1.0).hear(AMR, "audio/amr")
    with pytest.raises(NotHeard):
        await CommandTranscriber(str(tmp_path / "not-there")).hear(AMR, "audio/amr")


async def test_a_command_that_never_stops_talking_is_stopped(tmp_path: Path) -> None:
    path, ended = tmp_path / "loud.py", tmp_path / "ended"
    path.write_text(
        "import pathlib, sys\n"
        "try:\n"
        "    for _ in range(64):\n"
        "        sys.stdout.write('x' * 1_000_000)\n"
        "        sys.stdout.flush()\n"
        f"    pathlib.Path({str(ended)!r}).touch()\n"
        "except BrokenPipeError:\n"
        "    pass\n"
    )
    for _ in range(20):  # whether its pipe was full when it was stopped is a matter of luck
        with pytest.raises(NotHeard, match="too much"):
            await CommandTranscriber(f"{sys.executable} {path}", timeout=30.0).hear(AMR, "audio/amr")
    assert not ended.exists(), "nobody took what it said"
