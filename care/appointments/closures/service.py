"""Closing clinics: no new bookings at once, everybody touched told after a moment in which it can be taken back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import and_, exists, func, insert, literal, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from care.appointments.blocks.covering import blocked_still
from care.appointments.closures.models import ClinicClosure, ClosureNotice, Owed, Reason
from care.appointments.models import Appointment, Schedule, Slot, Status
from care.hospital.models import HealthcareService, Practitioner
from care.patients.models import Patient
from store import audit, events
from store.clock import Clock
from store.ids import new_id

UNDO_FOR = timedelta(minutes=1)
"""From the button to the first notice: time to see the wrong day. Ours; an emergency's patients can wait a minute."""
LONGEST = 366
"""Days a closure may last."""
_MAY_BE_MOVED = (Status.PENDING, Status.BOOKED)
_BLOCKED, _FREE = "blocked", "free"


class ClosureError(ValueError):
    """What was asked for cannot be closed; `why` is a word of `data/seed/closure_words.yml`."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to be closed; fields as `ClinicClosure`'s."""

    department_id: UUID
    first_day: date
    last_day: date
    reason: Reason
    practitioner_id: UUID | None = None
    part: str | None = None
    substitute_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class Touched:
    """An appointment a closure touches."""

    appointment_id: UUID
    patient_id: UUID
    patient: Patient
    start: datetime
    status: Status
    department: str
    practitioner: str


@dataclass(frozen=True, slots=True)
class Preview:
    """`open_slots`: places nobody has taken that go; `arrived`: patients in the house already, told at the counter."""

    appointments: list[Touched] = field(default_factory=list)
    arrived: list[Touched] = field(default_factory=list)
    open_slots: int = 0


async def check(session: AsyncSession, wanted: Wanted, today: date) -> None:
    """Raises `ClosureError`."""
    if wanted.last_day < wanted.first_day:
        raise ClosureError("days_backward")
    if wanted.last_day < today:
        raise ClosureError("days_past")
    if (wanted.last_day - wanted.first_day).days >= LONGEST:
        raise ClosureError("days_many")
    if wanted.substitute_id is None:
        if await _closed_already(session, wanted):
            raise ClosureError("closed_already")
        return
    if wanted.practitioner_id is None:
        raise ClosureError("substitute_for_one")
    if wanted.substitute_id == wanted.practitioner_id:
        raise ClosureError("substitute_same")
    substitute = await session.get(Practitioner, wanted.substitute_id)
    if substitute is None or not substitute.active or substitute.department_id != wanted.department_id:
        raise ClosureError("substitute_elsewhere")
    if await _busy(session, wanted):
        raise ClosureError("substitute_busy")


async def preview(session: AsyncSession, wanted: Wanted, now: datetime) -> Preview:
    """Who would be touched, and what would go; changes nothing."""
    query = (
        select(Appointment, Patient, HealthcareService.name, Practitioner.name)
        .join(Patient, Patient.id == Appointment.patient_id)
        .join(HealthcareService, HealthcareService.id == Appointment.department_id)
        .join(Practitioner, Practitioner.id == Appointment.practitioner_id)
        .where(_touched(wanted, now), Appointment.status.in_((*_MAY_BE_MOVED, Status.ARRIVED)))
        .order_by(Appointment.start, Appointment.id)
    )
    rows = [
        Touched(one.id, one.patient_id, patient, one.start, Status(one.status), department, doctor)
        for one, patient, department, doctor in await session.execute(query)
    ]
    left = select(func.coalesce(func.sum(Slot.capacity - Slot.taken), 0)).where(
        _slots(wanted), Slot.start > now, Slot.status == _FREE
    )
    return Preview(
        [one for one in rows if one.status is not Status.ARRIVED],
        [one for one in rows if one.status is Status.ARRIVED],
        int(await session.scalar(left) or 0),
    )


async def close(session: AsyncSession, wanted: Wanted, *, staff_id: UUID, clock: Clock) -> ClinicClosure:
    """Nothing more can be booked there from now on; each touched appointment is owed a notice. Raises `ClosureError`.

    A hold on such a place can no longer be confirmed: the patient is offered another.
    """
    now = clock.now()
    await check(session, wanted, clock.local().date())
    row = ClinicClosure(
        id=new_id(),
        department_id=wanted.department_id,
        practitioner_id=wanted.practitioner_id,
        substitute_id=wanted.substitute_id,
        first_day=wanted.first_day,
        last_day=wanted.last_day,
        part=wanted.part,
        reason=wanted.reason,
        created_by=staff_id,
        created_at=now,
        told_from=now + UNDO_FOR,
    )
    session.add(row)
    await session.flush()
    await _slots_follow(session, wanted, now)
    await _owe(session, row, row.told_from, now)
    _audit(session, row.id, staff_id, "clinic.close", now)
    return row


async def undo(session: AsyncSession, closure_id: UUID, *, staff_id: UUID, now: datetime) -> bool:
    """Take it back while nobody has been told. False when somebody has, or it was taken back before."""
    row, owed = await _stands(session, closure_id)
    if row is None or any(one.state != Owed.PLANNED for one in owed):
        return False
    await _end(session, row, owed, staff_id, now)
    return True


async def reopen(session: AsyncSession, closure_id: UUID, *, staff_id: UUID, now: datetime) -> bool:
    """The clinic is held after all, though patients have been told: places are free again and who was not told keeps the visit.

    Who was told stays cancelled; whom a substitute sees stays with them, so that is not opened again. False: it stands no more.
    """
    row, owed = await _stands(session, closure_id)
    if row is None or row.substitute_id is not None:
        return False
    await _end(session, row, owed, staff_id, now)
    return True


async def block_covered(session: AsyncSession, now: datetime) -> None:
    """Slots made since, for days that are closed already, are closed too. Idempotent."""
    standing = select(ClinicClosure).where(
        ClinicClosure.undone_at.is_(None), ClinicClosure.last_day >= (now - timedelta(days=1)).date()
    )
    for row in (await session.scalars(standing)).all():
        await _slots_follow(session, wanted_of(row), now)


async def is_due(session: AsyncSession, now: datetime) -> bool:
    """Whether anybody is to be told now."""
    waiting = select(ClosureNotice.appointment_id).where(
        ClosureNotice.state == Owed.PLANNED, ClosureNotice.due_at <= now
    )
    return await session.scalar(waiting.limit(1)) is not None


async def due(session: AsyncSession, now: datetime, limit: int) -> Sequence[ClosureNotice]:
    """Notices whose time has come, locked: another worker takes others."""
    query = (
        select(ClosureNotice)
        .where(ClosureNotice.state == Owed.PLANNED, ClosureNotice.due_at <= now)
        .order_by(ClosureNotice.start, ClosureNotice.appointment_id)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    return (await session.scalars(query)).all()


async def hand_over(session: AsyncSession, appointment_id: UUID, substitute_id: UUID, now: datetime) -> None:
    """The substitute sees the patient. Emits `appointment.doctor_changed`."""
    await _set(
        session,
        update(Appointment)
        .where(Appointment.id == appointment_id)
        .values(practitioner_id=substitute_id, changed_at=now),
    )
    row = await session.get_one(Appointment, appointment_id, populate_existing=True)
    data = {
        "appointment_id": str(row.id),
        "practitioner_id": str(substitute_id),
        "start": row.start.isoformat(),
    }
    events.emit(session, row.patient_id, "appointment.doctor_changed", now, **data)


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a closure's notices are; `total` without those kept or undone."""

    closure: ClinicClosure
    states: dict[str, int]
    rebooked: int

    @property
    def total(self) -> int:
        return sum(self.states.get(one, 0) for one in (Owed.PLANNED, Owed.TOLD, Owed.CALL))

    @property
    def undoable(self) -> bool:
        """Nobody has been told, and nothing has become of anybody's visit."""
        return not any(many for state, many in self.states.items() if state != Owed.PLANNED)


async def progress(session: AsyncSession, closure_id: UUID) -> Progress | None:
    """None: there is no such closure."""
    row = await session.get(ClinicClosure, closure_id)
    if row is None:
        return None
    mine = ClosureNotice.closure_id == closure_id
    counted = await session.execute(
        select(ClosureNotice.state, func.count()).where(mine).group_by(ClosureNotice.state)
    )
    again = exists().where(
        Appointment.patient_id == ClosureNotice.patient_id,
        Appointment.department_id == row.department_id,
        Appointment.created_at >= ClosureNotice.settled_at,
        Appointment.status != Status.CANCELLED,
    )
    rebooked = await session.scalar(
        select(func.count())
        .select_from(ClosureNotice)
        .where(mine, ClosureNotice.settled_at.is_not(None), again)
    )
    return Progress(row, {str(one[0]): int(one[1]) for one in counted}, rebooked or 0)


async def recent(session: AsyncSession, today: date, limit: int = 50) -> Sequence[ClinicClosure]:
    """Closures of the last month and to come, the newest first."""
    query = select(ClinicClosure).where(ClinicClosure.last_day >= today - timedelta(days=30))
    newest = query.order_by(ClinicClosure.created_at.desc(), ClinicClosure.id.desc())
    return (await session.scalars(newest.limit(limit))).all()


def wanted_of(row: ClinicClosure) -> Wanted:
    return Wanted(
        row.department_id,
        row.first_day,
        row.last_day,
        Reason(row.reason),
        row.practitioner_id,
        row.part,
        row.substitute_id,
    )


# --- inside ---


def _slots(wanted: Wanted) -> Any:
    return _covers(Slot, wanted)


def _touched(wanted: Wanted, now: datetime) -> Any:
    return and_(_covers(Appointment, wanted), Appointment.start > now)


def _covers(table: Any, wanted: Wanted) -> Any:
    conditions = [
        table.department_id == wanted.department_id,
        table.day >= wanted.first_day,
        table.day <= wanted.last_day,
    ]
    if wanted.practitioner_id is not None:
        conditions.append(table.practitioner_id == wanted.practitioner_id)
    if wanted.part is not None:
        conditions.append(table.part == wanted.part)
    return and_(*conditions)


async def _closed_already(session: AsyncSession, wanted: Wanted) -> bool:
    """The very same is closed by a closure that stands: by a colleague, or by the same press."""
    standing = exists().where(
        ClinicClosure.undone_at.is_(None),
        ClinicClosure.substitute_id.is_(None),
        ClinicClosure.department_id == wanted.department_id,
        ClinicClosure.practitioner_id.is_not_distinct_from(wanted.practitioner_id),
        ClinicClosure.first_day <= wanted.first_day,
        ClinicClosure.last_day >= wanted.last_day,
        or_(ClinicClosure.part.is_(None), ClinicClosure.part == wanted.part),
    )
    return bool(await session.scalar(select(standing)))


async def _busy(session: AsyncSession, wanted: Wanted) -> bool:
    """Whether the substitute has clinics of their own then."""
    theirs = _slots(replace(wanted, practitioner_id=wanted.substitute_id))
    mine = _slots(wanted)
    parts = select(Slot.day, Slot.part).where(mine).distinct().subquery()
    clash = select(Slot.id).join(parts, (parts.c.day == Slot.day) & (parts.c.part == Slot.part)).where(theirs)
    return await session.scalar(clash.limit(1)) is not None


async def _slots_follow(session: AsyncSession, wanted: Wanted, now: datetime) -> None:
    """Blocked, or given to the substitute with what is booked in them."""
    ahead = and_(_slots(wanted), Slot.start > now)
    # Against whoever is booking there this moment: the lock of `statements._booked_at_once` waits for this one and sees the clinic
    # closed, or was first, and then the appointment is there when this one has waited. An UPDATE alone does not conflict with it.
    await session.execute(select(Slot.id).where(ahead).order_by(Slot.id).with_for_update())
    if wanted.substitute_id is None:
        await _set(session, update(Slot).where(ahead, Slot.status == _FREE).values(status=_BLOCKED))
    else:
        await _set(session, update(Slot).where(ahead).values(practitioner_id=wanted.substitute_id))


async def _owe(session: AsyncSession, row: ClinicClosure, due_at: datetime, now: datetime) -> None:
    """A notice to each appointment it touches that is owed none."""
    owed = select(
        literal(row.id, type_=ClosureNotice.closure_id.type),
        Appointment.id,
        Appointment.patient_id,
        Appointment.start,
        literal(Owed.PLANNED.value),
        literal(due_at, type_=ClosureNotice.due_at.type),
    ).where(_touched(wanted_of(row), now), Appointment.status.in_(_MAY_BE_MOVED), ~_owed_already(row.id))
    columns = ["closure_id", "appointment_id", "patient_id", "start", "state", "due_at"]
    await session.execute(insert(ClosureNotice).from_select(columns, owed))


async def _stands(
    session: AsyncSession, closure_id: UUID
) -> tuple[ClinicClosure | None, Sequence[ClosureNotice]]:
    """The closure and its notices, nobody telling them meanwhile; None: it was taken back, or is not there."""
    row = await session.get(ClinicClosure, closure_id, with_for_update=True, populate_existing=True)
    if row is None or row.undone_at is not None:
        return None, ()
    # Who is telling some this moment is waited for: what they have told counts.
    owed = select(ClosureNotice).where(ClosureNotice.closure_id == closure_id).with_for_update()
    ordered = owed.order_by(ClosureNotice.start, ClosureNotice.appointment_id)
    return row, (await session.scalars(ordered.execution_options(populate_existing=True))).all()


async def _end(
    session: AsyncSession, row: ClinicClosure, owed: Sequence[ClosureNotice], staff_id: UUID, now: datetime
) -> None:
    row.undone_at, row.undone_by = now, staff_id
    for one in owed:
        if one.state == Owed.PLANNED:
            one.state, one.due_at, one.settled_at = Owed.UNDONE, None, now
    await session.flush()
    await _reopen(session, wanted_of(row), now)
    # What another closure covers as well was owed its one notice by this one.
    others = select(ClinicClosure).where(
        ClinicClosure.department_id == row.department_id,
        ClinicClosure.undone_at.is_(None),
        ClinicClosure.first_day <= row.last_day,
        ClinicClosure.last_day >= row.first_day,
    )
    for other in (await session.scalars(others.order_by(ClinicClosure.id))).all():
        await _owe(session, other, max(now, other.told_from), now)
    _audit(session, row.id, staff_id, "clinic.reopen", now)


async def _reopen(session: AsyncSession, wanted: Wanted, now: datetime) -> None:
    """What another closure still covers stays closed."""
    if wanted.substitute_id is not None:
        theirs = replace(wanted, practitioner_id=wanted.substitute_id)
        back = and_(_slots(theirs), Slot.start > now, _scheduled_for(wanted.practitioner_id))
        booked = select(Slot.id).where(back)
        away = and_(Appointment.slot_id.in_(booked), Appointment.practitioner_id == wanted.substitute_id)
        await _set(session, update(Appointment).where(away).values(practitioner_id=wanted.practitioner_id))
        await _set(session, update(Slot).where(back).values(practitioner_id=wanted.practitioner_id))
        return
    ahead = and_(_slots(wanted), Slot.start > now, Slot.status == _BLOCKED, ~closed_still(), ~blocked_still())
    await _set(session, update(Slot).where(ahead).values(status=_FREE))


def _scheduled_for(practitioner_id: UUID | None) -> Any:
    return exists().where(Schedule.id == Slot.schedule_id, Schedule.practitioner_id == practitioner_id)


def closed_still() -> Any:
    """A slot lies in a closure that stands."""
    return exists().where(
        ClinicClosure.undone_at.is_(None),
        ClinicClosure.substitute_id.is_(None),
        ClinicClosure.department_id == Slot.department_id,
        or_(ClinicClosure.practitioner_id.is_(None), ClinicClosure.practitioner_id == Slot.practitioner_id),
        ClinicClosure.first_day <= Slot.day,
        ClinicClosure.last_day >= Slot.day,
        or_(ClinicClosure.part.is_(None), ClinicClosure.part == Slot.part),
    )


def _owed_already(closure_id: UUID) -> Any:
    """Two closures over one appointment tell it once, and each at most once."""
    return exists().where(
        ClosureNotice.appointment_id == Appointment.id,
        or_(
            ClosureNotice.state.in_((Owed.PLANNED, Owed.TOLD, Owed.CALL)),
            ClosureNotice.closure_id == closure_id,
        ),
    )


async def _set(session: AsyncSession, statement: Any) -> None:
    await session.execute(statement.execution_options(synchronize_session=False))


def _audit(session: AsyncSession, closure_id: UUID, staff_id: UUID, action: str, now: datetime) -> None:
    subject = audit.subject_of("closure", closure_id)
    audit.record(session, actor=f"staff:{staff_id}", action=action, subject=subject, at=now)
