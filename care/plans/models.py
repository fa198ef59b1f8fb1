"""Plans as published, drafts of them, who is in which plan, and every touch to come as a row."""

from __future__ import annotations

from datetime import date, datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import JSON, Date, ForeignKey, Index, Integer, String, text
from sqlalchemy.orm import Mapped

from store.base import Base, UtcDateTime, mapped_column, uuid_pk
from store.leases import Leased


def _where(condition: str) -> dict[str, Any]:
    return {"sqlite_where": text(condition), "postgresql_where": text(condition)}


class PlanStatus(StrEnum):
    """FHIR's CarePlan.status, as far as we use it."""

    ACTIVE = "active"
    ON_HOLD = "on-hold"
    COMPLETED = "completed"
    REVOKED = "revoked"


LIVE = (PlanStatus.ACTIVE, PlanStatus.ON_HOLD)


class TouchStatus(StrEnum):
    """`SENDING`: a worker has it in hand. `SENT`: handed to the outbox, the questionnaires or the call list. `DONE`: it arrived."""

    PLANNED = "planned"
    SENDING = "sending"
    SENT = "sent"
    ANSWERED = "answered"
    DONE = "done"
    SKIPPED = "skipped"
    CANCELLED = "cancelled"


AHEAD = (TouchStatus.PLANNED, TouchStatus.SENDING)
"""What has not left yet."""


ON_ITS_WAY = "status = 'sent' AND kind IN ('message', 'article', 'reminder', 'offer')"
"""Touches whose message has not been settled: the condition of an index, so said in words wherever they are looked for."""
IS_LIVE = "status IN ('active', 'on-hold')"


class PlanDefinition(Base):
    """A published state of a plan, as it was written: `version` is its meaning, `revision` its wording. Never changed.

    `signed_by` empty: a template. `retired_at`: nobody is enrolled from then on; those in it go on.
    """

    __tablename__ = "plan_definition"
    __table_args__ = (Index(None, "name", "version", "revision", unique=True),)

    id: Mapped[UUID] = uuid_pk()
    name: Mapped[str] = mapped_column(String(60))
    version: Mapped[int] = mapped_column(Integer)
    revision: Mapped[int] = mapped_column(Integer)
    title: Mapped[str] = mapped_column(String(60))
    definition: Mapped[dict[str, Any]] = mapped_column(JSON)
    signed_by: Mapped[str | None] = mapped_column(String(60))
    published_at: Mapped[datetime] = mapped_column(UtcDateTime)
    published_by: Mapped[UUID | None]
    retired_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class PlanDraft(Base):
    """What the next version of a plan may become; it need not be right yet. One a name.

    `edition` grows with each change: who saves over a newer one is told. `writers`: staff ids, as text, of all who had a hand in it.
    """

    __tablename__ = "plan_draft"

    name: Mapped[str] = mapped_column(String(60), primary_key=True)
    title: Mapped[str] = mapped_column(String(60))
    definition: Mapped[dict[str, Any]] = mapped_column(JSON)
    edition: Mapped[int] = mapped_column(Integer, default=1)
    writers: Mapped[list[str]] = mapped_column(JSON, default=list)
    edited_at: Mapped[datetime] = mapped_column(UtcDateTime)
    edited_by: Mapped[UUID | None]
    submitted_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class CarePlan(Base):
    """A patient in a plan (FHIR CarePlan). `key`: what put them there, so that it does so once; nobody is in a plan twice at a time.

    `anchor_ref`: the fact's row, None where a person or an audience set the day. `anchors`: days of the other facts its steps are
    counted from (ISO). `version`: the plan's, by which what is ahead was planned. `closes_on`: its last day.
    `enrolment_id`: the audience's that put them in (`care.plans.joining`), if one did.
    """

    __tablename__ = "care_plan"
    __table_args__ = (
        Index(None, "patient_id", "plan", "status"),
        Index(
            "uq_care_plan_live",
            "patient_id",
            "plan",
            unique=True,
            **_where(IS_LIVE),
        ),
        Index(None, "plan", "version", "status", "id"),
        Index("ix_care_plan_live", "plan", "anchor_date", "id", **_where(IS_LIVE)),
        Index("ix_care_plan_closing", "closes_on", **_where(IS_LIVE)),
        Index("ix_care_plan_enrolment", "enrolment_id", "status", **_where("enrolment_id IS NOT NULL")),
    )

    id: Mapped[UUID] = uuid_pk()
    patient_id: Mapped[UUID] = mapped_column(ForeignKey("patient.id", ondelete="CASCADE"))
    plan: Mapped[str] = mapped_column(String(60))
    version: Mapped[int] = mapped_column(Integer)
    key: Mapped[str] = mapped_column(String(160), unique=True)
    anchor_date: Mapped[date] = mapped_column(Date)
    anchor_ref: Mapped[UUID | None] = mapped_column(index=True)
    anchors: Mapped[dict[str, str]] = mapped_column(JSON, default=dict)
    status: Mapped[str] = mapped_column(String(10), default=PlanStatus.ACTIVE)
    reason: Mapped[str | None] = mapped_column(String(60))
    source: Mapped[str] = mapped_column(String(10))
    started_at: Mapped[datetime] = mapped_column(UtcDateTime)
    ended_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    closes_on: Mapped[date] = mapped_column(Date)
    by: Mapped[UUID | None]
    enrolment_id: Mapped[UUID | None]


class Touch(Base, Leased):
    """One step of one patient's plan. Natural key: care plan, step, version; `planned_for` is when it ought to go.

    `due_at`: when it is looked at next (None: nothing ahead). `reason`: why it waits, was skipped or cancelled; `pinned`: a person
    moved or skipped it, so that no new planning overrules them, `before` is what they changed (`due_at`, `status`, `reason`), for undo.
    `outbound_key`: the message's `dedup_key`, or the key of the response or call it became. `patient_id` is the care plan's, repeated.
    """

    __tablename__ = "plan_touch"
    __table_args__ = (
        Index(None, "care_plan_id", "step", "version", unique=True),
        Index(None, "patient_id", "planned_for"),
        Index(None, "outbound_key", **_where("outbound_key IS NOT NULL")),
        Index("ix_plan_touch_on_its_way", "sent_at", **_where(ON_ITS_WAY)),
    )

    id: Mapped[UUID] = uuid_pk()
    care_plan_id: Mapped[UUID] = mapped_column(ForeignKey("care_plan.id", ondelete="CASCADE"))
    patient_id: Mapped[UUID]
    step: Mapped[str] = mapped_column(String(40))
    version: Mapped[int] = mapped_column(Integer)
    kind: Mapped[str] = mapped_column(String(16))
    priority: Mapped[int] = mapped_column(Integer)
    planned_for: Mapped[datetime] = mapped_column(UtcDateTime)
    status: Mapped[str] = mapped_column(String(10), default=TouchStatus.PLANNED)
    reason: Mapped[str | None] = mapped_column(String(60))
    outbound_key: Mapped[str | None] = mapped_column(String(160))
    sent_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    pinned: Mapped[bool] = mapped_column(default=False, server_default=text("false"))
    before: Mapped[dict[str, Any] | None] = mapped_column(JSON)
