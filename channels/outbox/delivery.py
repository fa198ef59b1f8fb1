"""Handing messages to vendors: claim, ask the gate, send outside any transaction, record what is known.

A vendor accepts a message at most once: an attempt is written as `started` before the call, and whatever is found `started`
after a crash becomes `uncertain` with a task, never a second send. In a conversation messages leave in order; across
conversations in parallel, conversation before bulk.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import structlog
from sqlalchemy import Integer, and_, bindparam, case, exists, insert, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased

from channels import metrics
from channels.contacts.models import Contact, SendingWindow
from channels.outbox.models import DeliveryAttempt, OutboundMessage
from channels.outbox.ports import Candidate, SendPolicy, TroubleDesk
from channels.ports import ChannelName, Outcome, Rendered, Sender, SendResult
from channels.reply import Reply
from channels.wechat.wording import count_messages
from channels.wording.catalogue import CALL_US, Catalogue
from store import leases
from store.clock import Clock, real_now
from store.database import Database, assert_no_session
from store.ids import new_id

log = structlog.get_logger(__name__)

LEASE = timedelta(seconds=60)
BUSY, GATHER = 3, 0.012
"""With so many in hand, wait so many seconds and claim together what came: a claim costs much the same for one or ten."""
MAX_TRIES = 4
BACKOFF = (2.0, 8.0, 30.0)
"""Seconds before another try of what a vendor said to try again; only outcomes known not to have been accepted."""

APPLY_AGAIN = (0.2, 1.0, 3.0, 8.0)
"""Seconds before the outcome of a try is written once more when the database did not take it; well within the lease."""
_TELLING = re.compile(r"(?<![\w-])o[\w-]{27}(?![\w-])|\+?\d{7,}", re.ASCII)
"""An openid, or digits that may be a phone number: vendors repeat them in their explanations."""

SenderKey = tuple[str, str]


@dataclass(slots=True)
class _Job:
    message: OutboundMessage
    contact: Contact
    attempt_id: UUID
    rendered: Rendered
    token: UUID
    weight: int = 1
    """How many of the vendor's messages it takes (a long text takes several)."""
    result: SendResult | None = None


_EARLIER = aliased(OutboundMessage)
_BLOCKED = exists().where(
    _EARLIER.conversation_id == OutboundMessage.conversation_id,
    _EARLIER.seq < OutboundMessage.seq,
    or_(
        _EARLIER.status == "sending",
        and_(
            _EARLIER.status == "queued",
            _EARLIER.priority <= OutboundMessage.priority,  # an answer does not wait for bulk
            or_(_EARLIER.due_at <= leases.NOW, _EARLIER.attempts > 0),
        ),
    ),
)
_MAY_GO = (OutboundMessage.status == "queued", ~_BLOCKED)
_FIRST = (OutboundMessage.priority, OutboundMessage.due_at, OutboundMessage.id)
_ATTEMPT: Any = DeliveryAttempt.__table__
_KNOWN = (
    update(_ATTEMPT)
    .where(_ATTEMPT.c.id == bindparam("attempt"))
    .values(
        verdict=bindparam("outcome"),
        vendor_id=bindparam("vendor"),
        code=bindparam("said"),
        detail=bindparam("more"),
        finished_at=bindparam("at"),
    )
    .returning(_ATTEMPT.c.receipt)
)
_WINDOW: Any = SendingWindow.__table__
_LEFT = _WINDOW.c.remaining - bindparam("taken", type_=Integer)
_SPEND = (
    update(_WINDOW)
    .where(_WINDOW.c.contact_id == bindparam("contact"))
    .values(remaining=case((_LEFT > 0, _LEFT), else_=0))
)


class Delivery:
    """The delivery worker. `senders` by (channel, account id)."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        catalogue: Catalogue,
        senders: Mapping[SenderKey, Sender],
        policy: SendPolicy,
        desk: TroubleDesk,
        concurrency: int = 24,
    ) -> None:
        self._database = database
        self._clock = clock
        self._catalogue = catalogue
        self._senders = senders
        self._policy = policy
        self._desk = desk
        self._concurrency = concurrency
        self._wake = asyncio.Event()
        self._running: set[asyncio.Task[bool]] = set()
        self._woken = True
        self._full = False

    def wake(self) -> None:
        """Something was queued: look now, without asking first whether there is anything."""
        self._woken = True
        self._wake.set()

    async def run(self, poll: float = 0.5) -> None:
        """Deliver for ever. A failure of the loop itself is logged and does not end it."""
        last_reap = 0.0
        loop = asyncio.get_running_loop()
        while True:
            try:
                if loop.time() - last_reap > 5:
                    await self.reap()
                    last_reap = loop.time()
                free = self._concurrency - len(self._running)
                jobs = await self._begin(free) if free > 0 else []
                self._full = free <= 0 or len(jobs) == free
            except asyncio.CancelledError:
                raise
            except Exception:
                log.exception("delivery.loop_failed")
                await asyncio.sleep(1)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._wake.wait(), poll)
            if len(self._running) >= BUSY:
                await asyncio.sleep(GATHER)
            self._wake.clear()

    async def _begin(self, limit: int) -> list[_Job]:
        """Claim and start up to `limit`. Stopped meanwhile, what was claimed is still delivered: it would be uncertain."""

        async def work() -> list[_Job]:
            jobs = await self._claim(limit)
            for job in jobs:
                task = asyncio.create_task(self._deliver(job))
                self._running.add(task)
                task.add_done_callback(self._done)
            return jobs

        claiming = asyncio.create_task(work())
        try:
            return await asyncio.shield(claiming)
        except asyncio.CancelledError:
            await asyncio.wait([claiming], timeout=5)
            raise

    def _done(self, task: asyncio.Task[bool]) -> None:
        self._running.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("delivery.task_failed", reason=type(error).__name__)
        follows = not task.cancelled() and task.exception() is None and task.result()
        if follows:  # the next of its conversation
            self.wake()
        elif self._full:  # more may be waiting for the place that is free now
            self._wake.set()

    async def drain(self) -> None:
        """Wait for what is in flight (at shutdown)."""
        if self._running:
            await asyncio.wait(self._running, timeout=10)

    async def run_once(self) -> int:
        """Claim and deliver one round; how many were tried. For tests and commands."""
        jobs = await self._claim(self._concurrency)
        await asyncio.gather(*(self._deliver(job) for job in jobs))
        return len(jobs)

    async def _claim(self, limit: int) -> list[_Job]:
        now = self._clock.now()
        if not self._woken:
            async with self._database.read("delivery-peek") as session:
                if await session.scalar(select(self._due(now).exists())) is not True:
                    return []
        self._woken = False

        async def work(session: AsyncSession) -> tuple[int, list[_Job]]:
            return await self._claim_in(session, now, limit)

        while True:
            rows, jobs = await self._database.transact(work, "delivery-claim")
            if jobs or not rows:  # a batch the gate held back altogether: look at the next
                return jobs

    def _due(self, now: datetime):  # type: ignore[no-untyped-def]  # SQLAlchemy's Select type says nothing here
        return select(OutboundMessage.id).where(
            OutboundMessage.status == "queued", OutboundMessage.due_at <= now
        )

    async def _claim_in(self, session: AsyncSession, now: datetime, limit: int) -> tuple[int, list[_Job]]:
        """Lease up to `limit` messages; how many were leased, and those that may go out now."""
        token, rows = await leases.claim(
            session,
            OutboundMessage,
            now=now,
            limit=limit,
            lease=LEASE,
            where=_MAY_GO,
            order_by=_FIRST,
            values={"status": "sending"},
        )
        if not rows:
            return 0, []
        contacts = {
            contact.id: contact
            for contact in await session.scalars(
                select(Contact).where(Contact.id.in_({row.contact_id for row in rows}))
            )
        }
        batch = [(row, contacts[row.contact_id]) for row in rows]
        candidates = [Candidate(row, contact) for row, contact in batch]
        verdicts = await self._policy.check(session, candidates, now)
        jobs: list[_Job] = []
        for (row, contact), verdict in zip(batch, verdicts, strict=True):
            if not verdict.send:
                if verdict.until is not None:
                    row.attempts -= 1  # it was not tried: it must not hold up what follows it
                    _settle(row, "queued", due_at=verdict.until, reason=verdict.reason)
                else:
                    _settle(row, "suppressed", finished_at=now, reason=verdict.reason)
                continue
            rendered = await self._render(session, row, contact, now)
            if rendered is None:
                continue
            weight = count_messages(rendered, "service") if contact.channel == ChannelName.WECHAT else 1
            jobs.append(_Job(row, contact, new_id(), rendered, token, weight))
        if jobs:
            started = [
                {
                    "id": job.attempt_id,
                    "outbound_id": job.message.id,
                    "n": job.message.attempts,
                    "rung": _rung(job.contact),
                    "verdict": "started",
                    "started_at": now,
                }
                for job in jobs
            ]
            await session.execute(insert(_ATTEMPT), started)
        return len(rows), jobs

    async def _render(
        self, session: AsyncSession, row: OutboundMessage, contact: Contact, now: datetime
    ) -> Rendered | None:
        reply = Reply.from_json(row.reply)
        try:
            if contact.channel == ChannelName.WECHAT:
                return self._catalogue.render_wechat(reply, row.question_id)
            rendered = self._catalogue.render_sms(reply, contact.account_id)
            if rendered is not None:
                return rendered
            # No approved words for it: the patient gets the landline, a person gets a call task.
            await self._desk.undeliverable(session, row, f"no_sms_template:{reply.key}", now)
            rendered = self._catalogue.render_sms(Reply(CALL_US), contact.account_id)
            if rendered is not None:
                return rendered
        except KeyError as error:
            log.error("delivery.no_wording", key=str(error))
            await self._desk.undeliverable(session, row, f"no_wording:{reply.key}", now)
        _settle(row, "failed", finished_at=now, reason="no_wording")
        return None

    async def _deliver(self, job: _Job) -> bool:
        """Hand one message over; whether another of its conversation waits."""
        sender = self._senders.get((job.contact.channel, job.contact.account_id))
        assert_no_session("send")
        started = asyncio.get_running_loop().time()
        if sender is None:
            job.result = SendResult(Outcome.REFUSED, code="no_sender", detail="no such account is configured")
        else:
            try:
                job.result = await sender.send(job.contact.address, job.rendered, str(job.message.id))
            except Exception as error:  # a sender's bug: nobody knows what left
                log.exception("delivery.sender_failed")
                job.result = SendResult(Outcome.UNCERTAIN, code="sender_error", detail=type(error).__name__)
        job.result = replace(job.result, detail=_TELLING.sub("…", job.result.detail))
        metrics.SEND_SECONDS.labels(job.contact.channel).observe(asyncio.get_running_loop().time() - started)
        metrics.SENT.labels(job.contact.channel, str(job.result.outcome)).inc()

        async def work(session: AsyncSession) -> bool:
            await self._apply(session, job)
            waiting = exists().where(
                OutboundMessage.conversation_id == job.message.conversation_id,
                OutboundMessage.status == "queued",
                OutboundMessage.due_at <= self._clock.now(),
            )
            return await session.scalar(select(waiting)) is True

        for pause in APPLY_AGAIN:
            try:
                return await self._database.transact(work, "delivery-apply")
            except Exception as error:  # what is known would be lost, and the message called uncertain
                log.warning(
                    "delivery.apply_failed", outbound=str(job.message.id), reason=type(error).__name__
                )
                await asyncio.sleep(pause)
        return await self._database.transact(work, "delivery-apply")

    async def _apply(self, session: AsyncSession, job: _Job) -> None:
        result, now = job.result, self._clock.now()
        assert result is not None
        receipt = await session.scalar(
            _KNOWN,
            {
                "attempt": job.attempt_id,
                "outcome": str(result.outcome),
                "vendor": result.vendor_id[:120] or None,
                "said": result.code[:120] or None,
                "more": result.detail[:300] or None,
                "at": now,
            },
        )
        values: dict[str, object] = {"reason": result.code[:200] or None}
        match result.outcome:
            case Outcome.ACCEPTED | Outcome.UNCERTAIN if receipt is not None:  # its report was quicker
                values |= {"status": receipt, "finished_at": now, "due_at": None}
            case Outcome.ACCEPTED:
                values |= {"status": "accepted", "reason": None, "finished_at": now, "due_at": None}
            case Outcome.RETRY if job.message.attempts < MAX_TRIES:
                delay = max(result.retry_after, BACKOFF[min(job.message.attempts, len(BACKOFF)) - 1])
                values |= {"status": "queued", "due_at": now + timedelta(seconds=delay)}
            case Outcome.UNCERTAIN:
                values |= {"status": "uncertain", "finished_at": now, "due_at": None}
            case _:
                values |= {"status": "failed", "finished_at": now, "due_at": None}
        if not await leases.release(session, OutboundMessage, job.message.id, job.token, **values):
            return  # the lease was lost: whoever took over has already called it uncertain
        if job.contact.channel == ChannelName.WECHAT:
            await self._count(session, job, result)
        if values["status"] == "uncertain":
            await self._desk.uncertain(session, job.message, result.detail or result.code, now)
        elif values["status"] == "failed":
            await self._desk.undeliverable(session, job.message, result.code or "refused", now)
        if result.stop_contact:
            await session.execute(
                update(Contact).where(Contact.id == job.contact.id).values(status="stopped")
            )

    @staticmethod
    async def _count(session: AsyncSession, job: _Job, result: SendResult) -> None:
        """Keep the quota ledger: less by what was taken; nothing left when the vendor says so."""
        if result.code in ("45015", "45047"):
            taken = 1_000
        elif result.outcome is Outcome.ACCEPTED:
            taken = job.weight
        else:
            return
        await session.execute(_SPEND, {"contact": job.contact.id, "taken": taken})

    async def reap(self) -> int:
        """Take over what a dead process left: `started` attempts become uncertain, the rest is queued again."""
        real = real_now()
        stale = and_(OutboundMessage.status == "sending", OutboundMessage.lease_until < real)
        async with self._database.read("delivery-reap-peek") as session:
            if await session.scalar(select(select(OutboundMessage.id).where(stale).exists())) is not True:
                return 0

        async def work(session: AsyncSession) -> int:
            now = self._clock.now()
            rows = select(OutboundMessage).where(stale).limit(200)
            if not self._database.is_sqlite:
                rows = rows.with_for_update(skip_locked=True)
            taken = list(await session.scalars(rows))
            for row in taken:
                attempt = await session.scalar(
                    select(DeliveryAttempt)
                    .where(DeliveryAttempt.outbound_id == row.id, DeliveryAttempt.verdict == "started")
                    .with_for_update()
                )
                if attempt is None:
                    _settle(row, "queued", due_at=now, reason="lease_lost")
                    continue
                attempt.verdict, attempt.finished_at = "uncertain", now
                if attempt.receipt is not None:  # the process died, but the vendor has told us
                    _settle(row, attempt.receipt, finished_at=now, reason="process_died")
                    continue
                _settle(row, "uncertain", finished_at=now, reason="process_died")
                await self._desk.uncertain(session, row, "process_died", now)
            return len(taken)

        taken = await self._database.transact(work, "delivery-reap")
        if taken:
            log.warning("delivery.taken_over", count=taken)
        return taken


def _rung(contact: Contact) -> str:
    return "custom" if contact.channel == ChannelName.WECHAT else "sms"


def _settle(row: OutboundMessage, status: str, *, reason: str, **values: datetime) -> None:
    row.status, row.reason = status, reason[:200]
    row.lease_token = row.lease_until = None
    row.due_at = values.get("due_at")
    if "finished_at" in values:
        row.finished_at = values["finished_at"]
