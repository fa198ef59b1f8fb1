"""`OutboundMessage`: one thing said to one contact. `DeliveryAttempt`: one try to hand it to a vendor."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import JSON, BigInteger, ForeignKey, Index, Integer, String, UniqueConstraint, text
from sqlalchemy.engine.default import DefaultExecutionContext

from store.base import Base, EncryptedJson, Mapped, UtcDateTime, mapped_column, sealed_column, uuid_pk
from store.leases import Leased


def _where(condition: str) -> dict[str, Any]:
    """An index of these rows only, on both databases."""
    return {"sqlite_where": text(condition), "postgresql_where": text(condition)}


def _lane(context: DefaultExecutionContext) -> str:
    row = context.get_current_parameters()  # type: ignore[no-untyped-call]
    parts = (row.get("channel"), row.get("account_id"), row.get("purpose"), row.get("campaign"))
    return "|".join(part or "" for part in parts)


class OutboundMessage(Base, Leased):
    """`status`: queued, sending, accepted, delivered, failed, uncertain, suppressed, passed_on.

    `purpose` decides which rules the gate applies: reply, staff_reply, code, staff_notice, service_notice, follow_up, survey,
    education, marketing. `priority`: -1 emergency, 0 conversation, 3 notices, 9 bulk. `reply` holds key, params and options;
    `question_id` the question it asks. `channel` and `account_id` are the contact's. `campaign` groups what is paused, aborted
    and counted together. After `expires_at` it is not worth sending any more. `plan` are the rungs the gate saw when it last
    decided, in order; `rung` the one that was used last. `passed_on` rows go on in another conversation (a phone's): that
    row names this one in `continues`. Attempts before number `first_n` were of an earlier sending, before a person had it sent again.
    """

    __tablename__ = "outbound_message"
    __table_args__ = (
        Index(None, "conversation_id", "status", "seq"),
        Index(None, "status", "priority", "due_at", "id"),
        # Bulk that waits, lane by lane: what is held in front of a running campaign is not walked through.
        Index(None, "lane", "priority", "due_at", "id", **_where("status = 'queued' AND priority > 0")),
        Index(None, "campaign", "status"),
        Index(None, "patient_id", "finished_at"),
        Index(None, "created_at"),
        # Most have none: to look those up by it would be to look through them all.
        Index(None, "inbound_id", **_where("inbound_id IS NOT NULL")),
        Index(None, "continues", **_where("continues IS NOT NULL")),
        Index(None, "content_ref", "content_revision", **_where("content_ref IS NOT NULL")),
    )

    id: Mapped[UUID] = uuid_pk()
    dedup_key: Mapped[str] = mapped_column(String(200), unique=True)
    conversation_id: Mapped[UUID] = mapped_column(ForeignKey("conversation.id"))
    contact_id: Mapped[UUID] = mapped_column(ForeignKey("contact.id"))
    channel: Mapped[str] = mapped_column(String(16), server_default="")
    account_id: Mapped[str] = mapped_column(String(64), server_default="")
    patient_id: Mapped[UUID | None]
    inbound_id: Mapped[UUID | None]
    question_id: Mapped[UUID | None]
    seq: Mapped[int] = mapped_column(BigInteger)
    purpose: Mapped[str] = mapped_column(String(24))
    priority: Mapped[int] = mapped_column(Integer, default=0)
    campaign: Mapped[str | None] = mapped_column(String(80))
    lane: Mapped[str] = mapped_column(String(200), default=_lane, server_default="", deferred=True)
    """What people stop and start together (see `lanes`): put together when the row is stored, never changed."""
    expires_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    plan: Mapped[list[str] | None] = mapped_column(JSON)
    rung: Mapped[str | None] = mapped_column(String(24))
    continues: Mapped[UUID | None]
    first_n: Mapped[int] = mapped_column(Integer, default=1, server_default="1")
    content_ref: Mapped[str | None] = mapped_column(String(120))
    content_revision: Mapped[int | None]
    reply = EncryptedJson()
    reply_sealed: Mapped[bytes | None] = sealed_column(nullable=False)
    status: Mapped[str] = mapped_column(String(16), default="queued")
    reason: Mapped[str | None] = mapped_column(String(200))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    finished_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class DeliveryAttempt(Base):
    """One decision about a message, and what came of it.

    `verdict`: held or suppressed (the gate said no: nothing was sent), passed_on, started (in flight, or the process died),
    accepted, refused, retry, uncertain. `gate` is the gate's reason, `code` and `detail` the vendor's; `parts` how many of the
    vendor's messages it took.
    """

    __tablename__ = "delivery_attempt"
    __table_args__ = (UniqueConstraint("outbound_id", "n"),)

    id: Mapped[UUID] = uuid_pk()
    outbound_id: Mapped[UUID] = mapped_column(ForeignKey("outbound_message.id"))
    n: Mapped[int]
    rung: Mapped[str] = mapped_column(String(24))
    verdict: Mapped[str] = mapped_column(String(16), default="started")
    gate: Mapped[str | None] = mapped_column(String(80))
    parts: Mapped[int | None]
    vendor_id: Mapped[str | None] = mapped_column(String(120), index=True)
    code: Mapped[str | None] = mapped_column(String(120))
    detail: Mapped[str | None] = mapped_column(String(300))
    started_at: Mapped[datetime] = mapped_column(UtcDateTime)
    finished_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    receipt: Mapped[str | None] = mapped_column(String(16))
    receipt_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class DeliveryHold(Base):
    """What people have stopped: nothing it covers is claimed while `lifted_at` is empty.

    `scope`: all (`key` empty), channel, account (`channel/account`), campaign, purpose. `reason` and who, for the operators' page.
    """

    __tablename__ = "delivery_hold"
    __table_args__ = (Index(None, "lifted_at"),)

    id: Mapped[UUID] = uuid_pk()
    scope: Mapped[str] = mapped_column(String(16))
    key: Mapped[str] = mapped_column(String(100), default="")
    reason: Mapped[str] = mapped_column(String(200))
    set_by: Mapped[UUID | None]
    set_at: Mapped[datetime] = mapped_column(UtcDateTime)
    lifted_by: Mapped[UUID | None]
    lifted_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
