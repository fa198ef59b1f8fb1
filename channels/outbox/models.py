"""`OutboundMessage`: one thing said to one contact. `DeliveryAttempt`: one try to hand it to a vendor."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, ForeignKey, Index, Integer, String, UniqueConstraint

from store.base import Base, EncryptedJson, Mapped, UtcDateTime, mapped_column, sealed_column, uuid_pk
from store.leases import Leased


class OutboundMessage(Base, Leased):
    """`status`: queued, sending, accepted, delivered, failed, uncertain, suppressed.

    `purpose` decides which rules the gate applies: reply, service_notice, code, follow_up, education, marketing.
    `priority`: -1 emergency, 0 conversation, 9 bulk. `reply` holds key, params and options; `question_id` the question it asks.
    """

    __tablename__ = "outbound_message"
    __table_args__ = (
        Index(None, "conversation_id", "status", "seq"),
        Index(None, "status", "priority", "due_at"),
    )

    id: Mapped[UUID] = uuid_pk()
    dedup_key: Mapped[str] = mapped_column(String(200), unique=True)
    conversation_id: Mapped[UUID] = mapped_column(ForeignKey("conversation.id"))
    contact_id: Mapped[UUID] = mapped_column(ForeignKey("contact.id"))
    patient_id: Mapped[UUID | None]
    inbound_id: Mapped[UUID | None] = mapped_column(index=True)
    question_id: Mapped[UUID | None]
    seq: Mapped[int] = mapped_column(BigInteger)
    purpose: Mapped[str] = mapped_column(String(24))
    priority: Mapped[int] = mapped_column(Integer, default=0)
    content_ref: Mapped[str | None] = mapped_column(String(120))
    content_revision: Mapped[int | None]
    reply = EncryptedJson()
    reply_sealed: Mapped[bytes | None] = sealed_column(nullable=False)
    status: Mapped[str] = mapped_column(String(16), default="queued")
    reason: Mapped[str | None] = mapped_column(String(200))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    finished_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class DeliveryAttempt(Base):
    """`verdict`: started (in flight, or the process died), accepted, refused, retry, uncertain."""

    __tablename__ = "delivery_attempt"
    __table_args__ = (UniqueConstraint("outbound_id", "n"),)

    id: Mapped[UUID] = uuid_pk()
    outbound_id: Mapped[UUID] = mapped_column(ForeignKey("outbound_message.id"))
    n: Mapped[int]
    rung: Mapped[str] = mapped_column(String(24))
    verdict: Mapped[str] = mapped_column(String(16), default="started")
    vendor_id: Mapped[str | None] = mapped_column(String(120), index=True)
    code: Mapped[str | None] = mapped_column(String(120))
    detail: Mapped[str | None] = mapped_column(String(300))
    started_at: Mapped[datetime] = mapped_column(UtcDateTime)
    finished_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    receipt: Mapped[str | None] = mapped_column(String(16))
    receipt_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
