"""What a system outside decided about an appointment: done here without telling it again. Each is idempotent.

Events carry `by: system`, so that whoever tells the patient knows whose doing it was.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from care.appointments.models import LIVE, Appointment, Slot, Status
from store import events

BY_SYSTEM = "system"
MADE_THERE = "his"
"""`Appointment.created_via` of one made in the system itself."""
_OPEN = (Status.PENDING, Status.BOOKED)


async def accepted(session: AsyncSession, appointment_id: UUID, now: datetime) -> bool:
    """It stands. Emits `appointment.accepted`; False when nothing was waiting for that."""
    row = await _turn(session, appointment_id, (Status.PENDING,), Status.BOOKED, now)
    if row is not None:
        _emit(session, row, "accepted", now, replaces=_word(row.replaces_id))
    return row is not None


async def refused(session: AsyncSession, appointment_id: UUID, now: datetime, *, old: UUID | None) -> bool:
    """It is not to be had: the place is free again, and `old`, which it was to replace, stands after all.

    Emits `appointment.cancelled`, with `kept` where the old one stands.
    """
    row = await _turn(session, appointment_id, (Status.PENDING,), Status.CANCELLED, now)
    if row is None:
        return False
    await free_place(session, row.slot_id)
    kept = old is not None and await restored(session, old, now, tell=False)
    _emit(session, row, "cancelled", now, why="refused", kept=_word(old) if kept else None)
    return True


async def cancelled(session: AsyncSession, appointment_id: UUID, now: datetime) -> bool:
    """The system cancelled it. Emits `appointment.cancelled`; False when it was over already."""
    row = await _turn(session, appointment_id, _OPEN, Status.CANCELLED, now)
    if row is not None:
        await free_place(session, row.slot_id)
        _emit(session, row, "cancelled", now, why=BY_SYSTEM)
    return row is not None


async def stuck(session: AsyncSession, appointment_id: UUID, now: datetime) -> None:
    """The system does not say what became of it, and is asked no more: people look. Emits `appointment.stuck` while it is pending."""
    row = await session.get(Appointment, appointment_id, populate_existing=True)
    if row is not None and row.status == Status.PENDING:
        _emit(session, row, "stuck", now)


async def restored(session: AsyncSession, appointment_id: UUID, now: datetime, *, tell: bool) -> bool:
    """It was cancelled here but stands there: it is booked again, in the place that was kept for it.

    False when it cannot be: it is over, or the patient has another one of that half-day by now. Emits `appointment.kept` if it is to be
    told.
    """
    try:
        async with session.begin_nested():
            row = await _turn(session, appointment_id, (Status.CANCELLED,), Status.BOOKED, now)
    except IntegrityError:
        return False
    if row is not None and tell:
        _emit(session, row, "kept", now)
    return row is not None


async def moved(session: AsyncSession, appointment_id: UUID, slot: Slot, now: datetime) -> bool:
    """The system gave it another time: `slot` is where it is now, its place is taken even beyond what was offered.

    Emits `appointment.moved` with `was`. False when it is there already, or over.
    """
    row = await session.get(Appointment, appointment_id, populate_existing=True)
    if row is None or row.status not in _OPEN or row.slot_id == slot.id:
        return False
    was, before = row.start, row.slot_id
    try:
        async with session.begin_nested():
            await _set(
                session,
                update(Appointment)
                .where(Appointment.id == appointment_id, Appointment.status.in_(_OPEN))
                .values(
                    slot_id=slot.id,
                    practitioner_id=slot.practitioner_id,
                    department_id=slot.department_id,
                    start=slot.start,
                    day=slot.day,
                    part=slot.part,
                    status=Status.BOOKED,
                    changed_at=now,
                ),
            )
    except IntegrityError:
        return False
    await take_place(session, slot.id)
    await free_place(session, before)
    row = await session.get_one(Appointment, appointment_id, populate_existing=True)
    _emit(session, row, "moved", now, was=was.isoformat())
    return True


async def taken_on(session: AsyncSession, patient_id: UUID, slot: Slot, now: datetime) -> Appointment:
    """The system has an appointment we did not make: it is ours from now on, its place is taken even beyond what was offered.

    One of the same half-day and department is that one, moved if need be. Emits `appointment.booked`.
    """
    mine = await same_half_day(session, patient_id, slot)
    if mine is not None:
        await moved(session, mine.id, slot, now)
        return await session.get_one(Appointment, mine.id, populate_existing=True)
    row = Appointment(
        status=Status.BOOKED,
        patient_id=patient_id,
        slot_id=slot.id,
        practitioner_id=slot.practitioner_id,
        department_id=slot.department_id,
        start=slot.start,
        day=slot.day,
        part=slot.part,
        fee_fen=slot.fee_fen,
        created_via=MADE_THERE,
        created_at=now,
        changed_at=now,
    )
    session.add(row)
    await session.flush()
    await take_place(session, slot.id)
    _emit(session, row, "booked", now)
    return row


async def same_half_day(session: AsyncSession, patient_id: UUID, slot: Slot) -> Appointment | None:
    """What the patient has in the slot's department that half-day: there can be one."""
    found: Appointment | None = await session.scalar(
        select(Appointment).where(
            Appointment.patient_id == patient_id,
            Appointment.department_id == slot.department_id,
            Appointment.day == slot.day,
            Appointment.part == slot.part,
            Appointment.status.in_(LIVE),
        )
    )
    return found


async def free_place(session: AsyncSession, slot_id: UUID) -> None:
    """One place fewer is taken."""
    await _set(session, update(Slot).where(Slot.id == slot_id, Slot.taken > 0).values(taken=Slot.taken - 1))


async def take_place(session: AsyncSession, slot_id: UUID) -> None:
    """One place more is taken, and there is one more where none was left: the system has the last word."""
    full = update(Slot).where(Slot.id == slot_id, Slot.taken >= Slot.capacity)
    await _set(session, full.values(capacity=Slot.taken + 1))
    await _set(session, update(Slot).where(Slot.id == slot_id).values(taken=Slot.taken + 1))


async def _turn(
    session: AsyncSession, appointment_id: UUID, before: tuple[Status, ...], after: Status, now: datetime
) -> Appointment | None:
    done = await session.scalar(
        update(Appointment)
        .where(Appointment.id == appointment_id, Appointment.status.in_(before))
        .values(status=after, changed_at=now)
        .returning(Appointment.id)
        .execution_options(synchronize_session=False)
    )
    if done is None:
        return None
    return await session.get_one(Appointment, appointment_id, populate_existing=True)


async def _set(session: AsyncSession, statement: Any) -> None:
    await session.execute(statement.execution_options(synchronize_session=False))


def _emit(session: AsyncSession, row: Appointment, kind: str, now: datetime, **more: str | None) -> None:
    data = {
        "appointment_id": str(row.id),
        "department_id": str(row.department_id),
        "practitioner_id": str(row.practitioner_id),
        "start": row.start.isoformat(),
        "by": BY_SYSTEM,
        **{name: value for name, value in more.items() if value is not None},
    }
    events.emit(session, row.patient_id, f"appointment.{kind}", now, **data)


def _word(value: UUID | None) -> str | None:
    return None if value is None else str(value)
