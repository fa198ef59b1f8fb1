"""kill -9 again and again of one of two applications on one database, while callbacks come in and answers go out: nothing lost,
nothing accepted twice, no more uncertain than was in flight. Ten kills in ten thousand messages under `-m soak`.

The engine is a surface that answers at once: what is tried here is what we store and what we send.
"""

from __future__ import annotations

import asyncio
import random
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial

import pytest

from channels.outbox.models import OutboundMessage
from server.supervisor import Child, free_ports
from tests.e2e.conftest import kept_on_failure
from tests.e2e.crowd import (
    Crowd,
    check_every_message,
    everything_ends,
    followers,
    last_seen,
    started_sends,
    statuses,
)
from tests.e2e.installation import Installation, Process, http, wait_until
from tests.factories.engine import EngineSurface
from tests.factories.servers import Postgres

pytestmark = [pytest.mark.e2e]

EACH_WECHAT = 2
"""Of the five customer messages a patient's message allows, the gate keeps two back: three unanswered ones are the most."""
ANSWER = {
    "intent": "greet", "confidence": 0.9, "replies": [{"key": "smalltalk.greet", "params": {}, "options": []}],
    "replayed": False,
}  # fmt: skip


@contextmanager
def engine() -> Iterator[str]:
    """The engine's surface in a loop of its own; its URL."""
    surface, loop = EngineSurface(), asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()

    surface.default = ANSWER
    asyncio.run_coroutine_threadsafe(surface.up(), loop).result(10)
    try:
        yield f"http://127.0.0.1:{surface.port}"
    finally:
        asyncio.run_coroutine_threadsafe(surface.down(), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(5)


@dataclass
class Pair:
    """Two applications of one installation. WeChat calls the first, SMS the second."""

    home: Installation
    second: Process
    second_url: str

    @property
    def both(self) -> tuple[Process, Process]:
        return self.home.app, self.second

    def wait_ready(self) -> None:
        self.home.wait_ready()
        wait_until(lambda: _ready(self.second_url), "the second application is ready", 120, 0.2)


def _ready(url: str) -> bool:
    try:
        return http("GET", f"{url}/health/ready", timeout=5).status == 200
    except OSError:
        return False


@contextmanager
def pair(request: pytest.FixtureRequest, backend: str, people: int) -> Iterator[Pair]:
    postgres: Postgres | None = None
    url = name = ""
    if backend == "postgresql":
        postgres = request.getfixturevalue("postgres")
        name = postgres.create()
        url = postgres.url(name)
    with kept_on_failure(request.session, "pair") as folder, engine() as engine_url:
        port, internal = free_ports(2)
        second_url = f"http://127.0.0.1:{port}"
        home = Installation(
            folder, url, own_vendors=True, wechat_followers=followers(people), engine_url=engine_url,
            sms_callback=second_url,
        )  # fmt: skip
        first = home.app.child
        env = {**first.env, "BANYI_PORT": str(port), "BANYI_INTERNAL_PORT": str(internal)}
        second = Process(Child("second", first.command, env, first.cwd, folder / "log" / "second.log"))
        running = Pair(home, second, second_url)
        try:
            home.start()
            second.start()
            running.wait_ready()
            yield running
        finally:
            second.stop()
            home.stop()
            if postgres is not None:
                postgres.drop(name)


def _came(home: Installation, writing: threading.Thread, enough: float) -> bool:
    return last_seen(home) >= enough or not writing.is_alive()


def kill_often(running: Pair, crowd: Crowd, kills: int, messages: int, seed: int) -> None:
    home, chance = running.home, random.Random(seed)
    writing = threading.Thread(target=crowd.write)
    writing.start()
    in_flight = 0
    marks = sorted(chance.uniform(0.05, 0.85) for _ in range(kills))
    for mark in marks:
        enough = messages * mark
        wait_until(partial(_came, home, writing, enough), f"{mark:.0%} came", 1800)
        time.sleep(chance.uniform(0, 0.5))
        victim = chance.choice(running.both)
        victim.kill()
        flying = started_sends(home)
        in_flight += flying
        print(f"killed {victim.child.name} at {last_seen(home)} of {messages}, {flying} at the vendors")
        time.sleep(0.3)
        victim.start()
        running.wait_ready()
    writing.join(1800)
    assert not writing.is_alive()
    everything_ends(home, 240)
    stored = last_seen(home)
    assert crowd.taken <= stored <= messages, f"{crowd.taken} were acknowledged, {stored} are stored"
    assert crowd.taken + crowd.refused == messages
    uncertain = statuses(home, OutboundMessage)["uncertain"]
    print(
        f"{crowd.taken} taken, {crowd.refused} given up by the vendor, {uncertain} uncertain of {in_flight}"
    )
    check_every_message(home, set(), in_flight)
    assert crowd.taken > messages * 0.5, "the vendors gave up too much for this to prove anything"


@pytest.mark.timeout(600)
def test_three_kills_with_two_applications(request: pytest.FixtureRequest) -> None:
    """On PostgreSQL; `test_kill` does SQLite, and the soak both."""
    with pair(request, "postgresql", 150) as running:
        crowd = Crowd(running.home, wechat=(150, EACH_WECHAT), sms=(30, 10), at_once=40)
        kill_often(running, crowd, 3, 600, random.randrange(2**32))


@pytest.mark.soak
@pytest.mark.timeout(7200)
@pytest.mark.parametrize("backend", ["sqlite", "postgresql"])
def test_ten_kills_in_ten_thousand_messages(request: pytest.FixtureRequest, backend: str) -> None:
    with pair(request, backend, 2500) as running:
        crowd = Crowd(running.home, wechat=(2500, EACH_WECHAT), sms=(200, 25), at_once=64)
        kill_often(running, crowd, 10, 10_000, random.randrange(2**32))
