"""Clinics in FHIR's terms: Schedule (weekly), Slot (a dated piece of it), SlotHold, Appointment.

And a dialogue's draft.
"""

from __future__ import annotations

from datetime import date, datetime, time
from enum import StrEnum
from uuid import UUID

from sqlalchemy import CheckConstraint, Date, ForeignKey, Index, Integer, String, Time, text
from sqlalchemy.orm import Mapped

from store.base import (
    Base,
    EncryptedJson,
    EncryptedText,
    UtcDateTime,
    mapped_column,
    sealed_column,
    uuid_pk,
)


class Part(StrEnum):
    """Part of the day a clinic belongs to."""

    MORNING = "morning"
    AFTERNOON = "afternoon"
    EVENING = "evening"


class Status(StrEnum):
    """FHIR's AppointmentStatus, as far as we use it.

    `PENDING`: told to the hospital's system, not yet confirmed by it.
    """

    PROPOSED = "proposed"
    PENDING = "pending"
    BOOKED = "booked"
    ARRIVED = "arrived"
    FULFILLED = "fulfilled"
    CANCELLED = "cancelled"
    NOSHOW = "noshow"


# A person has these: they count for limits and occupy their place.
LIVE = (Status.PENDING, Status.BOOKED, Status.ARRIVED)
LIVE_SQL = "status IN ('pending', 'booked', 'arrived')"


class Kind(StrEnum):
    """What kind of visit a clinic is for (FHIR Schedule.serviceType)."""

    GENERAL = "general"
    EXPERT = "expert"
    SPECIAL = "special"
    FIRST = "first"
    RETURN = "return"
    ONLINE = "online"


class OnHolidays(StrEnum):
    """What a weekly clinic does on days off and swapped working days (调休).

    `FOLLOW`: not held on named days off; on a working day the hospital holds as another weekday, that weekday's clinics are.
    `IGNORE`: held on its weekday whatever the calendar says. `REPLACE`: a holiday clinic, held only on named days off.
    """

    FOLLOW = "follow"
    IGNORE = "ignore"
    REPLACE = "replace"


class Schedule(Base):
    """A weekly clinic.

    `weekday` 0 is Monday; times are the hospital's own; `capacity` is places a slot, `overbook` places above them that only
    staff give; fee in fen. `min_age`, `max_age` in whole years, both included, and `sex` narrow the department's own limits.
    `valid_from`, `valid_to`: first and last day, None without end. `location_id` None: where the department is.
    """

    __tablename__ = "schedule"
    __table_args__ = (Index(None, "practitioner_id", "weekday", "starts", unique=True),)

    id: Mapped[UUID] = uuid_pk()
    practitioner_id: Mapped[UUID] = mapped_column(ForeignKey("practitioner.id"))
    department_id: Mapped[UUID] = mapped_column(ForeignKey("healthcare_service.id"), index=True)
    weekday: Mapped[int] = mapped_column(Integer)
    part: Mapped[str] = mapped_column(String(10))
    starts: Mapped[time] = mapped_column(Time)
    ends: Mapped[time] = mapped_column(Time)
    slot_minutes: Mapped[int] = mapped_column(Integer)
    capacity: Mapped[int] = mapped_column(Integer)
    fee_fen: Mapped[int] = mapped_column(Integer)
    active: Mapped[bool] = mapped_column(default=True)
    kind: Mapped[str] = mapped_column(String(10), default=Kind.GENERAL, server_default=Kind.GENERAL)
    overbook: Mapped[int] = mapped_column(Integer, default=0, server_default="0")
    min_age: Mapped[int | None] = mapped_column(Integer)
    max_age: Mapped[int | None] = mapped_column(Integer)
    sex: Mapped[str | None] = mapped_column(String(10))
    location_id: Mapped[UUID | None] = mapped_column(ForeignKey("location.id"))
    valid_from: Mapped[date | None] = mapped_column(Date)
    valid_to: Mapped[date | None] = mapped_column(Date)
    on_holidays: Mapped[str] = mapped_column(
        String(10), default=OnHolidays.FOLLOW, server_default=OnHolidays.FOLLOW
    )


class ScheduleException(Base):
    """One day on which a weekly clinic, or all of a doctor's, is otherwise: exactly one of `schedule_id` and `practitioner_id`.

    `closed`: not held. Else held that day, whatever its weekday, with what is given here instead of the schedule's own; for a
    doctor only `capacity` counts. An exception of a clinic wins over one of its doctor, both over holidays.
    """

    __tablename__ = "schedule_exception"
    __table_args__ = (
        Index(None, "schedule_id", "day", unique=True),
        Index(None, "practitioner_id", "day", unique=True),
        CheckConstraint("(schedule_id IS NULL) <> (practitioner_id IS NULL)", name="of_one"),
    )

    id: Mapped[UUID] = uuid_pk()
    schedule_id: Mapped[UUID | None] = mapped_column(ForeignKey("schedule.id", ondelete="CASCADE"))
    practitioner_id: Mapped[UUID | None] = mapped_column(ForeignKey("practitioner.id", ondelete="CASCADE"))
    day: Mapped[date] = mapped_column(Date, index=True)
    closed: Mapped[bool] = mapped_column(default=False)
    starts: Mapped[time | None] = mapped_column(Time)
    ends: Mapped[time | None] = mapped_column(Time)
    capacity: Mapped[int | None] = mapped_column(Integer)
    reason: Mapped[str] = mapped_column(String(120), default="")
    created_by: Mapped[UUID | None]
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)


class Slot(Base):
    """A dated time with `capacity` places, of which `taken` are held or booked; staff may go `overbook` above it.

    `status`: `free` (bookable while places are left), `blocked` (a closure), `gone` (no longer planned, kept for what is or was
    booked in it). `day` is the local date. Practitioner, department and the limits are repeated from the schedule: searching and
    booking are by them. `place` None: where the department is.
    """

    __tablename__ = "slot"
    __table_args__ = (
        Index(None, "schedule_id", "start", unique=True),
        Index(None, "department_id", "start"),
        Index(None, "practitioner_id", "start"),
        CheckConstraint("taken >= 0 AND taken <= capacity + overbook", name="taken_within_capacity"),
    )

    id: Mapped[UUID] = uuid_pk()
    schedule_id: Mapped[UUID] = mapped_column(ForeignKey("schedule.id"))
    practitioner_id: Mapped[UUID] = mapped_column(ForeignKey("practitioner.id"))
    department_id: Mapped[UUID] = mapped_column(ForeignKey("healthcare_service.id"))
    start: Mapped[datetime] = mapped_column(UtcDateTime)
    end: Mapped[datetime] = mapped_column(UtcDateTime)
    day: Mapped[date] = mapped_column(Date, index=True)
    part: Mapped[str] = mapped_column(String(10))
    capacity: Mapped[int] = mapped_column(Integer)
    taken: Mapped[int] = mapped_column(Integer, default=0)
    fee_fen: Mapped[int] = mapped_column(Integer)
    status: Mapped[str] = mapped_column(String(10), default="free")
    kind: Mapped[str] = mapped_column(String(10), default=Kind.GENERAL, server_default=Kind.GENERAL)
    overbook: Mapped[int] = mapped_column(Integer, default=0, server_default="0")
    min_age: Mapped[int | None] = mapped_column(Integer)
    max_age: Mapped[int | None] = mapped_column(Integer)
    sex: Mapped[str | None] = mapped_column(String(10))
    place: Mapped[str | None] = mapped_column(String(120))


class SlotHold(Base):
    """A place kept while the patient decides. Whoever deletes the row gives the place back, or books it."""

    __tablename__ = "slot_hold"

    id: Mapped[UUID] = uuid_pk()
    slot_id: Mapped[UUID] = mapped_column(ForeignKey("slot.id"), index=True)
    patient_id: Mapped[UUID] = mapped_column(ForeignKey("patient.id"), index=True)
    contact_id: Mapped[UUID | None] = mapped_column(index=True)
    conversation_id: Mapped[UUID | None] = mapped_column(index=True)
    replaces_id: Mapped[UUID | None] = mapped_column(ForeignKey("appointment.id"))
    until: Mapped[datetime] = mapped_column(UtcDateTime, index=True)


class Appointment(Base):
    """A booked place. `hold_id` is the hold it came from: a second confirmation of it finds this row.

    `created_via`: `wechat`, `sms`, `staff`, `seed`. `replaces_id`: the appointment this one moved.
    """

    __tablename__ = "appointment"
    __table_args__ = (
        Index(
            "uq_appointment_live_half_day",
            "patient_id",
            "department_id",
            "day",
            "part",
            unique=True,
            sqlite_where=text(LIVE_SQL),
            postgresql_where=text(LIVE_SQL),
        ),
        Index(None, "patient_id", "start"),
        Index(None, "practitioner_id", "day", "part"),
        Index(None, "day", "status"),
    )

    id: Mapped[UUID] = uuid_pk()
    status: Mapped[str] = mapped_column(String(10), index=True)
    patient_id: Mapped[UUID] = mapped_column(ForeignKey("patient.id"))
    slot_id: Mapped[UUID] = mapped_column(ForeignKey("slot.id"), index=True)
    practitioner_id: Mapped[UUID] = mapped_column(ForeignKey("practitioner.id"))
    department_id: Mapped[UUID] = mapped_column(ForeignKey("healthcare_service.id"))
    start: Mapped[datetime] = mapped_column(UtcDateTime)
    day: Mapped[date] = mapped_column(Date)
    part: Mapped[str] = mapped_column(String(10))
    fee_fen: Mapped[int] = mapped_column(Integer)
    contact_id: Mapped[UUID | None] = mapped_column(index=True)
    conversation_id: Mapped[UUID | None]
    created_via: Mapped[str] = mapped_column(String(10))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    changed_at: Mapped[datetime] = mapped_column(UtcDateTime)
    hold_id: Mapped[UUID | None] = mapped_column(unique=True)
    replaces_id: Mapped[UUID | None] = mapped_column(ForeignKey("appointment.id"))
    place: Mapped[str | None] = mapped_column(String(120))
    kind: Mapped[str] = mapped_column(String(10), default=Kind.GENERAL, server_default=Kind.GENERAL)
    reason = EncryptedText()
    reason_sealed: Mapped[bytes | None] = sealed_column()


class BookingDraft(Base):
    """Where a booking dialogue stands; the truth a lost tracker can be rebuilt from. One a conversation.

    `step` is the dialogue's own word. `wanted_from` and `wanted_to` bound the times asked for. `offers`:
    what was offered last, in the order shown. `replaces_id`: an appointment being moved.
    """

    __tablename__ = "booking_draft"

    id: Mapped[UUID] = uuid_pk()
    conversation_id: Mapped[UUID] = mapped_column(unique=True)
    contact_id: Mapped[UUID | None]
    patient_id: Mapped[UUID | None] = mapped_column(ForeignKey("patient.id", ondelete="CASCADE"))
    for_label = EncryptedText()
    for_label_sealed: Mapped[bytes | None] = sealed_column()
    department_id: Mapped[UUID | None] = mapped_column(ForeignKey("healthcare_service.id"))
    practitioner_id: Mapped[UUID | None] = mapped_column(ForeignKey("practitioner.id"))
    wanted_from: Mapped[datetime | None] = mapped_column(UtcDateTime)
    wanted_to: Mapped[datetime | None] = mapped_column(UtcDateTime)
    part: Mapped[str | None] = mapped_column(String(10))
    slot_id: Mapped[UUID | None]
    hold_id: Mapped[UUID | None]
    replaces_id: Mapped[UUID | None]
    step: Mapped[str] = mapped_column(String(30), default="")
    offers = EncryptedJson()
    offers_sealed: Mapped[bytes | None] = sealed_column()
    updated_at: Mapped[datetime] = mapped_column(UtcDateTime)
