"""Holding, booking, cancelling.

No place is given twice: every step is one conditional statement that wins or changes nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Row, and_, delete, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from care.appointments import confirming, holding, outside
from care.appointments.confirming import event_data
from care.appointments.holding import Ask
from care.appointments.limits import may_hold
from care.appointments.models import LIVE, Appointment, Slot, SlotHold, Status
from care.appointments.rules import RULES, BookingRules
from care.appointments.statements import is_sqlite
from care.appointments.views import (
    AppointmentView,
    Booked,
    Cancelled,
    Held,
    Refused,
    SlotView,
    Why,
    appointment_view,
    booked_view,
    found_slot,
)
from care.hospital.models import HealthcareService, Practitioner
from store import events
from store.ids import new_id


async def hold(
    session: AsyncSession,
    *,
    slot_id: UUID,
    patient_id: UUID,
    now: datetime,
    contact_id: UUID | None = None,
    conversation_id: UUID | None = None,
    replaces_id: UUID | None = None,
    by_staff: bool = False,
    rules: BookingRules = RULES,
) -> Held | Refused:
    """Keep a place. Staff (`by_staff`) may go above a slot's places as far as it allows, and the limits per person are not theirs.

    Holding another slot in the same conversation gives the earlier one back, once the new one is kept.

    The same slot again renews its hold. `replaces_id`: an appointment that will be cancelled when this one
    is confirmed.
    """
    await _flushed(session)
    ask = Ask(slot_id, patient_id, contact_id, conversation_id, replaces_id, now)
    row: dict[str, Any] = {
        "id": new_id(),
        "slot_id": slot_id,
        "patient_id": patient_id,
        "contact_id": contact_id,
        "conversation_id": conversation_id,
        "replaces_id": replaces_id,
        "until": now + rules.hold,
    }
    asked = await holding.ask_and_hold(session, ask, rules.noshow_window, row, over=by_staff)
    if asked is None:
        return Refused(Why.UNKNOWN)
    found, done = asked
    if found.start <= now:
        return Refused(Why.PAST)
    wanted = found_slot(found)
    refusal = await may_hold(session, wanted, ask, found, None if by_staff else rules)
    if refusal is not None:
        if done:
            await release(session, row["id"])
        return refusal
    if done:
        return Held(row["id"], wanted, row["until"])
    if not found.expired and not found.kept:
        return Refused(Why.FULL)
    return await _hold_instead(session, found, wanted, row, over=by_staff, now=now)


async def _hold_instead(
    session: AsyncSession,
    found: Row[Any],
    wanted: SlotView,
    row: dict[str, Any],
    *,
    over: bool,
    now: datetime,
) -> Held | Refused:
    """The longer way, where other holds are in play: those of the slot that ran out, or what the conversation keeps already."""
    if found.kept and (renewed := await _renew(session, row, now)) is not None:
        return Held(renewed, wanted, row["until"])
    places = found.capacity + (found.overbook if over else 0)
    if found.taken >= places and not found.expired:
        return Refused(Why.FULL)  # without queueing for the row's lock: in a rush most hear this
    if found.kept:
        await _lock_in_order(session, row["conversation_id"], row["slot_id"])
    if found.expired:
        await sweep_holds(session, now=now, slot_id=row["slot_id"])
    if not await holding.take_and_hold(session, row, over=over):
        return Refused(Why.FULL)
    if found.kept:
        others = and_(SlotHold.conversation_id == row["conversation_id"], SlotHold.id != row["id"])
        await _release_where(session, others)
    return Held(row["id"], wanted, row["until"])


async def _flushed(session: AsyncSession) -> None:
    """Plain statements do not write first what the session was given; mapped ones do."""
    if session.new or session.dirty or session.deleted:
        await session.flush()


async def _renew(session: AsyncSession, row: dict[str, Any], now: datetime) -> UUID | None:
    """Give the conversation's hold on the same slot the new one's patient and time. None when it is gone by now."""
    renewed: UUID | None = await session.scalar(
        update(SlotHold)
        .where(
            SlotHold.conversation_id == row["conversation_id"],
            SlotHold.slot_id == row["slot_id"],
            SlotHold.until > now,
        )
        .values({name: row[name] for name in ("patient_id", "contact_id", "replaces_id", "until")})
        .returning(SlotHold.id)
        .execution_options(synchronize_session=False)
    )
    return renewed


async def confirm(
    session: AsyncSession,
    hold_id: UUID,
    *,
    now: datetime,
    created_via: str,
    pending: bool = False,
) -> Booked | Refused:
    """Book what is held. The same hold confirmed twice gives the same appointment.

    A hold past its time still books while nobody else took the place. `pending`: the hospital's system must
    confirm yet; where there is one (`outside`), always, and it is told in this transaction.

    Emits `appointment.booked`, and `appointment.cancelled` for the one it replaces.
    """
    await _flushed(session)
    system = outside.current()
    row: dict[str, Any] = {
        "id": new_id(),
        "status": Status.PENDING if pending or system is not None else Status.BOOKED,
        "created_via": created_via,
        "created_at": now,
        "changed_at": now,
        "hold_id": hold_id,
    }
    found = await confirming.drop_and_book(session, row)
    if found is None:
        again = await session.scalar(select(Appointment.id).where(Appointment.hold_id == hold_id))
        return Refused(Why.HOLD_GONE) if again is None else Booked(await _told(session, again), again=True)
    held, done = found
    if not done:
        held = await confirming.lock_place(session, held)
        if (refusal := await _book(session, row, held, now, moving=system is not None)) is not None:
            await _give_back(session, held.slot_id)
            return refusal
    if system is not None:
        await system.booked(session, row["id"], held.replaces_id, now)
    return Booked(booked_view(row, held))


async def _book(
    session: AsyncSession, row: dict[str, Any], held: Row[Any], now: datetime, *, moving: bool
) -> Refused | None:
    """Step by step; `moving`: what it replaces keeps its place until the hospital's system has accepted this one."""
    if held.start <= now:
        return Refused(Why.PAST)
    if held.status != "free" or not held.still_held:
        return Refused(Why.FULL)
    if held.replaces_id is None:
        return await _put(session, row, held)
    clash = await _same_half_day(session, held)
    if clash not in (None, held.replaces_id):
        return Refused(Why.SAME_HALF_DAY, clash)
    async with session.begin_nested() as step:
        was_live, _ = await _cancel(session, held.replaces_id, now, why="moved", keeps_place=moving)
        goes_on = None if was_live else await went_on(session, held.replaces_id, held.patient_id)
        refusal = Refused(Why.NOT_LIVE, goes_on) if goes_on is not None else await _put(session, row, held)
        if refusal is not None:
            await step.rollback()  # what was to be moved stays
    return refusal


async def _put(session: AsyncSession, row: dict[str, Any], held: Row[Any]) -> Refused | None:
    if await confirming.book(session, row, held):
        return None
    return Refused(Why.SAME_HALF_DAY, await _same_half_day(session, held))


async def release(session: AsyncSession, hold_id: UUID) -> bool:
    """Give a held place back. False when it was gone already."""
    gone = await session.execute(delete(SlotHold).where(SlotHold.id == hold_id).returning(SlotHold.slot_id))
    slot_id = gone.scalar()
    if slot_id is None:
        return False
    await _give_back(session, slot_id)
    return True


async def release_conversation(session: AsyncSession, conversation_id: UUID) -> int:
    """Give back whatever a conversation holds."""
    return await _release_where(session, SlotHold.conversation_id == conversation_id)


async def sweep_holds(session: AsyncSession, *, now: datetime, slot_id: UUID | None = None) -> int:
    """Give back the places of holds that ran out; all of them, or those of one slot. Run it every minute."""
    condition = SlotHold.until <= now
    return await _release_where(
        session, condition if slot_id is None else and_(condition, SlotHold.slot_id == slot_id)
    )


async def _release_where(session: AsyncSession, condition: Any) -> int:
    if not is_sqlite(session):
        # Whoever has such a row locked is giving it back, or booking it, right now.
        condition = SlotHold.id.in_(select(SlotHold.id).where(condition).with_for_update(skip_locked=True))
    gone = await session.execute(
        delete(SlotHold)
        .where(condition)
        .returning(SlotHold.slot_id)
        .execution_options(synchronize_session=False)
    )
    # Always in the same order: two sweepers must not wait for each other.
    freed = sorted(gone.scalars())
    for slot_id in freed:
        await _give_back(session, slot_id)
    return len(freed)


async def cancel(
    session: AsyncSession,
    appointment_id: UUID,
    *,
    now: datetime,
    by_staff: bool = False,
    reason: str | None = None,
    rules: BookingRules = RULES,
) -> Cancelled | Refused:
    """Cancel; patients may until `cancel_until` before the start, staff always.

    Emits `appointment.cancelled`.
    """
    row = await session.get(Appointment, appointment_id, populate_existing=True)
    if row is None:
        return Refused(Why.UNKNOWN)
    if row.status == Status.CANCELLED:
        return Cancelled(await _told(session, appointment_id), again=True)
    if row.status not in (Status.PENDING, Status.BOOKED):
        return Refused(Why.NOT_LIVE, appointment_id)
    if not by_staff and now > row.start - rules.cancel_until:
        return Refused(Why.TOO_LATE, appointment_id)
    if reason:
        row.reason = reason
    done, waits = await _cancel(session, appointment_id, now, why="staff" if by_staff else "patient")
    return Cancelled(await _told(session, appointment_id), again=not done, waits=waits)


async def _cancel(
    session: AsyncSession, appointment_id: UUID, now: datetime, *, why: str, keeps_place: bool = False
) -> tuple[bool, bool]:
    """Whether it was live, and whether its place is kept for now."""
    changed = await session.execute(
        update(Appointment)
        .where(Appointment.id == appointment_id, Appointment.status.in_((Status.PENDING, Status.BOOKED)))
        .values(status=Status.CANCELLED, changed_at=now)
        .returning(Appointment.slot_id)
    )
    slot_id = changed.scalar()
    if slot_id is None:
        return False, False
    if not keeps_place and (system := outside.current()) is not None:
        keeps_place = await system.cancelled(session, appointment_id, now)
    if not keeps_place:
        await _give_back(session, slot_id)
    row = await session.get_one(Appointment, appointment_id, populate_existing=True)
    events.emit(session, row.patient_id, "appointment.cancelled", now, why=why, **event_data(row.id, row))
    return True, keeps_place


_NEXT: dict[Status, tuple[Status, ...]] = {
    Status.BOOKED: (Status.PENDING,),
    Status.ARRIVED: (Status.BOOKED,),
    Status.FULFILLED: (Status.ARRIVED, Status.BOOKED),
    Status.NOSHOW: (Status.BOOKED,),
}


async def move_on(session: AsyncSession, appointment_id: UUID, status: Status, *, now: datetime) -> bool:
    """Confirmed by the hospital, arrived, seen or not come.

    Emits `appointment.<status>`; False when it does not follow.
    """
    changed = await session.execute(
        update(Appointment)
        .where(Appointment.id == appointment_id, Appointment.status.in_(_NEXT.get(status, ())))
        .values(status=status, changed_at=now)
        .returning(Appointment.id)
    )
    if changed.scalar() is None:
        return False
    row = await session.get_one(Appointment, appointment_id, populate_existing=True)
    kind = "appointment.confirmed" if status == Status.BOOKED else f"appointment.{status}"
    events.emit(session, row.patient_id, kind, now, **event_data(row.id, row))
    return True


# --- reading ---


async def went_on(session: AsyncSession, appointment_id: UUID, patient_id: UUID) -> UUID | None:
    """What stands in place of an appointment that is not to come any more: itself, begun or over, or what it was moved to meanwhile.

    None: it was cancelled, or missed; what its patient has chosen since is new.
    """
    at: UUID | None = appointment_id
    while at is not None:
        status = await session.scalar(select(Appointment.status).where(Appointment.id == at))
        if status in (*LIVE, Status.FULFILLED):
            return at
        later = select(Appointment.id).where(
            Appointment.patient_id == patient_id, Appointment.replaces_id == at, Appointment.id > at
        )
        at = await session.scalar(later.order_by(Appointment.id.desc()).limit(1))
    return None


async def upcoming(
    session: AsyncSession, patient_ids: Sequence[UUID], *, now: datetime, limit: int = 20
) -> list[AppointmentView]:
    """Appointments of these patients that are still to come or in progress (arrived), soonest first."""
    query = (
        _with_names()
        .where(
            Appointment.patient_id.in_(list(patient_ids)),
            or_(
                and_(Appointment.status.in_((Status.PENDING, Status.BOOKED)), Appointment.start > now),
                Appointment.status == Status.ARRIVED,
            ),
        )
        .order_by(Appointment.start)
        .limit(limit)
    )
    return [appointment_view(*row) for row in (await session.execute(query))]


async def last_of(session: AsyncSession, patient_id: UUID, *, now: datetime) -> AppointmentView | None:
    """The patient's latest visit that was not cancelled or missed; where there was none, the one booked."""
    query = _with_names().where(
        Appointment.patient_id == patient_id,
        Appointment.status.not_in((Status.CANCELLED, Status.NOSHOW, Status.PROPOSED)),
    )
    row = (await session.execute(query.order_by(Appointment.start > now, Appointment.start.desc()))).first()
    return appointment_view(*row) if row else None


async def get(session: AsyncSession, appointment_id: UUID) -> AppointmentView | None:
    row = (await session.execute(_with_names().where(Appointment.id == appointment_id))).first()
    return appointment_view(*row) if row else None


async def today_of(session: AsyncSession, patient_ids: Sequence[UUID], day: Any) -> list[AppointmentView]:
    """Live appointments of the local date `day`, begun ones too (for the queue)."""
    query = _with_names().where(
        Appointment.patient_id.in_(list(patient_ids)),
        Appointment.day == day,
        Appointment.status.in_(LIVE),
    )
    rows = await session.execute(query.order_by(Appointment.start))
    return [appointment_view(*row) for row in rows]


# --- inside ---


async def _lock_in_order(session: AsyncSession, conversation_id: UUID, slot_id: UUID) -> None:
    """Two conversations swapping their slots would each wait for the other.

    Whoever comes second waits here instead.
    """
    if is_sqlite(session):
        return
    held = select(SlotHold.slot_id).where(SlotHold.conversation_id == conversation_id)
    involved = select(Slot.id).where(or_(Slot.id == slot_id, Slot.id.in_(held)))
    await session.execute(involved.order_by(Slot.id).with_for_update())


async def _give_back(session: AsyncSession, slot_id: UUID) -> None:
    await session.execute(
        update(Slot)
        .where(Slot.id == slot_id)
        .values(taken=Slot.taken - 1)
        .execution_options(synchronize_session=False)
    )


async def _same_half_day(session: AsyncSession, held: Row[Any]) -> UUID | None:
    found: UUID | None = await session.scalar(
        select(Appointment.id).where(
            Appointment.patient_id == held.patient_id,
            Appointment.department_id == held.department_id,
            Appointment.day == held.day,
            Appointment.part == held.part,
            Appointment.status.in_(LIVE),
        )
    )
    return found


def _with_names() -> Any:
    return (
        select(Appointment, HealthcareService, Practitioner)
        .join(HealthcareService, HealthcareService.id == Appointment.department_id)
        .join(Practitioner, Practitioner.id == Appointment.practitioner_id)
        .execution_options(populate_existing=True)
    )


async def _told(session: AsyncSession, appointment_id: UUID) -> AppointmentView:
    view = await get(session, appointment_id)
    if view is None:
        raise LookupError("an appointment vanished inside its own transaction")
    return view
