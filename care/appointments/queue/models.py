"""Tickets of who has checked in, the room a doctor sits in, and the big screens."""

from __future__ import annotations

from datetime import date, datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import Date, ForeignKey, Index, Integer, String
from sqlalchemy.orm import Mapped

from store.base import Base, UtcDateTime, mapped_column, uuid_pk


class TicketState(StrEnum):
    """Where a ticket stands. `PASSED`: was called and did not come (过号)."""

    WAITING = "waiting"
    CALLED = "called"
    PASSED = "passed"
    DONE = "done"


class QueueTicket(Base):
    """Somebody who has checked in, by natural key. `number` is what is called, from 1 in each doctor's half-day.

    `order_at`: who is next. The time booked for who came in time, the time of arrival for who came late; moved back by a call in vain.
    `by`: `staff` or `patient`.
    """

    __tablename__ = "queue_ticket"
    __table_args__ = (
        Index(None, "practitioner_id", "day", "part", "number", unique=True),
        Index(None, "day", "department_id"),
    )

    appointment_id: Mapped[UUID] = mapped_column(
        ForeignKey("appointment.id", ondelete="CASCADE"), primary_key=True
    )
    patient_id: Mapped[UUID] = mapped_column(ForeignKey("patient.id", ondelete="CASCADE"))
    practitioner_id: Mapped[UUID] = mapped_column(ForeignKey("practitioner.id"))
    department_id: Mapped[UUID] = mapped_column(ForeignKey("healthcare_service.id"))
    day: Mapped[date] = mapped_column(Date)
    part: Mapped[str] = mapped_column(String(10))
    number: Mapped[int] = mapped_column(Integer)
    state: Mapped[str] = mapped_column(String(10), default=TicketState.WAITING)
    order_at: Mapped[datetime] = mapped_column(UtcDateTime)
    arrived_at: Mapped[datetime] = mapped_column(UtcDateTime)
    called_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    calls: Mapped[int] = mapped_column(Integer, default=0)
    by: Mapped[str] = mapped_column(String(10))


class QueueRoom(Base):
    """The room a doctor sits in on a day, by natural key; without a row it is the department's."""

    __tablename__ = "queue_room"

    practitioner_id: Mapped[UUID] = mapped_column(ForeignKey("practitioner.id"), primary_key=True)
    day: Mapped[date] = mapped_column(Date, primary_key=True)
    room: Mapped[str] = mapped_column(String(20))


class QueueScreen(Base):
    """A big screen in a waiting area: whoever has the address sees it. `token_hash` is all that is kept of it."""

    __tablename__ = "queue_screen"

    id: Mapped[UUID] = uuid_pk()
    name: Mapped[str] = mapped_column(String(40))
    department_id: Mapped[UUID] = mapped_column(ForeignKey("healthcare_service.id"))
    token_hash: Mapped[str] = mapped_column(String(64), unique=True)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    created_by: Mapped[UUID]
    seen_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    revoked_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
