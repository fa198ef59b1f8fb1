"""A full turn: WeChat callback → inbox → screen → Rasa → actions → outbox → the simulator, 16 patients at once.

Baseline: the same Rasa process with the same model and actions, asked the same texts over its own REST channel, in the same
run, 16 at once.
"""

from __future__ import annotations

import asyncio
import json
import statistics
import time
import uuid
from collections.abc import Awaitable, Callable

import aiohttp
import psutil
from sqlalchemy import create_engine, text

from bench.installation import running
from bench.results import Result
from server.settings import Settings

PATIENTS = 16
WARM_UP = 6
TURNS = 30
ROUNDS = 3
TEXTS = (
    "你好",
    "停车怎么收费",
    "查一下我的预约",
    "这几天老是胃疼反酸",
    "异地医保怎么备案",
    "你是机器人吗",
    "住院要带什么东西",
    "谢谢",
    "李敏主任什么时候出诊",
    "报告几天能出来",
)


class Phone:
    """One patient's phone: says a text and hears the first answer."""

    def __init__(self, http: aiohttp.ClientSession, base: str, openid: str) -> None:
        self._http, self._base, self.openid = http, base, openid
        self._heard: asyncio.Queue[float] = asyncio.Queue()
        self._listener: asyncio.Task[None] | None = None

    async def start(self) -> None:
        await self._http.post(f"{self._base}/_sim/users/{self.openid}/follow", json={})
        self._listener = asyncio.create_task(self._listen())
        await asyncio.sleep(0.5)
        while not self._heard.empty():
            self._heard.get_nowait()

    async def _listen(self) -> None:
        async with self._http.get(f"{self._base}/_sim/stream", params={"address": self.openid}) as response:
            async for line in response.content:
                if line.startswith(b"data:"):
                    event = json.loads(line[5:])
                    if event.get("direction") == "out":
                        self._heard.put_nowait(time.perf_counter())

    async def turn(self, words: str) -> float:
        """Seconds from saying `words` to seeing an answer."""
        begun = time.perf_counter()
        async with self._http.post(
            f"{self._base}/_sim/users/{self.openid}/text?wait=false", json={"text": words}
        ):
            pass
        return await asyncio.wait_for(self._heard.get(), 30) - begun

    def stop(self) -> None:
        if self._listener is not None:
            self._listener.cancel()


async def _many(turn: Callable[[int, str], Awaitable[float]], turns: int) -> tuple[float, list[float]]:
    """Messages a second and each turn's seconds, for all patients at once."""
    begun = time.perf_counter()

    async def patient(number: int) -> list[float]:
        return [await turn(number, TEXTS[(number + n) % len(TEXTS)]) for n in range(turns)]

    took = [
        seconds for each in await asyncio.gather(*(patient(n) for n in range(PATIENTS))) for seconds in each
    ]
    return len(took) / (time.perf_counter() - begun), took


def engine_ids(settings: Settings) -> list[str]:
    """The ids Rasa knows the conversations by that have gone on for a while."""
    engine = create_engine(f"sqlite:///{settings.var_dir / 'banyi.db'}")
    with engine.connect() as connection:
        rows = connection.execute(
            text("SELECT engine_id FROM conversation WHERE inbound_seq > 5 LIMIT :n"), {"n": PATIENTS}
        )
        return [str(uuid.UUID(row[0])) for row in rows]


def _memory() -> float:
    """MiB of every process of the installation (proportional shares)."""
    me = psutil.Process()
    total = 0
    for child in me.children(recursive=True):
        try:
            total += child.memory_full_info().pss
        except psutil.Error:
            continue
    return total / 2**20


def at(values: list[float], share: float) -> float:
    """The value below which `share` of `values` (seconds) lie, in milliseconds."""
    return statistics.quantiles(values, n=100)[int(share * 100) - 1] * 1000


async def measure() -> list[Result]:
    async with (
        running() as (settings, _),
        aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as http,
    ):
        phones = [Phone(http, f"{settings.loopback}/sim/wechat", f"oBench{n:03d}") for n in range(PATIENTS)]
        for phone in phones:
            await phone.start()

        async def full(number: int, words: str) -> float:
            return await phones[number].turn(words)

        await _many(full, WARM_UP)
        ids = engine_ids(settings)

        async def direct(number: int, words: str) -> float:
            begun = time.perf_counter()
            body = {
                "sender": ids[number],
                "message": words,
                "metadata": {"inbound_id": str(uuid.uuid4()), "text": words},
            }
            async with http.post(f"{settings.engine}/webhooks/rest/webhook", json=body) as response:
                answer = await response.json()
            if not answer:
                raise RuntimeError(f"the engine said nothing to {words!r}")
            return time.perf_counter() - begun

        await _many(direct, WARM_UP)
        # In turns, so that whatever else the machine does falls on both alike.
        rounds = [(await _many(full, TURNS), await _many(direct, TURNS)) for _ in range(ROUNDS)]
        full_rate = statistics.harmonic_mean([one[0][0] for one in rounds])
        direct_rate = statistics.harmonic_mean([one[1][0] for one in rounds])
        full_took = [seconds for one in rounds for seconds in one[0][1]]
        direct_took = [seconds for one in rounds for seconds in one[1][1]]
        for phone in phones:
            phone.stop()
        memory = _memory()
    against = "the same Rasa asked directly over REST, 16 at once"
    return [
        Result("turn_messages_per_second", full_rate, "messages/s", against, direct_rate),
        Result("turn_p50", at(full_took, 0.5), "ms", against, at(direct_took, 0.5)),
        Result("turn_p95", at(full_took, 0.95), "ms", against, at(direct_took, 0.95)),
        Result("memory_everything", memory, "MiB", "the limit of 2 GB", 2000.0),
    ]
