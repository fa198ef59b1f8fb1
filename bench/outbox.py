"""The outbox: a queue drained through the real gate into a vendor that takes everything at once.

Baseline of the sink: the same number of rows taken and settled by bare SQL over the bare driver, in the same batches: one
claim, one attempt written before and one known after, each message moved twice. No gate, no words, no order, no leases.
"""

from __future__ import annotations

import asyncio
import gc
import tempfile
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import psutil
from sqlalchemy import func, select

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
from server.settings import ROOT
from store import crypto
from store.clock import VirtualClock
from store.database import Database

MORNING = datetime(2026, 11, 24, 2, 0, tzinfo=UTC)
"""A Tuesday, 10:00 in Shanghai: nothing waits for hours or rest days."""
FACTS = {"hospital": "云江市示范医院", "landline": "0571-00000000"}
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
    gc.collect()
    gc.freeze()  # as the application does once it is up
    begun = time.perf_counter()
    running = asyncio.create_task(worker.run())
    try:
        while True:
            await asyncio.sleep(0.2)
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


async def measure() -> list[Result]:
    return []
