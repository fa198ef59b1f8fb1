"""How long it will take: from the queue for who has checked in, from the times booked for who has not."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import ColumnElement, and_, func, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from care.appointments.models import LIVE, Appointment, Slot, Status
from care.appointments.queue.models import QueueTicket, TicketState


@dataclass(frozen=True, slots=True)
class Position:
    """`number` in the half-day (from 1): the one called for who has checked in, else by time booked. People `ahead` not seen yet,
    a rough wait in `minutes`. `state` None: not checked in."""

    number: int
    ahead: int
    minutes: int
    state: TicketState | None = None


async def position(session: AsyncSession, appointment_id: UUID, now: datetime) -> Position | None:
    """None when the appointment is not live."""
    mine = await session.get(Appointment, appointment_id, populate_existing=True)
    if mine is None or mine.status not in LIVE:
        return None
    ticket = await session.get(QueueTicket, appointment_id, populate_existing=True)
    each = await _minutes_each(session, mine.slot_id)
    if ticket is None:
        return await _by_time(session, mine, each, now)
    ahead = 0
    if ticket.state == TicketState.WAITING:
        before = or_(
            QueueTicket.order_at < ticket.order_at,
            and_(QueueTicket.order_at == ticket.order_at, QueueTicket.number < ticket.number),
        )
        ahead = await _count(session, *_same(ticket), QueueTicket.state == TicketState.WAITING, before)
    in_room = await _count(session, *_same(ticket), QueueTicket.state == TicketState.CALLED)
    wait = (ahead + in_room) * each if ticket.state == TicketState.WAITING else 0
    return Position(ticket.number, ahead, round(wait), TicketState(ticket.state))


async def _by_time(session: AsyncSession, mine: Appointment, each: float, now: datetime) -> Position:
    """Who has booked an earlier time comes first, and so does who is here already and booked for later than now."""
    rows = await session.execute(
        select(Appointment.status, Appointment.start, QueueTicket.state)
        .outerjoin(QueueTicket, QueueTicket.appointment_id == Appointment.id)
        .where(
            Appointment.practitioner_id == mine.practitioner_id,
            Appointment.day == mine.day,
            Appointment.part == mine.part,
            Appointment.status != Status.CANCELLED,
            or_(
                Appointment.start < mine.start,
                and_(Appointment.start == mine.start, Appointment.id < mine.id),
                QueueTicket.order_at < max(mine.start, now),
            ),
        )
    )
    before = [(status, start, state) for status, start, state in rows]
    gone = (TicketState.DONE, TicketState.PASSED)
    ahead = sum(1 for status, _, state in before if status in LIVE and state not in gone)
    earlier = sum(1 for _, start, _ in before if start <= mine.start)
    return Position(earlier + 1, ahead, round(ahead * each))


async def _minutes_each(session: AsyncSession, slot_id: UUID) -> float:
    slot = await session.get_one(Slot, slot_id)
    return (slot.end - slot.start).total_seconds() / 60 / max(slot.capacity, 1)


async def _count(session: AsyncSession, *conditions: ColumnElement[bool]) -> int:
    query = select(func.count()).select_from(QueueTicket).where(*conditions)
    return await session.scalar(query) or 0


def _same(ticket: QueueTicket) -> tuple[ColumnElement[bool], ...]:
    return (
        QueueTicket.practitioner_id == ticket.practitioner_id,
        QueueTicket.day == ticket.day,
        QueueTicket.part == ticket.part,
    )
