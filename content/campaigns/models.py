"""Campaigns, their variants, what was done with them, their launches and recipients."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    JSON,
    BigInteger,
    CheckConstraint,
    Float,
    ForeignKey,
    Index,
    Integer,
    String,
    UniqueConstraint,
    text,
)

from store.base import Base, Mapped, UtcDateTime, mapped_column, uuid_pk
from store.leases import Leased

UNTOUCHED = ("service_notice", "follow_up")
"""Purposes from which nobody is held out and of which there is one text: who needs them gets them."""
_NO_TRIALS = "purpose NOT IN ('service_notice', 'follow_up') OR holdout_percent = 0"


def _where(condition: str) -> dict[str, Any]:
    """An index of these rows only, on both databases."""
    return {"sqlite_where": text(condition), "postgresql_where": text(condition)}


class Campaign(Base, Leased):
    """`kind`: once, scheduled, recurring, event, relative. `state`: draft, submitted, approved, running, paused, done, aborted.

    It sends to version `audience_version_id` until somebody takes a newer one. When: `start_at` (scheduled: the moment; others: not
    before), `end_at` (not from then on), `every` `unit`s (day, week, month) at `at_time` ("09:30", the hospital's); on the event
    `event_kind`, or `offset_days` after (negative: before) the date `anchor`, both narrowed to `codes` (their beginnings).
    `late` (skip, catch_up within `late_days`, next): who or what comes late, see `late.py`. A message is worth sending for
    `valid_days`. `choosing`: even, or thompson by `goal` (opened, finished, helpful). `counts`: recipients by state at `counted_at`.
    `due_at` (of the lease): when its runner looks again; None: nothing to do. `version` grows with each change of what it says.
    """

    __tablename__ = "campaign"
    __table_args__ = (
        CheckConstraint("holdout_percent BETWEEN 0 AND 50", name="holdout_percent"),
        CheckConstraint(_NO_TRIALS, name="no_trials_with_care"),
        Index(None, "state", "changed_at"),
    )

    id: Mapped[UUID] = uuid_pk()
    name: Mapped[str] = mapped_column(String(60), unique=True)
    note: Mapped[str] = mapped_column(String(300), default="")
    kind: Mapped[str] = mapped_column(String(10))
    state: Mapped[str] = mapped_column(String(10), default="draft")
    purpose: Mapped[str] = mapped_column(String(24))
    audience_id: Mapped[UUID] = mapped_column(ForeignKey("audience.id"))
    audience_version_id: Mapped[UUID] = mapped_column(ForeignKey("audience_version.id"))
    holdout_percent: Mapped[int] = mapped_column(Integer, default=0)
    choosing: Mapped[str] = mapped_column(String(10), default="even")
    goal: Mapped[str] = mapped_column(String(10), default="opened")
    start_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    end_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    every: Mapped[int | None] = mapped_column(Integer)
    unit: Mapped[str | None] = mapped_column(String(6))
    at_time: Mapped[str | None] = mapped_column(String(5))
    event_kind: Mapped[str | None] = mapped_column(String(80))
    anchor: Mapped[str | None] = mapped_column(String(20))
    offset_days: Mapped[int] = mapped_column(Integer, default=0)
    codes: Mapped[list[str]] = mapped_column(JSON, default=list)
    late: Mapped[str] = mapped_column(String(10), default="skip")
    late_days: Mapped[int] = mapped_column(Integer, default=0)
    valid_days: Mapped[int] = mapped_column(Integer, default=7)
    version: Mapped[int] = mapped_column(Integer, default=1)
    author_id: Mapped[UUID | None]
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    changed_at: Mapped[datetime] = mapped_column(UtcDateTime)
    approved_by: Mapped[UUID | None]
    approved_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    started_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    ended_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    looked_until: Mapped[datetime | None] = mapped_column(UtcDateTime)
    """Of events and dates: everything up to here has been dealt with."""
    settled_until: Mapped[datetime | None] = mapped_column(UtcDateTime)
    """When what was sent was last compared with what came of it."""
    counts: Mapped[dict[str, int]] = mapped_column(JSON, default=dict)
    counted_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class CampaignVariant(Base):
    """One text of a campaign. `arm`: a, b, c… Thompson sampling keeps what it learned here: of `trials` people asked,
    `successes` reached the goal by `learned_at`; `share` of the next ones get this arm."""

    __tablename__ = "campaign_variant"
    __table_args__ = (UniqueConstraint("campaign_id", "arm"),)

    id: Mapped[UUID] = uuid_pk()
    campaign_id: Mapped[UUID] = mapped_column(ForeignKey("campaign.id", ondelete="CASCADE"))
    arm: Mapped[str] = mapped_column(String(8))
    article_id: Mapped[UUID] = mapped_column(ForeignKey("article.id"))
    revision: Mapped[int] = mapped_column(Integer)
    trials: Mapped[int] = mapped_column(Integer, default=0)
    successes: Mapped[int] = mapped_column(Integer, default=0)
    share: Mapped[float] = mapped_column(Float, default=0.0)
    learned_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class CampaignStep(Base):
    """Something a person (or, without `staff_id`, the house itself) did with a campaign, and the state it was in then."""

    __tablename__ = "campaign_step"
    __table_args__ = (Index(None, "campaign_id", "at"),)

    id: Mapped[UUID] = uuid_pk()
    campaign_id: Mapped[UUID] = mapped_column(ForeignKey("campaign.id", ondelete="CASCADE"))
    action: Mapped[str] = mapped_column(String(20))
    state: Mapped[str] = mapped_column(String(10))
    staff_id: Mapped[UUID | None]
    note: Mapped[str] = mapped_column(String(300), default="")
    detail: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    at: Mapped[datetime] = mapped_column(UtcDateTime)


class CampaignLaunch(Base):
    """One occurrence for a whole audience. `state`: making, made, undone. `position`: the last patient looked at; who comes after
    is still to be. `done` recipients of about `total` are written. A relative date's is the day it was looked at for.
    """

    __tablename__ = "campaign_launch"

    campaign_id: Mapped[UUID] = mapped_column(ForeignKey("campaign.id", ondelete="CASCADE"), primary_key=True)
    occurrence: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    planned_at: Mapped[datetime] = mapped_column(UtcDateTime)
    audience_version_id: Mapped[UUID]
    state: Mapped[str] = mapped_column(String(8), default="making")
    position: Mapped[UUID | None]
    done: Mapped[int] = mapped_column(Integer, default=0)
    total: Mapped[int | None] = mapped_column(Integer)
    span: Mapped[int | None] = mapped_column(Integer)
    """Patients one batch goes through."""
    begun_at: Mapped[datetime] = mapped_column(UtcDateTime)
    made_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    swept_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    """When it was last looked for who came late."""


class CampaignRecipient(Base):
    """One person once. `occurrence`: 1, 2, 3… of an audience; the event's id; of a date in the record, that day as 20261122.

    `arm`: holdout, the variant's, or empty while it is still to be chosen. `state`: planned, queued, sent, delivered, failed,
    suppressed, uncertain, held_out, skipped, aborted; `reason` the gate's code, or why it was skipped. `planned_at`: from when on
    it may be queued; `outbound_key` the message's `dedup_key`; `settled_at`: when it last came to its state by the message's.
    """

    __tablename__ = "campaign_recipient"
    __table_args__ = (
        Index(None, "patient_id", "planned_at"),
        Index(
            "ix_campaign_recipient_planned",
            "campaign_id",
            "planned_at",
            "patient_id",
            **_where("state = 'planned'"),
        ),
        Index(
            "ix_campaign_recipient_open",
            "campaign_id",
            "state",
            "settled_at",
            "patient_id",
            **_where("state IN ('queued', 'sent', 'uncertain')"),
        ),
    )

    campaign_id: Mapped[UUID] = mapped_column(primary_key=True)
    occurrence: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    patient_id: Mapped[UUID] = mapped_column(ForeignKey("patient.id", ondelete="CASCADE"), primary_key=True)
    arm: Mapped[str] = mapped_column(String(8), default="")
    state: Mapped[str] = mapped_column(String(12), default="planned")
    reason: Mapped[str | None] = mapped_column(String(80))
    channel: Mapped[str | None] = mapped_column(String(16))
    outbound_key: Mapped[str | None] = mapped_column(String(120))
    planned_at: Mapped[datetime] = mapped_column(UtcDateTime)
    settled_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class CampaignTester(Base):
    """A member of staff's own phone or WeChat account, to which tests may go. `label`: whose, as shown in the list."""

    __tablename__ = "campaign_tester"

    contact_id: Mapped[UUID] = mapped_column(ForeignKey("contact.id"), primary_key=True)
    label: Mapped[str] = mapped_column(String(40))
    added_by: Mapped[UUID | None]
    added_at: Mapped[datetime] = mapped_column(UtcDateTime)
