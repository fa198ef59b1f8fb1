"""Figures that were counted, and the reports made of them."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import JSON, Date, Integer, LargeBinary, String

from store.base import Base, Mapped, UtcDateTime, mapped_column, uuid_pk
from store.leases import Leased


class InsightFigures(Base, Leased):
    """What was counted over `months` months from `first_month` on, with `days` to come back in.

    `key` is the period's, or `report/<month>` of a monthly report. `figures` (`Figures.to_json`) are as of `as_of`; while they are
    counted anew `due_at` is set, the old ones stay, and `step` of `collecting.PARTS` (and one for the file) are done. They name
    nobody, but small groups in them are not hidden yet. `pdf` is the report's file. `viewed_at`: when somebody last wanted them.
    """

    __tablename__ = "insight_figures"

    id: Mapped[UUID] = uuid_pk()
    key: Mapped[str] = mapped_column(String(40), unique=True)
    first_month: Mapped[date] = mapped_column(Date)
    months: Mapped[int] = mapped_column(Integer)
    days: Mapped[int] = mapped_column(Integer)
    report: Mapped[bool] = mapped_column(default=False)
    step: Mapped[int] = mapped_column(Integer, default=0)
    figures: Mapped[dict[str, Any] | None] = mapped_column(JSON)
    as_of: Mapped[datetime | None] = mapped_column(UtcDateTime)
    pdf: Mapped[bytes | None] = mapped_column(LargeBinary, deferred=True)
    pdf_size: Mapped[int | None] = mapped_column(Integer)
    asked_at: Mapped[datetime] = mapped_column(UtcDateTime)
    asked_by: Mapped[UUID | None]
