"""Alerts: what a person must see at once."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import Index, String
from sqlalchemy.orm import Mapped

from store.base import Base, EncryptedText, UtcDateTime, mapped_column, sealed_column, uuid_pk


class AlertKind(StrEnum):
    EMERGENCY = "emergency"
    CRISIS = "crisis"
    RED_FLAG = "red_flag"


class Alert(Base):
    """`dedup_key` (`<inbound id>:<kind>`) makes a replayed message open it once.

    `text` is what the person wrote.

    `status`: `open`, `acknowledged`, `closed`. `patient_id` empty: the contact is bound to nobody.
    `false_alarm_at`: the person said that nothing was the matter; a nurse still closes it.
    """

    __tablename__ = "alert"
    __table_args__ = (Index(None, "status", "opened_at"),)

    id: Mapped[UUID] = uuid_pk()
    dedup_key: Mapped[str] = mapped_column(String(120), unique=True)
    kind: Mapped[str] = mapped_column(String(12))
    conversation_id: Mapped[UUID | None] = mapped_column(index=True)
    contact_id: Mapped[UUID | None]
    patient_id: Mapped[UUID | None] = mapped_column(index=True)
    inbound_id: Mapped[UUID | None]
    status: Mapped[str] = mapped_column(String(12), default="open")
    text = EncryptedText()
    text_sealed: Mapped[bytes | None] = sealed_column()
    note = EncryptedText()
    note_sealed: Mapped[bytes | None] = sealed_column()
    false_alarm_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    opened_at: Mapped[datetime] = mapped_column(UtcDateTime)
    acknowledged_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    acknowledged_by: Mapped[UUID | None]
    closed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    closed_by: Mapped[UUID | None]
