"""The outbox: a queue drained through the real gate into a vendor that takes everything at once.

Baseline of the sink: the same number of rows taken and settled by bare SQL (`outbox_bare`). `python -m bench.outbox 1000000`
fills the long queue with so many.
"""

from __future__ import annotations

import asyncio
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import psutil
import uvloop
from sqlalchemy import func, select

from bench import outbox_bare
from bench.callback import postgres
from bench.outbox_rows import ACCOUNT, fill
from bench.results import Result
from care.gate.policy import Gate
from care.gate.rules import GateRules
from care.gate.words import CatalogueWords
from channels.outbox.delivery import Delivery
from channels.outbox.models import OutboundMessage
from channels.ports import Outcome, Rendered, Sender, SendResult
from channels.wording.catalogue import Catalogue
from server import migrate
from server.people import CareDesk
from server.serve import spare_the_collector
from server.settings import ROOT
from store import crypto
from store.clock import VirtualClock
from store.database import Database

MORNING = datetime(2026, 11, 24, 2, 0, tzinfo=UTC)
"""A Tuesday, 10:00 in Shanghai: nothing waits for hours or rest days."""
FACTS = {"hospital": "云江市示范医院", "landline": "0571-00000000"}
SMALL, ROUNDS = 10_000, 3
IN_HAND = 512
"""Messages in vendors' hands at most."""


class Sink:
    """A `Sender` that takes everything at once."""

    def __init__(self) -> None:
        self.taken = 0

    async def send(self, address: str, message: Rendered, client_ref: str) -> SendResult:
        self.taken += 1
        return SendResult(Outcome.ACCEPTED, vendor_id=client_ref, code="OK")

    async def close(self) -> None:
        return


def clock() -> VirtualClock:
    still = VirtualClock()
    still.freeze(MORNING)
    return still


def delivery(database: Database, sender: Sender, in_hand: int = IN_HAND) -> Delivery:
    """As the house builds it, one account, everything approved."""
    catalogue = Catalogue(ROOT / "data" / "seed" / "wording", FACTS)
    catalogue.use_templates(catalogue.sms_templates())
    gate = Gate(GateRules(), CatalogueWords(catalogue))
    return Delivery(database, clock(), catalogue, {("sms", ACCOUNT): sender}, gate, CareDesk(), in_hand)


async def drain(database: Database, worker: Delivery, campaign: str) -> float:
    """Seconds until nothing of `campaign` waits or is in flight."""
    waiting = (
        select(func.count())
        .select_from(OutboundMessage)
        .where(OutboundMessage.campaign == campaign, OutboundMessage.status.in_(("queued", "sending")))
    )
    spare_the_collector()  # as the application does once it is up
    begun = time.perf_counter()
    running = asyncio.create_task(worker.run())
    try:
        while True:
            await asyncio.sleep(0.05)
            if worker.in_hand:
                continue
            async with database.read("bench-left") as session:
                if not await session.scalar(waiting):
                    return time.perf_counter() - begun
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        await worker.drain()


@asynccontextmanager
async def peak_memory() -> AsyncIterator[Callable[[], float]]:
    """MiB at the highest, of this process, while inside."""
    process = psutil.Process()
    highest = [process.memory_info().rss]

    async def watch() -> None:
        while True:
            highest[0] = max(highest[0], process.memory_info().rss)
            await asyncio.sleep(0.1)

    watching = asyncio.create_task(watch())
    try:
        yield lambda: highest[0] / 2**20
    finally:
        watching.cancel()


@asynccontextmanager
async def on_sqlite() -> AsyncIterator[Database]:
    with tempfile.TemporaryDirectory(prefix="banyi-bench-") as folder:
        url = f"sqlite+aiosqlite:///{Path(folder) / 'bench.db'}"
        await asyncio.to_thread(migrate.upgrade, url)
        database = Database(url)
        try:
            yield database
        finally:
            await database.close()


def keys() -> None:
    crypto.install(crypto.Keyring({"k1": b"1" * 32}, "k1", {"h1": b"2" * 32}, "h1"))


async def _both(database: Database, name: str, bare: Callable[[], Awaitable[float]]) -> Result:
    """Ours and the bare one in turns on the same database, `ROUNDS` times."""
    ours, others = [], []
    for n in range(ROUNDS):
        await fill(database, SMALL, campaign=f"ours-{n}", now=MORNING, first=2 * n * SMALL)
        ours.append(SMALL / await drain(database, delivery(database, Sink()), f"ours-{n}"))
        await fill(database, SMALL, campaign=f"bare-{n}", now=MORNING, first=(2 * n + 1) * SMALL)
        others.append(await bare())
    against = f"the same rows claimed and settled by bare SQL, {name}"
    rate, other = statistics.harmonic_mean(ours), statistics.harmonic_mean(others)
    return Result(f"outbox_drain_{name}", rate, "messages/s", against, other)


async def _memory(database: Database, name: str, many: int) -> Result:
    """How much more this process holds at its highest with `many` in the queue than with `SMALL`."""
    highest = []
    for n, count in enumerate((SMALL, many)):
        await fill(database, count, campaign=f"memory-{n}", now=MORNING, first=10_000_000 * (n + 1))
        async with peak_memory() as peak:
            await drain(database, delivery(database, Sink()), f"memory-{n}")
            highest.append(peak())
    against = f"the same with {SMALL:,} queued"
    return Result(f"outbox_memory_{many}_{name}", highest[1], "MiB", against, highest[0])


async def measure(many: int = 200_000) -> list[Result]:
    """`many` is how long the long queue is."""
    keys()
    async with on_sqlite() as database:
        path = str(database.url.database)
        results = [
            await _both(database, "sqlite", lambda: asyncio.to_thread(outbox_bare.on_sqlite, path, MORNING))
        ]
        results.append(await _memory(database, "sqlite", many))
    with postgres() as (url, _):
        await asyncio.to_thread(migrate.upgrade, url)
        database = Database(url)
        try:
            results.append(
                await _both(database, "postgresql", lambda: outbox_bare.on_postgresql(url, MORNING))
            )
            results.append(await _memory(database, "postgresql", many))
        finally:
            await database.close()
    from bench import outbox_http  # it drains by what is here

    return [*results, *await outbox_http.measure()]


if __name__ == "__main__":
    from bench.results import keep

    keep(uvloop.run(measure(int(sys.argv[1]) if len(sys.argv) > 1 else 200_000)))
