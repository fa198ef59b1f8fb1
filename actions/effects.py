"""`turn_effect`: what an action did for one inbound message, written with its facts. A replay returns the row."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import Integer, String, UniqueConstraint

from store.base import Base, EncryptedJson, Mapped, UtcDateTime, mapped_column, sealed_column, uuid_pk


class TurnEffect(Base):
    """`effect` is `{"events": […], "replies": […]}`; `n` counts the same action within one turn."""

    __tablename__ = "turn_effect"
    __table_args__ = (UniqueConstraint("inbound_id", "action", "n"),)

    id: Mapped[UUID] = uuid_pk()
    inbound_id: Mapped[UUID]
    action: Mapped[str] = mapped_column(String(80))
    n: Mapped[int] = mapped_column(Integer)
    effect = EncryptedJson()
    effect_sealed: Mapped[bytes | None] = sealed_column(nullable=False)
    at: Mapped[datetime] = mapped_column(UtcDateTime)
