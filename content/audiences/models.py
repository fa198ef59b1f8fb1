"""Saved audiences and their versions. A rule is never changed: a changed one is a new version."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import JSON, ForeignKey, Integer, String, UniqueConstraint

from store.base import Base, Mapped, UtcDateTime, mapped_column, uuid_pk


class Audience(Base):
    """`version` is the number of its newest version. `archived_at` set: not offered any more; what uses it goes on."""

    __tablename__ = "audience"

    id: Mapped[UUID] = uuid_pk()
    name: Mapped[str] = mapped_column(String(60), unique=True)
    note: Mapped[str] = mapped_column(String(300), default="")
    version: Mapped[int] = mapped_column(Integer, default=1)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    created_by: Mapped[UUID | None]
    changed_at: Mapped[datetime] = mapped_column(UtcDateTime)
    archived_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class AudienceVersion(Base):
    """One rule, as `content.audiences.rules` reads it. `count`: patients at `counted_at`, when somebody last looked."""

    __tablename__ = "audience_version"
    __table_args__ = (UniqueConstraint("audience_id", "number"),)

    id: Mapped[UUID] = uuid_pk()
    audience_id: Mapped[UUID] = mapped_column(ForeignKey("audience.id", ondelete="CASCADE"))
    number: Mapped[int] = mapped_column(Integer)
    rule: Mapped[dict[str, Any]] = mapped_column(JSON)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    created_by: Mapped[UUID | None]
    count: Mapped[int | None] = mapped_column(Integer)
    counted_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
