"""The end of a half-day: who did not come is proposed, a nurse says so with one press; who came is seen by the end of the day."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from uuid import UUID

from sqlalchemy import ColumnElement, and_, func, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from care.appointments.models import Appointment, Part, Status
from care.appointments.rules import UNDO_FOR
from care.appointments.slips import place_still_theirs
from care.hospital.models import HealthcareService, Practitioner
from store import audit, events
from store.clock import Clock

OVER = {Part.MORNING: time(13, 0), Part.AFTERNOON: time(18, 30), Part.EVENING: time(22, 0)}
"""From when nobody comes any more, hospital time; ours."""
LOOK_BACK = 7
"""Days a half-day waits to be closed on the page."""


@dataclass(frozen=True, slots=True)
class Ended:
    """A doctor's half-day that is over, with `absent` people who never reported."""

    practitioner_id: UUID
    practitioner: str
    department: str
    day: date
    part: Part
    absent: int


def _over(clock: Clock) -> ColumnElement[bool]:
    local = clock.local()
    parts = [part.value for part, end in OVER.items() if local.time() >= end]
    today = local.date()
    return or_(Appointment.day < today, and_(Appointment.day == today, Appointment.part.in_(parts)))


async def ended(session: AsyncSession, clock: Clock) -> list[Ended]:
    """Half-days with people who never reported, the newest first."""
    since = clock.local().date() - timedelta(days=LOOK_BACK)
    half = (Practitioner.id, Practitioner.name, HealthcareService.name, Appointment.day, Appointment.part)
    query = (
        select(*half, func.count())
        .join(Practitioner, Practitioner.id == Appointment.practitioner_id)
        .join(HealthcareService, HealthcareService.id == Appointment.department_id)
        .where(Appointment.status == Status.BOOKED, Appointment.day >= since, _over(clock))
        .group_by(*half)
        .order_by(Appointment.day.desc(), Appointment.part.desc(), Practitioner.name)
    )
    rows = await session.execute(query)
    return [
        Ended(doctor, name, department, day, Part(part), int(count))
        for doctor, name, department, day, part, count in rows
    ]


async def say_missed(
    session: AsyncSession, practitioner_id: UUID, day: date, part: Part, *, by: UUID, clock: Clock
) -> int:
    """Everybody of the half-day who never reported did not come. Emits `appointment.noshow`; how many."""
    now = clock.now()
    return await _change(
        session,
        and_(_half(practitioner_id, day, part), Appointment.status == Status.BOOKED, _over(clock)),
        Status.NOSHOW,
        "appointment.noshow",
        now,
        by,
    )


async def take_back(
    session: AsyncSession, practitioner_id: UUID, day: date, part: Part, *, by: UUID, now: datetime
) -> int:
    """What was said last of the half-day, within `UNDO_FOR`. Emits `appointment.noshow_undone`."""
    mine = and_(
        _half(practitioner_id, day, part),
        Appointment.status == Status.NOSHOW,
        Appointment.changed_at >= now - UNDO_FOR,
        place_still_theirs(),
    )
    return await _change(session, mine, Status.BOOKED, "appointment.noshow_undone", now, by)


async def seen_by_now(session: AsyncSession, clock: Clock) -> int:
    """Who reported on a day that is past was seen. Emits `appointment.fulfilled`."""
    past = and_(Appointment.status == Status.ARRIVED, Appointment.day < clock.local().date())
    return await _change(session, past, Status.FULFILLED, "appointment.fulfilled", clock.now(), None)


def _half(practitioner_id: UUID, day: date, part: Part) -> ColumnElement[bool]:
    return and_(
        Appointment.practitioner_id == practitioner_id, Appointment.day == day, Appointment.part == part
    )


async def _change(
    session: AsyncSession,
    which: ColumnElement[bool],
    status: Status,
    kind: str,
    now: datetime,
    by: UUID | None,
) -> int:
    columns = (
        Appointment.id,
        Appointment.patient_id,
        Appointment.department_id,
        Appointment.practitioner_id,
        Appointment.start,
    )
    rows = (
        await session.execute(
            update(Appointment)
            .where(which)
            .values(status=status, changed_at=now)
            .returning(*columns)
            .execution_options(synchronize_session=False)
        )
    ).all()
    for one, patient, department, doctor, start in rows:
        data = {
            "appointment_id": str(one),
            "department_id": str(department),
            "practitioner_id": str(doctor),
            "start": start.isoformat(),
        }
        events.emit(session, patient, kind, now, **data)
        if by is not None:
            actor, subject = audit.subject_of("staff", by), audit.subject_of("appointment", one)
            audit.record(session, actor=actor, action=kind, subject=subject, at=now)
    return len(rows)
