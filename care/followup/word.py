"""The day's word to the responsible doctor: so many patients of yours are overdue, and where the list is. Nothing about any of them.

From the set hour of a working day on, once a person and day, by WeCom, else by SMS. Where the doctor has neither, or the vendor refused
both, or nobody is responsible: the head nurse on duty, then the doctor on duty. It is a row of `care.reach` in one transaction with
the mark on the losses: killed before it nothing was said, after it nothing is said again. Nothing here commits.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, time
from uuid import UUID

from sqlalchemy import Select, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from care.duty.models import Position
from care.duty.service import called_for
from care.followup.models import Loss, Stage
from care.followup.responsible import doctors_of
from care.hospital.workdays import workdays
from care.reach import service as reach
from care.reach.models import StaffNotice
from channels.chinatime import CHINA
from store import audit, sets
from store.clock import Clock
from store.database import Database
from store.rounds import rounds

EVERY = 60.0
"""Seconds between two looks."""
UNTIL = 21
"""The local hour from which nobody is told any more that day; ours, as the gate's for notices."""
KIND = "overdue"
STAND_INS = (Position.HEAD_NURSE, Position.DOCTOR)


class DailyWord:
    """`hour`: from which it goes, local."""

    def __init__(self, database: Database, clock: Clock, hour: int) -> None:
        self._database, self._clock, self._hour = database, clock, hour

    async def run(self) -> None:
        await rounds("followup.word_failed", EVERY, self.once)

    async def once(self) -> int:
        """How many words were written."""
        now, local = self._clock.now(), self._clock.local()
        if not self._hour <= local.hour < UNTIL:
            return 0
        async with self._database.read("overdue word due") as session:
            if await session.scalar(_waiting(local.date()).with_only_columns(Loss.id).limit(1)) is None:
                return 0
            if not (await workdays(session, local.date(), local.date())).is_workday(local.date()):
                return 0
        return await self._database.transact(
            lambda session: give_word(session, now, local.date()), "overdue word"
        )


def _waiting(today: date) -> Select[Loss]:
    """Those whose doctor was not told yet, or by a word that did not get through; who could not be reached is tried again each day."""
    nobody = Loss.word_id.is_(None) & (Loss.word_at < datetime.combine(today, time(), CHINA))
    failed = select(StaffNotice.id).where(StaffNotice.id == Loss.word_id, StaffNotice.status == "failed")
    return select(Loss).where(
        Loss.stage == Stage.DOCTOR, Loss.told, or_(Loss.word_at.is_(None), failed.exists(), nobody)
    )


async def give_word(session: AsyncSession, now: datetime, today: date) -> int:
    """One word for each person who is to be told of anything; how many."""
    rows = (await session.scalars(_waiting(today).order_by(Loss.id).with_for_update(of=Loss))).all()
    doctors = await doctors_of(session, [one.patient_id for one in rows])
    post = _Post(session, now, today)
    groups: dict[tuple[UUID | None, UUID | None], list[Loss]] = {}
    for row in rows:
        groups.setdefault((doctors.get(row.patient_id), row.department_id), []).append(row)
    found: dict[tuple[UUID, str] | None, list[Loss]] = {}
    for (doctor, department), losses in groups.items():
        way = await post.way(doctor, department)
        if way != TOMORROW:
            found.setdefault(way, []).extend(losses)
    for way, losses in found.items():
        await _write(session, way, losses, doctors, now, today)
    return sum(way is not None for way in found)


TOMORROW = (UUID(int=0), "")
"""Who ought to be told was told today already."""


class _Post:
    """Who is told and how. `tried`: today's words, by person and channel."""

    def __init__(self, session: AsyncSession, now: datetime, today: date) -> None:
        self._session, self._now, self._today = session, now, today
        self._tried: dict[tuple[UUID, str], str] | None = None

    async def way(self, doctor: UUID | None, department: UUID | None) -> tuple[UUID, str] | None:
        """The doctor's first way, else that of who stands in; `TOMORROW`; None where nobody can be reached."""
        found = await self._first([doctor]) if doctor is not None else None
        for position in STAND_INS if found is None else ():
            called = await called_for(self._session, position, self._now, department)
            if (found := await self._first(called.staff)) is not None:
                break
        return found

    async def _first(self, staff: Sequence[UUID]) -> tuple[UUID, str] | None:
        tried = await self._today_so_far()
        ways = await reach.ways(self._session, staff)
        for one in staff:
            if any(tried.get((one, channel), "failed") != "failed" for channel in ways.get(one, ())):
                return TOMORROW
            for channel in ways.get(one, ()):
                if (one, channel) not in tried:
                    return one, channel
        return None

    async def _today_so_far(self) -> dict[tuple[UUID, str], str]:
        if self._tried is None:
            rows = await self._session.execute(
                select(StaffNotice.staff_id, StaffNotice.channel, StaffNotice.status).where(
                    StaffNotice.kind == KIND, StaffNotice.dedup_key.startswith(f"{KIND}:{self._today}:")
                )
            )
            self._tried = {(staff, channel): status for staff, channel, status in rows}
        return self._tried


async def _write(
    session: AsyncSession,
    way: tuple[UUID, str] | None,
    losses: Sequence[Loss],
    doctors: dict[UUID, UUID],
    now: datetime,
    today: date,
) -> None:
    word = None
    if way is not None:
        staff, channel = way
        key = f"{KIND}:{today}:{staff}:{channel}"
        word = await reach.gather(session, staff, channel, kind=KIND, key=key, number=len(losses), now=now)
        if word is None:  # another process was faster
            return
        own = sum(doctors.get(one.patient_id) == staff for one in losses)
        audit.record(
            session,
            actor="system",
            action="followup.word",
            subject=audit.subject_of("staff", staff),
            at=now,
            detail={"channel": channel, "patients": len(losses), "own": own},
        )
    await session.execute(
        update(Loss)
        .where(sets.among(Loss.id, "ids"))
        .values(word_at=now, word_id=word)
        .execution_options(synchronize_session=False),
        {"ids": [one.id for one in losses]},
    )
