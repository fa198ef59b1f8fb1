"""What the nightly training came to."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import JSON, Float, Integer, String
from sqlalchemy.orm import Mapped

from store.base import Base, UtcDateTime, mapped_column, uuid_pk


class Verdict(StrEnum):
    """`GOOD`: used. `POOR`: no better than the average, or not calibrated. `TOO_LITTLE`: not enough history to say."""

    GOOD = "good"
    POOR = "poor"
    TOO_LITTLE = "too_little"


class NoshowModel(Base):
    """One training. `visits` and `missed`: how many outcomes it saw; the rest is None or empty where that was too little.

    `brier` on the last quarter by time, never seen in training, beside `brier_base`, that of always saying the average of the
    first three quarters. `bins`: `[[said, observed, visits], …]` there. `weights`: log-odds by factor, after standardising by
    `means`; `intercept`.
    """

    __tablename__ = "noshow_model"

    id: Mapped[UUID] = uuid_pk()
    trained_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)
    verdict: Mapped[str] = mapped_column(String(12))
    visits: Mapped[int] = mapped_column(Integer)
    missed: Mapped[int] = mapped_column(Integer)
    brier: Mapped[float | None] = mapped_column(Float)
    brier_base: Mapped[float | None] = mapped_column(Float)
    bins: Mapped[list[Any]] = mapped_column(JSON, default=list)
    weights: Mapped[dict[str, float]] = mapped_column(JSON, default=dict)
    means: Mapped[dict[str, float]] = mapped_column(JSON, default=dict)
    intercept: Mapped[float] = mapped_column(Float, default=0.0)
