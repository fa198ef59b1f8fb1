"""Handing messages to vendors: claim, ask the gate, send outside any transaction, record what is known.

A vendor accepts a message at most once: an attempt is written as `started` before the call, and whatever is found `started`
after a crash becomes `uncertain` with a task, never a second send. In a conversation messages leave in order; across
conversations in parallel, conversation before bulk, which never takes all the places.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from dataclasses import replace
from uuid import UUID

import structlog
from sqlalchemy.ext.asyncio import AsyncSession

from channels import metrics
from channels.outbox import claim
from channels.outbox.applying import Applier, Collector
from channels.outbox.claim import Claimer, Places
from channels.outbox.jobs import Job, SenderKey
from channels.outbox.ports import SendPolicy, TroubleDesk
from channels.outbox.rates import Rates, reserve
from channels.outbox.reaping import Reaper
from channels.outbox.rendering import Renderer
from channels.ports import Outcome, Sender, SendResult
from channels.wording.catalogue import Catalogue
from store.claiming import Claimed, ClaimLoop
from store.clock import Clock
from store.database import Database, assert_no_session

log = structlog.get_logger(__name__)

BATCH = 200
"""Messages claimed in one transaction at most."""
PATIENCE = 0.05
"""Seconds a free place may stay so while bulk is sent, to be filled by a claim together with others. A new message wakes the
loop at once."""
_TELLING = re.compile(r"(?<![\w-])o[\w-]{27}(?![\w-])|\+?\d{7,}", re.ASCII)
"""An openid, or digits that may be a phone number: vendors repeat them in their explanations."""


class Delivery:
    """The delivery worker. `senders` by (channel, account id); at most `concurrency` messages are in vendors' hands."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        catalogue: Catalogue,
        senders: Mapping[SenderKey, Sender],
        policy: SendPolicy,
        desk: TroubleDesk,
        concurrency: int = 24,
        rates: Rates | None = None,
        account_types: Mapping[str, str] | None = None,
    ) -> None:
        """`account_types`: what WeChat accounts are, by account id; a message takes as much of the window as its account needs."""
        self._database = database
        self._clock = clock
        self._senders = senders
        self._rates = rates or Rates()
        self._claimer = Claimer(policy, Renderer(catalogue, desk, account_types), desk)
        self._applier = Applier(desk)
        self._results = Collector(self._write, max(1, min(BATCH, concurrency // 2)))
        self._reaper = Reaper(database, clock, desk)
        self._bulk_most = concurrency - reserve(concurrency)
        self._bulk = 0
        self._loop = ClaimLoop(
            "delivery",
            due=self._due,
            claim=self._claim,
            work=self._deliver,
            concurrency=concurrency,
            batch=BATCH,
            upkeep=self.reap,
            patience=PATIENCE,
        )

    @property
    def in_hand(self) -> int:
        """Messages claimed and not settled yet."""
        return self._loop.in_hand

    def wake(self) -> None:
        """Something was queued: look now, without asking first whether there is anything."""
        self._loop.wake()

    async def run(self, poll: float = 0.5) -> None:
        """Deliver for ever. A failure of the loop itself is logged and does not end it."""
        await self._loop.run(poll)

    async def drain(self) -> None:
        """Wait for what is in flight (at shutdown)."""
        await self._loop.drain()

    async def run_once(self) -> int:
        """Claim and deliver one round; how many were tried. For tests and commands."""
        return await self._loop.run_once()

    async def reap(self) -> int:
        """Take over what a dead process left; how many."""
        return await self._reaper.once()

    async def _due(self) -> bool:
        async with self._database.read("delivery-peek") as session:
            return await claim.waiting(session, self._clock.now())

    async def _claim(self, limit: int) -> Claimed[Job]:
        now = self._clock.now()
        bulk = max(0, min(limit, self._bulk_most - self._bulk))
        limited = await self._rates.places()

        async def work(session: AsyncSession) -> tuple[int, list[Job]]:
            return await self._claimer.claim(session, now, Places(limit, bulk, limited))

        while True:
            rows, jobs = await self._database.transact(work, "delivery-claim")
            if jobs or not rows:  # a batch the gate held back altogether: look at the next
                break
        self._bulk += sum(job.bulk for job in jobs)
        # Where there was no place for bulk, nobody knows whether some waits.
        return Claimed(jobs, more=not bulk or rows >= min(limit, bulk))

    async def _deliver(self, job: Job) -> bool:
        """Hand one message over; whether another of its conversation waits."""
        try:
            job.result = await self._send(job)
            return await self._results.put(job)
        finally:
            self._bulk -= job.bulk

    async def _send(self, job: Job) -> SendResult:
        key = (job.contact.channel, job.contact.account_id)
        sender = self._senders.get(key)
        assert_no_session("send")
        if sender is None:
            return SendResult(Outcome.REFUSED, code="no_sender", detail="no such account is configured")
        await self._rates.wait(key)
        loop = asyncio.get_running_loop()
        started = loop.time()
        try:
            result = await sender.send(job.contact.address, job.rendered, str(job.message.id))
        except Exception as error:  # a sender's bug: nobody knows what left
            log.exception("delivery.sender_failed")
            result = SendResult(Outcome.UNCERTAIN, code="sender_error", detail=type(error).__name__)
        metrics.sent(key[0], job.rung, str(result.outcome), loop.time() - started)
        return replace(result, detail=_TELLING.sub("…", result.detail)) if result.detail else result

    async def _write(self, jobs: list[Job]) -> set[UUID]:
        async def work(session: AsyncSession) -> set[UUID]:
            return await self._applier.apply(session, jobs, self._clock.now())

        return await self._database.transact(work, "delivery-apply")
