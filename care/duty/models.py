"""The duty roster and the hand-over of shifts."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import ForeignKey, Index, String
from sqlalchemy.orm import Mapped

from store.base import Base, EncryptedJson, EncryptedText, UtcDateTime, mapped_column, sealed_column, uuid_pk


class Position(StrEnum):
    """The chain's levels in their order. Not roles: whoever stands on the roster has the position for that shift."""

    NURSE = "nurse"
    HEAD_NURSE = "head_nurse"
    DOCTOR = "doctor"


class Shift(Base):
    """Somebody is on duty from `starts_at` to `ends_at` (excluded). `department_id` empty: for the whole hospital."""

    __tablename__ = "duty_shift"
    __table_args__ = (Index(None, "ends_at", "position"), Index(None, "staff_id", "starts_at"))

    id: Mapped[UUID] = uuid_pk()
    position: Mapped[str] = mapped_column(String(12))
    department_id: Mapped[UUID | None]
    staff_id: Mapped[UUID] = mapped_column(ForeignKey("staff_user.id", ondelete="CASCADE"))
    starts_at: Mapped[datetime] = mapped_column(UtcDateTime)
    ends_at: Mapped[datetime] = mapped_column(UtcDateTime)
    created_by: Mapped[UUID]
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)


class Handover(Base):
    """What one shift leaves to the next. `note` are the giver's words; `held` what was open then: counts and ids of alerts,
    conversations and tasks. Taken over by the signature (`signed_by`, `signed_at`) of another person."""

    __tablename__ = "duty_handover"
    __table_args__ = (Index(None, "signed_at", "given_at"),)

    id: Mapped[UUID] = uuid_pk()
    given_by: Mapped[UUID]
    given_at: Mapped[datetime] = mapped_column(UtcDateTime)
    note = EncryptedText()
    note_sealed: Mapped[bytes | None] = sealed_column()
    held = EncryptedJson()
    held_sealed: Mapped[bytes | None] = sealed_column()
    signed_by: Mapped[UUID | None]
    signed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
