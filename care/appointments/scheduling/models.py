"""What was changed in the schedules, by whom, and how it was before."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import JSON, ForeignKey, Index, String
from sqlalchemy.orm import Mapped

from store.base import Base, UtcDateTime, mapped_column, uuid_pk


class What(StrEnum):
    """What a change is of: a weekly clinic, an exception, a day of the hospital's calendar, a department's preparation note."""

    CLINIC = "clinic"
    EXCEPTION = "exception"
    DAY = "day"
    PREPARATION = "preparation"


class ScheduleChange(Base):
    """One edit. `key` names the row (an id or a date); `before` and `after` are its values, None where it was or is not there.

    `practitioner_id`: on whose page it is shown; None for what concerns everybody.
    """

    __tablename__ = "schedule_change"
    __table_args__ = (Index(None, "practitioner_id", "at"),)

    id: Mapped[UUID] = uuid_pk()
    what: Mapped[str] = mapped_column(String(12))
    key: Mapped[str] = mapped_column(String(40))
    practitioner_id: Mapped[UUID | None] = mapped_column(ForeignKey("practitioner.id", ondelete="CASCADE"))
    before: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    after: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    by: Mapped[UUID]
    at: Mapped[datetime] = mapped_column(UtcDateTime)
    undone_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
