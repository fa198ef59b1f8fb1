"""A coverage-guided fuzzer on every parser of foreign bytes, from the seeds in `corpus/`; minutes of it under `-m soak`."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from server.settings import ROOT

CORPUS = Path(__file__).parent / "corpus"
TARGETS = ("wechat_envelope", "wechat_decrypt", "sms_push", "cmpp_frame", "hl7_message")
SECONDS = 15 if os.environ.get("CI", "").lower() == "true" else 8
SOAK_SECONDS = 180


# libFuzzer's memory limit reads ru_maxrss, and a process keeps the peak of whoever started it through its exec. A shell in
# between starts the fuzzer from a few megabytes, however large the tests have grown by then.
ALONE = ("/bin/sh", "-c", '"$@"; exit $?', "sh")


def fuzz(target: str, folder: Path, seconds: int) -> str:
    """What the fuzzer said. Fails with the input it found."""
    corpus = folder / "corpus"
    shutil.copytree(CORPUS / target, corpus)
    done = subprocess.run(
        [*ALONE, sys.executable, "-m", "tests.fuzz.targets", target, str(corpus), str(seconds)],
        cwd=ROOT, capture_output=True, text=True, timeout=seconds + 120, check=False,
    )  # fmt: skip
    failed = [f"{one.name}: {one.read_bytes()!r}" for one in folder.glob("failed-*")]
    assert done.returncode == 0 and not failed, "\n".join([*failed, done.stderr[-4000:], done.stdout[-2000:]])
    return done.stderr


def runs(said: str) -> int:
    found = re.search(r"stat::number_of_executed_units:\s*(\d+)", said)
    assert found is not None, said[-2000:]
    return int(found[1])


def test_a_fuzzer_counts_its_own_memory_only() -> None:
    bytearray(b"x" * 400_000_000)
    asked = "import resource; print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)"
    told = subprocess.run(
        [*ALONE, sys.executable, "-c", asked], capture_output=True, text=True, check=True
    ).stdout
    assert int(told) < 200_000, "kilobytes: the tests' own peak came along"


@pytest.mark.parametrize("target", TARGETS)
def test_no_input_breaks_a_parser(target: str, tmp_path: Path) -> None:
    said = fuzz(target, tmp_path, SECONDS)
    assert runs(said) > 1000
    assert "INITED" in said and "NEW" in said, "the fuzzer saw no coverage"


@pytest.mark.soak
@pytest.mark.parametrize("target", TARGETS)
def test_no_input_breaks_a_parser_in_minutes(target: str, tmp_path: Path) -> None:
    assert runs(fuzz(target, tmp_path, SOAK_SECONDS)) > 10_000


def test_the_fuzzer_finds_what_is_wrong(tmp_path: Path) -> None:
    """A parser that breaks on one letter is caught: otherwise the tests above would prove nothing."""
    folder = tmp_path / "corpus"
    folder.mkdir()
    (folder / "seed").write_bytes(b"abc")
    script = (
        "import atheris, sys\n"
        "@atheris.instrument_func\n"
        "def parse(data):\n"
        "    if data[:1] == b'X':\n"
        "        raise KeyError\n"
        f"atheris.Setup(['x', {str(folder)!r}, '-max_total_time=20', '-artifact_prefix={tmp_path}/failed-'], parse)\n"
        "atheris.Fuzz()\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, timeout=60, check=False)
    assert done.returncode != 0
    assert [one.read_bytes()[:1] for one in tmp_path.glob("failed-*")] == [b"X"]
