"""A whole installation for one test run: Rasa, the application and the vendors' stand-ins, each a process of its own.

Nothing of it runs inside the test's process: what a test does goes over HTTP, what it looks at is read from the rows.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

import orjson
from sqlalchemy import Engine, event
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Session

from care.appointments.slots import generate_slots
from server.cli.running import children
from server.migrate import sync_engine
from server.settings import ROOT, Settings
from server.supervisor import Child, free_ports
from store import crypto
from store.clock import VirtualClock
from store.database import Database

T = TypeVar("T")
CHINA = ZoneInfo("Asia/Shanghai")
WECHAT, SMS = "wechat", "sms"


def wait_until(true: Callable[[], T | None], what: str, seconds: float = 60.0, every: float = 0.05) -> T:
    """What `true` returns once it is neither None nor False. Fails with `what` after `seconds`."""
    deadline = time.monotonic() + seconds
    while True:
        found = true()
        if found:
            return found
        if time.monotonic() > deadline:
            raise AssertionError(f"after {seconds:.0f} s still not: {what}")
        time.sleep(every)


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back over HTTP."""

    status: int
    body: bytes
    headers: Mapping[str, str]

    @property
    def text(self) -> str:
        return self.body.decode("utf-8", "replace")

    def json(self) -> Any:
        return orjson.loads(self.body)


def http(
    method: str,
    url: str,
    body: object = None,
    *,
    headers: Mapping[str, str] | None = None,
    timeout: float = 30.0,
) -> Answer:
    """One request; bytes are sent as they are, anything else as JSON. Any status is an answer; raises `OSError` for none."""
    data = body if isinstance(body, bytes) or body is None else orjson.dumps(body)
    given = {"Content-Type": "application/json", **(headers or {})}
    request = urllib.request.Request(url, data=data, headers=given, method=method)
    try:
        with urllib.request.urlopen(request, timeout=timeout) as response:
            return Answer(response.status, response.read(), dict(response.headers))
    except urllib.error.HTTPError as error:
        return Answer(error.code, error.read(), dict(error.headers))


@dataclass
class Process:
    """A child and the way to start it again. `kill` is SIGKILL to the process, as a crash is."""

    child: Child
    popen: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self.child.log.parent.mkdir(parents=True, exist_ok=True)
        with self.child.log.open("ab") as out:
            self.popen = subprocess.Popen(
                list(self.child.command),
                cwd=self.child.cwd,
                env=dict(self.child.env),
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                start_new_session=True,
            )

    @property
    def alive(self) -> bool:
        return self.popen is not None and self.popen.poll() is None

    def signal(self, number: int) -> None:
        if self.popen is not None and self.popen.poll() is None:
            os.killpg(self.popen.pid, number)

    def kill(self) -> None:
        self.signal(signal.SIGKILL)
        if self.popen is not None:
            self.popen.wait(10)

    def stop(self) -> None:
        """Ask, then kill."""
        self.signal(signal.SIGTERM)
        if self.popen is not None:
            try:
                self.popen.wait(12)
            except subprocess.TimeoutExpired:
                self.kill()

    def said(self) -> str:
        """Its log so far."""
        return self.child.log.read_text("utf-8", "replace") if self.child.log.exists() else ""


@dataclass
class Installation:
    """`own_vendors`: WeChat and SMS run in a process of their own, which outlives the application."""

    folder: Path
    database_url: str = ""
    own_vendors: bool = False
    overrides: dict[str, str] = field(default_factory=dict)
    wechat_followers: tuple[str, ...] = ()
    engine_url: str = ""
    sms_callback: str = ""
    """Which application of several the own SMS vendor calls; empty: this one."""

    def __post_init__(self) -> None:
        (self.folder / "log").mkdir(parents=True, exist_ok=True)
        models = self.folder / "models"
        if not models.exists():
            models.symlink_to(ROOT / "var" / "models")
        port, internal, engine_port, wechat_port, sms_port = free_ports(5)
        given = {
            "BANYI_VAR_DIR": str(self.folder),
            "BANYI_PORT": str(port),
            "BANYI_INTERNAL_PORT": str(internal),
            "BANYI_ENGINE_PORT": str(engine_port),
            "BANYI_DATABASE_URL": self.database_url,
            "BANYI_ENVIRONMENT": "demo",
            "BANYI_SIMULATORS": "true",
            "BANYI_DEMO_HISTORY": "false",
            "BANYI_ENGINE_URL": self.engine_url,
            "BANYI_ADMIN_PASSWORD": "a-password-of-the-tests",
        }
        if self.own_vendors:
            given |= {
                "BANYI_WECHAT_BASE_URL": f"http://127.0.0.1:{wechat_port}",
                "BANYI_SMS_BASE_URL": f"http://127.0.0.1:{sms_port}",
            }
        self.environment = given | self.overrides
        self.vendor_ports = {WECHAT: wechat_port, SMS: sms_port}
        with _environment(self.environment):
            self.settings = Settings()
            self.secrets = self.settings.secrets  # made once, before both processes look for them
            made = {child.name.split()[0]: child for child in children(self.settings)}
        self.app = Process(made["application"])
        self.app.child.env = {**self.app.child.env, **self.environment}
        self.rasa = Process(made["engine"]) if "engine" in made else None
        self.vendors: Process | None = None
        self._engine: Engine | None = None

    # -- processes

    def start(self) -> None:
        """Start what this installation has and wait until it answers."""
        if self.rasa is not None:
            self.rasa.start()
        self.app.start()
        self.wait_ready()
        if self.own_vendors:
            self._start_vendors()

    def wait_ready(self, seconds: float = 300.0) -> None:
        def ready() -> bool:
            for one in (self.app, self.rasa):
                assert one is None or one.alive, f"{one.child.name} ended:\n{one.said()[-3000:]}"
            try:
                return http("GET", f"{self.url}/health/ready", timeout=5).status == 200
            except OSError:
                return False

        wait_until(ready, "the installation is ready", seconds, 0.2)

    def stop(self) -> None:
        for one in (self.app, self.rasa, self.vendors):
            if one is not None:
                one.stop()
        if self._engine is not None:
            self._engine.dispose()

    def _start_vendors(self) -> None:
        """The stand-ins apart, knowing the templates the application has had approved."""
        templates = http("GET", f"{self.url}/sim/sms/_sim/templates").json()
        secret = self.settings.sms_callback_secret
        config = {
            "wechat": {
                "port": self.vendor_ports[WECHAT],
                "callback_url": f"{self.url}/wx/{self.settings.wechat_account}",
                "followers": list(self.wechat_followers),
                "markfail_after": 0,
            },
            "sms": {
                "port": self.vendor_ports[SMS],
                "up_url": f"{self.sms_callback or self.url}/sms/aliyun/{secret}/up",
                "report_url": f"{self.sms_callback or self.url}/sms/aliyun/{secret}/report",
                "access_keys": {self.settings.sms_access_key_id: self.settings.sms_access_key_secret},
                "templates": templates,
                "push_retries": [1.0, 2.0, 4.0, 8.0],
                "notice_daily": 5000,
                "number_daily": 5000,
            },
        }
        file = self.folder / "vendors.json"
        file.write_bytes(orjson.dumps(config))
        env = {**os.environ, "PYTHONPATH": str(ROOT)}
        command = [sys.executable, "-m", "tests.e2e.vendors", str(file)]
        self.vendors = Process(Child("vendors", command, env, ROOT, self.folder / "log" / "vendors.log"))
        self.vendors.start()

        def answers() -> bool:
            assert self.vendors is not None and self.vendors.alive, self.vendors and self.vendors.said()
            try:
                return all(
                    http("GET", f"{self.simulator(c)}/_sim/clock").status == 200 for c in (WECHAT, SMS)
                )
            except OSError:
                return False

        wait_until(answers, "the vendors answer", 30)

    # -- addresses

    @property
    def url(self) -> str:
        return self.settings.loopback

    def simulator(self, channel: str) -> str:
        """Base URL of the stand-in whose phones are used."""
        if self.own_vendors:
            return f"http://127.0.0.1:{self.vendor_ports[channel]}"
        return f"{self.url}/sim/{channel}"

    def account(self, channel: str) -> str:
        return self.settings.wechat_account if channel == WECHAT else self.settings.sms_account

    # -- time

    def to_monday_morning(self) -> None:
        """Move the hospital to the next Monday, 9:00: people are on duty, clinics lie ahead."""
        now = self.now().astimezone(CHINA)
        days = (7 - now.weekday()) % 7 or 7
        monday = (now + timedelta(days=days)).replace(hour=9, minute=0, second=0, microsecond=0)
        self.advance(monday - now)
        clock = VirtualClock(zone=self.settings.time_zone)
        clock.freeze(self.now())
        # On a Monday that is a week ahead; the house makes new slots only once an hour.
        self.write(lambda session: generate_slots(session, clock))

    def advance(self, step: timedelta) -> None:
        http("POST", f"{self.url}/sim/wechat/_sim/clock", {"advance": step.total_seconds()})

    def now(self) -> datetime:
        said = http("GET", f"{self.url}/sim/wechat/_sim/clock").json()["now"]
        return datetime.fromisoformat(said).astimezone(UTC)

    # -- rows

    @contextmanager
    def _keys(self) -> Iterator[None]:
        """This installation's keys for as long as rows are read; another test's are put back."""
        before = crypto._current
        crypto.install(self.secrets.keyring)
        try:
            yield
        finally:
            crypto._current = before

    @contextmanager
    def rows(self) -> Iterator[Session]:
        """A session for looking at rows. Read what is sealed before leaving."""
        if self._engine is None:
            self._engine = sync_engine(self.settings.database)
            if self._engine.dialect.name == "sqlite":
                event.listen(self._engine, "connect", lambda c, _: c.execute("PRAGMA busy_timeout=15000"))
        with self._keys(), Session(self._engine) as session:
            yield session

    def write(self, work: Callable[[AsyncSession], Any]) -> Any:
        """Run `work(session)` in one transaction, as another process of the house would."""

        async def run() -> Any:
            database = Database(self.settings.database)
            try:
                async with database.write("test") as session:
                    return await work(session)
            finally:
                await database.close()

        with (
            self._keys(),
            ThreadPoolExecutor(1) as apart,
        ):  # a browser's test has a loop of its own running here
            return apart.submit(asyncio.run, run()).result()

    def metrics(self) -> str:
        return http("GET", f"{self.url}/metrics").text


@contextmanager
def _environment(values: Mapping[str, str]) -> Iterator[None]:
    """Only `values` of our settings, for as long as it lasts."""
    before = {name: value for name, value in os.environ.items() if name.startswith("BANYI_")}
    for name in before:
        del os.environ[name]
    os.environ.update(values)
    try:
        yield
    finally:
        for name in values:
            os.environ.pop(name, None)
        os.environ.update(before)


def dump(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, indent=1, default=str)
