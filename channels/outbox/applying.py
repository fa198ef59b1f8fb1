"""Writing down what vendors answered: results gather for a few milliseconds and share a transaction.

At most one transition a message, guarded by the lease's token: whoever lost it changes nothing but the attempt's own row.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any
from uuid import UUID

import structlog
from sqlalchemy import Integer, bindparam, case, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from channels.contacts.models import Contact, SendingWindow
from channels.outbox import holds, ladder
from channels.outbox.jobs import Job
from channels.outbox.models import DeliveryAttempt, OutboundMessage
from channels.outbox.ports import Rung, TroubleDesk
from channels.ports import Outcome, SendResult
from channels.questions import service as questions
from channels.wechat import grants
from store import sets

log = structlog.get_logger(__name__)

APPLY_AGAIN = (0.2, 1.0, 3.0, 8.0)
"""Seconds before outcomes are written once more when the database did not take them; well within the lease."""
PAUSE = 0.01
"""Seconds in which bulk's results are gathered to be written at once; a conversation's result waits for nothing."""
NO_WINDOW = ("45015", "45047")
"""WeChat: the window is closed, or its count is used up; nothing more may be sent whatever our ledger says."""
_GRANTED = frozenset({Rung.SUBSCRIPTION_LONG, Rung.SUBSCRIPTION_ONCE})

_ATTEMPT: Any = DeliveryAttempt.__table__
_MESSAGE: Any = OutboundMessage.__table__
_WINDOW: Any = SendingWindow.__table__
_CONTACT: Any = Contact.__table__
_NOW_THERE = (
    select(_ATTEMPT.c.id, _ATTEMPT.c.receipt, _MESSAGE.c.lease_token)
    .join_from(_ATTEMPT, _MESSAGE, _MESSAGE.c.id == _ATTEMPT.c.outbound_id)
    .where(sets.among(_ATTEMPT.c.id, "attempts"))
    .order_by(_ATTEMPT.c.id)
    .with_for_update()
)
"""Reports that were quicker, and whose the messages are; all locked, in the same order by everybody."""


@cache
def _known(sqlite: bool) -> Any:
    """What is known now of attempts that ended alike; by attempt, the vendor's id."""
    attempt, vendor = sets.pairs(sqlite)
    return (
        update(_ATTEMPT)
        .where(_ATTEMPT.c.id == attempt)
        .values(
            verdict=bindparam("outcome"),
            vendor_id=vendor,
            code=bindparam("said"),
            detail=bindparam("more"),
            parts=bindparam("took"),
            finished_at=bindparam("at"),
        )
    )


@cache
def _move(sqlite: bool) -> Any:
    """Messages that go the same way from here; by message, nothing."""
    message, _ = sets.pairs(sqlite)
    return (
        update(_MESSAGE)
        .where(_MESSAGE.c.id == message)
        .values(
            status=bindparam("becomes"),
            reason=bindparam("why"),
            due_at=bindparam("due"),
            finished_at=bindparam("at"),
            rung=bindparam("last"),
            plan=bindparam("rungs"),
            lease_token=None,
            lease_until=None,
        )
    )


_LEFT = _WINDOW.c.remaining - bindparam("taken", type_=Integer)
_SPEND = (
    update(_WINDOW)
    .where(_WINDOW.c.contact_id == bindparam("contact"))
    .values(remaining=case((_LEFT > 0, _LEFT), else_=0))
)
_STOP_CONTACT = update(_CONTACT).where(_CONTACT.c.id == bindparam("contact")).values(status="stopped")
_FOLLOWS = (
    select(_MESSAGE.c.conversation_id)
    .distinct()
    .where(
        sets.among(_MESSAGE.c.conversation_id, "conversations"),
        _MESSAGE.c.status == "queued",
        _MESSAGE.c.due_at <= bindparam("now", type_=OutboundMessage.due_at.type),
    )
)


@dataclass(frozen=True, slots=True)
class _Known:
    """What attempts that ended alike have in common."""

    outcome: str
    code: str
    detail: str
    parts: int

    def values(self, now: datetime) -> dict[str, Any]:
        return {
            "outcome": self.outcome,
            "said": self.code or None,
            "more": self.detail or None,
            "took": self.parts,
            "at": now,
        }


@dataclass(frozen=True, slots=True)
class _Move:
    """What messages that go the same way have in common."""

    step: ladder.Step
    rung: str
    plan: tuple[str, ...]

    def values(self, now: datetime) -> dict[str, Any]:
        return {
            "becomes": self.step.status,
            "why": self.step.reason,
            "due": self.step.due_at,
            "at": None if self.step.status == "queued" else now,
            "last": self.rung,
            "rungs": list(self.plan) or None,
        }


class Applier:
    """Writes results in the session it is given."""

    def __init__(self, desk: TroubleDesk) -> None:
        self._desk = desk

    async def apply(self, session: AsyncSession, jobs: Sequence[Job], now: datetime) -> set[UUID]:
        """The conversations of `jobs` in which another message waits now."""
        there = {
            row.id: row
            for row in await session.execute(_NOW_THERE, {"attempts": [job.attempt_id for job in jobs]})
        }
        known: defaultdict[_Known, dict[UUID, str | None]] = defaultdict(dict)
        moves: defaultdict[_Move, dict[UUID, None]] = defaultdict(dict)
        steps = []
        for job in jobs:
            result = job.result
            assert result is not None
            found = there[job.attempt_id]
            step = ladder.after(job, result, found.receipt, now)
            alike = _Known(step.verdict, result.code[:120], result.detail[:300], result.parts or job.parts)
            known[alike][job.attempt_id] = result.vendor_id[:120] or None
            if found.lease_token == job.token:  # else whoever took over has called it uncertain
                moves[_Move(step, str(job.rung), tuple(job.plan))][job.message.id] = None
                steps.append((job, result, step))
        sqlite = session.get_bind().dialect.name == "sqlite"
        for alike, vendor_ids in known.items():
            await session.execute(_known(sqlite), {sets.PAIRS: vendor_ids, **alike.values(now)})
        for way, messages in moves.items():
            await session.execute(_move(sqlite), {sets.PAIRS: messages, **way.values(now)})
        await self._consequences(session, steps, now)
        talks = list({job.message.conversation_id for job in jobs})
        return set(await session.scalars(_FOLLOWS, {"conversations": talks, "now": now}))

    async def _consequences(
        self, session: AsyncSession, steps: Sequence[tuple[Job, SendResult, ladder.Step]], now: datetime
    ) -> None:
        spent = [cost for job, result, _ in steps if (cost := _cost(job, result)) is not None]
        if spent:
            await session.execute(_SPEND, sorted(spent, key=lambda one: str(one["contact"])))
        failed = [job.message for job, _, step in steps if step.status == "failed"]
        await questions.not_seen(session, failed, now)
        for job, result, step in steps:
            if step.status == "uncertain":
                await self._desk.uncertain(session, job.message, result.detail or result.code, now)
            elif step.status == "failed":
                await self._desk.undeliverable(session, job.message, result.code or "refused", now)
            if job.rung in _GRANTED:
                await grants.spent(session, job.contact.id, job.rendered, result, now)
            if result.stop_contact:
                await session.execute(_STOP_CONTACT, {"contact": job.contact.id})
            if result.stop_channel:
                await self._stop(session, job, result, now)

    async def _stop(self, session: AsyncSession, job: Job, result: SendResult, now: datetime) -> None:
        """The account is of no use until a person has looked: nothing more of it leaves, and somebody is told."""
        channel, account = job.contact.channel, job.contact.account_id
        made, new = await holds.hold(
            session, holds.Scope.ACCOUNT, f"{channel}/{account}", reason=f"vendor:{result.code}", now=now
        )
        if new:
            log.error("delivery.account_stopped", channel=channel, account=account, code=result.code)
            await self._desk.stopped(session, made.id, f"{channel}/{account}", result.code, now)


def _cost(job: Job, result: SendResult) -> dict[str, Any] | None:
    """What it took of a WeChat window: nothing is left of it when the vendor says so."""
    if job.rung != Rung.CUSTOM:
        return None
    if result.code in NO_WINDOW:
        return {"contact": job.contact.id, "taken": 1_000}
    # Of several messages the first may be accepted and the fate of the rest unknown: those it took are gone.
    taken = result.parts or (job.parts if result.outcome is Outcome.ACCEPTED else 0)
    return {"contact": job.contact.id, "taken": taken} if taken else None


class Collector:
    """Results on their way to `write`, which takes several and says in which conversations another message waits. `many` of them
    do not wait for more."""

    def __init__(self, write: Callable[[list[Job]], Awaitable[Collection[UUID]]], many: int) -> None:
        self._write, self._many = write, many
        self._waiting: list[tuple[Job, asyncio.Future[bool]]] = []
        self._hurry = asyncio.Event()
        self._writer: asyncio.Task[None] | None = None

    async def put(self, job: Job) -> bool:
        """Returns once the result of `job` is stored; whether another message of its conversation waits."""
        loop = asyncio.get_running_loop()
        stored: asyncio.Future[bool] = loop.create_future()
        self._waiting.append((job, stored))
        if not job.bulk or len(self._waiting) >= self._many:
            self._hurry.set()
        if self._writer is None or self._writer.done():
            self._writer = loop.create_task(self._run())
        return await stored

    async def _run(self) -> None:
        while self._waiting:
            if not self._hurry.is_set():
                try:
                    async with asyncio.timeout(PAUSE):
                        await self._hurry.wait()
                except TimeoutError:
                    pass
            self._hurry.clear()
            group, self._waiting = self._waiting, []
            await self._store(group)

    async def _store(self, group: list[tuple[Job, asyncio.Future[bool]]]) -> None:
        """All together; if that cannot be, each alone: one that cannot be stored must not cost the others."""
        try:
            follows = await self._patiently([job for job, _ in group])
        except Exception as error:
            if len(group) == 1:
                if not group[0][1].done():
                    group[0][1].set_exception(error)
                return
            for one in group:
                await self._store([one])
            return
        for job, stored in group:
            if not stored.done():
                stored.set_result(job.message.conversation_id in follows)

    async def _patiently(self, jobs: list[Job]) -> Collection[UUID]:
        for pause in APPLY_AGAIN:
            try:
                return await self._write(jobs)
            except Exception as error:  # what is known would be lost, and the messages called uncertain
                log.warning("delivery.apply_failed", count=len(jobs), reason=type(error).__name__)
                await asyncio.sleep(pause)
        return await self._write(jobs)
