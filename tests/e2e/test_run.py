"""`./banyi run` as somebody at a terminal meets it: it starts, repairs, says so, and leaves nothing behind."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import psutil  # type: ignore[import-untyped]
import pytest

from server.settings import ROOT
from tests.e2e.conftest import kept_on_failure
from tests.e2e.installation import Installation, http, wait_until

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]


@dataclass
class Terminal:
    """A running `./banyi run` and what it has printed."""

    popen: subprocess.Popen[str]
    lines: list[str] = field(default_factory=list)

    def read(self) -> None:
        assert self.popen.stdout is not None
        self.lines.extend(self.popen.stdout)

    def shows(self, pattern: str, seconds: float = 60) -> str:
        return wait_until(
            lambda: next((line for line in list(self.lines) if re.search(pattern, line)), None),
            f"a line with {pattern!r} in {self.lines}",
            seconds,
        )

    def children(self) -> list[psutil.Process]:
        return list(psutil.Process(self.popen.pid).children(recursive=True))


def environment(installation: Installation, **changed: str) -> dict[str, str]:
    return {**os.environ, **installation.environment, **changed}


@pytest.fixture
def folder(model: None, request: pytest.FixtureRequest) -> Iterator[Path]:
    with kept_on_failure(request.session, "run") as made:
        yield made


@pytest.fixture
def terminal(folder: Path) -> Iterator[tuple[Terminal, Installation]]:
    installation = Installation(folder)
    popen = subprocess.Popen(
        [str(ROOT / "banyi"), "run"],
        env=environment(installation),
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    opened = Terminal(popen)
    reader = threading.Thread(target=opened.read)
    reader.start()
    try:
        yield opened, installation
    finally:
        if popen.poll() is None:
            os.killpg(popen.pid, signal.SIGTERM)
            popen.wait(30)
        reader.join(10)


def test_start_repair_and_stop(terminal: tuple[Terminal, Installation]) -> None:
    """One life of it: the addresses, a crash of each process, Ctrl-C."""
    shown, installation = terminal
    shown.shows("is running", 120)
    shown.shows(re.escape(f"{installation.url}/phones"))
    shown.shows("Ctrl-C")
    assert http("GET", f"{installation.url}/health/ready").status == 200
    children = shown.children()
    application = next(one for one in children if "server.serve" in one.cmdline())
    engine = next(one for one in children if "bot.engine" in one.cmdline())

    application.kill()
    shown.shows("application ended .*starting it again in 1 s.*application.log")
    shown.shows("application is started again")
    engine.kill()
    shown.shows(r"engine \(Rasa\) ended")
    shown.shows(r"engine \(Rasa\) is started again")
    installation.wait_ready = lambda *_: None  # type: ignore[method-assign]  # its own processes were never started
    wait_until(lambda: ready(installation), "it is ready again", 120, 0.3)

    everybody = [*shown.children(), psutil.Process(shown.popen.pid)]
    assert len(everybody) >= 3
    os.kill(shown.popen.pid, signal.SIGINT)
    assert shown.popen.wait(30) == 0
    shown.shows("everything is stopped", 5)
    _, alive = psutil.wait_procs(everybody, timeout=5)
    assert not alive
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", installation.settings.port)) != 0
    assert "Traceback" not in "".join(shown.lines)


def ready(installation: Installation) -> bool:
    try:
        return http("GET", f"{installation.url}/health/ready", timeout=5).status == 200
    except OSError:
        return False


@pytest.mark.parametrize("name", ["BANYI_PORT", "BANYI_INTERNAL_PORT", "BANYI_ENGINE_PORT"])
def test_a_taken_port_is_named(folder: Path, name: str) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        done = run_and_fail(environment(Installation(folder), **{name: port}))
    assert done.returncode == 2
    assert f"port {port} is taken" in done.stderr and name in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("BANYI_PORT", "eighty"),
        ("BANYI_DUTY_HOURS", "always"),
        ("BANYI_ENVIRONMENT", "production"),
        ("BANYI_DATA_KEYS", "k1:short"),
    ],
)
def test_a_wrong_setting_is_named(folder: Path, name: str, value: str) -> None:
    done = run_and_fail(environment(Installation(folder), **{name: value}))
    assert done.returncode == 2, done.stderr
    assert "BANYI_" in done.stderr and "Traceback" not in done.stderr


def run_and_fail(env: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(ROOT / "banyi"), "run"],
        env=env,
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
