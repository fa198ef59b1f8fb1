"""An audience put into a plan: what was chosen, and how far it is."""

from __future__ import annotations

from datetime import date, datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import Date, Integer, String
from sqlalchemy.orm import Mapped

from store.base import Base, UtcDateTime, mapped_column, uuid_pk
from store.leases import Leased


class State(StrEnum):
    """`KEEPING`: everybody there was is in; each night whoever has come into the audience since."""

    RUNNING = "running"
    KEEPING = "keeping"
    DONE = "done"
    UNDOING = "undoing"
    UNDONE = "undone"


class PlanEnrolment(Base, Leased):
    """`id` is the form's own, so that a form sent twice is one. `anchor_day`: everybody's first day, None: each one's own by the record.

    `expected`: how many were to join when it was confirmed; `joined`, `taken_out`: so far. `after`: the patient it has come to.
    """

    __tablename__ = "plan_enrolment"

    id: Mapped[UUID] = uuid_pk()
    plan: Mapped[str] = mapped_column(String(60), index=True)
    audience_version_id: Mapped[UUID]
    audience: Mapped[str] = mapped_column(String(60))
    anchor_day: Mapped[date | None] = mapped_column(Date)
    keep: Mapped[bool]
    state: Mapped[str] = mapped_column(String(10))
    expected: Mapped[int] = mapped_column(Integer)
    joined: Mapped[int] = mapped_column(Integer, default=0)
    taken_out: Mapped[int] = mapped_column(Integer, default=0)
    after: Mapped[UUID | None]
    begun_at: Mapped[datetime] = mapped_column(UtcDateTime)
    begun_by: Mapped[UUID]
    ended_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    undone_by: Mapped[UUID | None]
