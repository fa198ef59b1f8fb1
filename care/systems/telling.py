"""Telling the hospital's system what was decided here: at most once, and when it is not clear whether it heard, by asking.

A message is marked as said before it is said. Whoever finds it so (an unclear answer, a worker that died) asks the system what it has
under our key and goes by that; only a system that keeps our key (`repeatable`) is told again when it says it has nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import UUID

import structlog
from sqlalchemy.ext.asyncio import AsyncSession

from care.appointments import decided
from care.appointments.models import Appointment, Status
from care.systems import settling, states
from care.systems.found import take_found
from care.systems.models import Direction, Said, SystemMessage
from care.systems.outward import BOOK, CANCEL, CHECK, KINDS, MISSED, MOVE, underway
from care.systems.port import (
    Accepted,
    Found,
    HearsMissed,
    HospitalSystem,
    NotThere,
    Outcome,
    Refused,
    SaidAgain,
    SystemAway,
    Unclear,
    Unreachable,
    Waiting,
    Wanted,
)
from care.systems.wanting import as_body, standing, wanted
from store import leases
from store.clock import Clock
from store.database import Database, assert_no_session

log = structlog.get_logger(__name__)

BATCH = 20
AGAIN = (2, 5, 15, 30, 60, 120)
"""Seconds until it is tried or asked after again; the last for every further time. Ours."""
GIVE_UP = timedelta(hours=24)
BEFORE_START = timedelta(hours=1)
"""So long before the visit people must know, whatever the system does."""
ASKED_ENOUGH = 3
"""Times a system that does not keep our key must say it has nothing before people are asked."""
TURN = timedelta(seconds=2)
"""How long a message waits behind an earlier one of the same appointment."""

_AWAY = ("no_answer", "broken", "broken_off")
"""Unclear answers that say the system is not well; others say that it answers otherwise than we thought."""

Alarm = Callable[[AsyncSession, SystemMessage, datetime], Awaitable[None]]
"""Called in the transaction in which a message dies: people must look."""


@dataclass(frozen=True, slots=True)
class _Job:
    """One message ready to be said or asked after. `old`: what a move moves; `asks`: it was said before."""

    message_id: UUID
    kind: str
    said: Wanted
    old: Wanted | None
    asks: bool
    asked: int


class Teller:
    """One worker's rounds over the messages to one system."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        system: HospitalSystem,
        alarm: Alarm,
        patience: timedelta = timedelta(seconds=30),
    ) -> None:
        """`patience`: the longest one message may take, whatever the driver does; its lease is a little longer."""
        self._database, self._clock, self._system, self._alarm = database, clock, system, alarm
        self._says_again = isinstance(system, SaidAgain)
        self._patience = patience

    async def round(self) -> int:
        """Say or ask after what is due; how many messages that were."""
        token, jobs = await self._claim()
        await asyncio.gather(*(self._one(token, job) for job in jobs))
        return len(jobs)

    async def _claim(self) -> tuple[UUID, list[_Job]]:
        now = self._clock.now()
        async with self._database.write("claim system messages") as session:
            token, rows = await leases.claim(
                session,
                SystemMessage,
                now=now,
                limit=BATCH,
                lease=self._patience + timedelta(seconds=30),
                where=[
                    SystemMessage.system == self._system.name,
                    SystemMessage.direction == Direction.OUT,
                    SystemMessage.kind.in_(KINDS),
                ],
                order_by=[SystemMessage.due_at, SystemMessage.id],
            )
            jobs = [one for row in rows if (one := await self._prepare(session, row, token, now))]
        return token, jobs

    async def _prepare(
        self, session: AsyncSession, row: SystemMessage, token: UUID, now: datetime
    ) -> _Job | None:
        """None: it cannot be said now, or needs not be said any more."""
        name = self._system.name
        if row.subject_id is None:
            return None
        if await underway(session, row.subject_id, before=row.id):
            await self._release(session, row.id, token, due_at=now + TURN)
            return None
        telling = row.key.removeprefix(f"{row.kind}:{row.subject_id}")
        said, old = replace(await wanted(session, name, row.subject_id), telling=telling), None
        if row.kind == MOVE:
            before = await standing(session, name, row.subject_id)
            old = None if before is None else await wanted(session, name, before)
        elif row.kind == CANCEL and said.external_id is None:
            # It never came to be there: nothing to be told, the place is free.
            await settling.accepted(session, row, Accepted(""), now)
            await self._release(
                session,
                row.id,
                token,
                status=Said.SETTLED,
                reason="never_there",
                due_at=None,
                settled_at=now,
            )
            return None
        if row.kind == MISSED and not await self._still_missed(session, row.subject_id):
            values = {"status": Said.SETTLED, "reason": "taken_back", "due_at": None, "settled_at": now}
            await self._release(session, row.id, token, **values)
            return None
        if await self._too_late(session, row, now):
            await self._die(session, row.id, token, "too_late", now)
            return None
        asks = row.kind == CHECK or (row.status in (Said.SENT, Said.UNCERTAIN) and not self._says_again)
        if not asks:
            row.status, row.said_at, row.body = Said.SENT, now, as_body(said, old)
            await session.flush()
        return _Job(row.id, row.kind, said, old, asks, row.asked)

    async def _still_missed(self, session: AsyncSession, appointment_id: UUID) -> bool:
        found = await session.get(Appointment, appointment_id, populate_existing=True)
        return found is not None and found.status == Status.NOSHOW

    async def _too_late(self, session: AsyncSession, row: SystemMessage, now: datetime) -> bool:
        if row.kind == CHECK:
            return now - row.created_at > GIVE_UP
        appointment = await session.get(Appointment, row.subject_id)
        starts = appointment is not None and now > appointment.start - BEFORE_START
        soon = appointment is not None and row.created_at > appointment.start - 2 * BEFORE_START
        return now - row.created_at > GIVE_UP or (starts and not soon)

    async def _one(self, token: UUID, job: _Job) -> None:
        assert_no_session("tell a hospital system")
        try:
            async with asyncio.timeout(self._patience.total_seconds()):
                found = await self._ask(job) if job.asks else await self._say(job)
        except TimeoutError:
            found = Unclear("no_answer")
        except Exception:
            log.exception("systems.driver_failed", system=self._system.name, kind=job.kind)
            found = Unclear("driver_failed")
        async with self._database.write("settle a system message") as session:
            await self._apply(session, token, job, found, self._clock.now())

    async def _say(self, job: _Job) -> Outcome:
        if job.kind == CANCEL:
            return await self._system.cancel(job.said)
        if job.kind == MISSED:
            return (
                await self._system.missed(job.said) if isinstance(self._system, HearsMissed) else Accepted("")
            )
        if job.old is not None:
            return await self._system.move(job.old, job.said)
        return await self._system.book(job.said)

    async def _ask(self, job: _Job) -> Outcome | Found | NotThere:
        try:
            found = await self._system.find(job.said)
        except SystemAway as away:
            return Unclear(away.reason, away.said)
        if job.kind == CHECK:
            return found
        if isinstance(found, NotThere):
            # One made there is not under our key: a system that has nothing under it may still have that one. Told again instead.
            return Accepted("") if job.kind == CANCEL and not job.said.made_there else found
        if job.kind == CANCEL:
            return Accepted(found.external_id) if found.status == "cancelled" else NotThere()
        if found.status == "pending":
            return Waiting(found.external_id)
        if found.status == "cancelled":
            return Refused(found.reason or "other", found.said)
        return Accepted(found.external_id, found.etag, found.patient_id)

    async def _apply(
        self,
        session: AsyncSession,
        token: UUID,
        job: _Job,
        outcome: Outcome | Found | NotThere,
        now: datetime,
    ) -> None:
        row = await session.get(SystemMessage, job.message_id, with_for_update=True, populate_existing=True)
        if row is None or row.lease_token != token:
            return  # another has taken it over
        if isinstance(outcome, Unreachable) or (isinstance(outcome, Unclear) and outcome.reason in _AWAY):
            await states.failed(session, self._system.name, outcome.reason, now)
        elif not isinstance(outcome, Unclear):
            await states.answered(session, self._system.name, now)
        match outcome:
            case Accepted():
                await settling.accepted(session, row, outcome, now)
                await self._settle(session, row, token, Said.ACCEPTED, None, now)
            case Refused(reason=reason, said=said):
                row.answer = said
                await session.flush()
                await settling.refused(session, row, outcome, now)
                await self._settle(session, row, token, Said.REFUSED, reason, now)
            case Found():
                await take_found(session, self._system.name, outcome, now)
                await self._settle(session, row, token, Said.ACCEPTED, None, now)
            case Unreachable(reason=reason):
                due = now + self._wait(row.attempts)
                await self._release(
                    session, row.id, token, status=Said.QUEUED, reason=reason, due_at=due, said_at=None
                )
            case Waiting():
                due = now + self._wait(row.asked)
                await self._release(session, row.id, token, reason="waiting", due_at=due, asked=row.asked + 1)
            case Unclear(reason=reason, said=said):
                row.answer = said or row.answer
                await session.flush()
                tried = row.attempts if self._says_again else 0
                due = now + self._wait(row.asked if job.asks else tried)
                values = {"reason": reason, "due_at": due, "asked": row.asked + job.asks}
                await self._release(session, row.id, token, status=Said.UNCERTAIN, **values)
            case NotThere():
                await self._not_there(session, row, token, job, now)

    async def _not_there(
        self, session: AsyncSession, row: SystemMessage, token: UUID, job: _Job, now: datetime
    ) -> None:
        if job.kind == CHECK:
            await self._settle(session, row, token, Said.SETTLED, "not_there", now)
        elif job.kind == CANCEL or self._system.repeatable:
            due = now + self._wait(row.asked)
            await self._release(
                session,
                row.id,
                token,
                status=Said.QUEUED,
                reason="not_there",
                due_at=due,
                asked=row.asked + 1,
            )
        elif row.asked + 1 >= ASKED_ENOUGH:
            await self._die(session, row.id, token, "not_there", now)
        else:
            due = now + self._wait(row.asked + 3)  # a slow system may yet do it
            values = {"reason": "not_there", "due_at": due, "asked": row.asked + 1}
            await self._release(session, row.id, token, status=Said.UNCERTAIN, **values)

    async def _settle(
        self,
        session: AsyncSession,
        row: SystemMessage,
        token: UUID,
        status: Said,
        reason: str | None,
        now: datetime,
    ) -> None:
        await self._release(session, row.id, token, status=status, reason=reason, due_at=None, settled_at=now)

    async def _die(
        self, session: AsyncSession, message_id: UUID, token: UUID, reason: str, now: datetime
    ) -> None:
        values = {"status": Said.DEAD, "reason": reason, "dead_reason": reason, "due_at": None}
        await self._release(session, message_id, token, **values)
        row = await session.get_one(SystemMessage, message_id, populate_existing=True)
        await self._alarm(session, row, now)
        if row.kind in (BOOK, MOVE) and row.subject_id is not None:
            await decided.stuck(session, row.subject_id, now)

    async def _release(self, session: AsyncSession, message_id: UUID, token: UUID, **values: object) -> None:
        await leases.release(session, SystemMessage, message_id, token, **values)

    def _wait(self, times: int) -> timedelta:
        return timedelta(seconds=AGAIN[min(max(times, 1), len(AGAIN)) - 1])


__all__ = ["BOOK", "Alarm", "Teller"]
