"""`InboundMessage`: one thing a patient did. The unique vendor key makes a redelivery change nothing."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, Float, ForeignKey, Index, Integer, String, UniqueConstraint

from store.base import (
    Base,
    EncryptedJson,
    EncryptedText,
    Mapped,
    UtcDateTime,
    mapped_column,
    sealed_column,
    uuid_pk,
)


class InboundMessage(Base):
    """`status`: received, handled, dead. `screen`, `intent`, `confidence` and `resolved` say how it was understood.

    Until `passive_until` (business time) the vendor's line may still be open for the answer: what is said to it waits that long
    for `channels.outbox.passive`, which keeps in `passive_reply` the very words that went back."""

    __tablename__ = "inbound_message"
    __table_args__ = (
        UniqueConstraint("channel", "account_id", "vendor_key"),
        Index(None, "conversation_id", "seq"),
        Index(None, "received_at"),
    )

    id: Mapped[UUID] = uuid_pk()
    conversation_id: Mapped[UUID] = mapped_column(ForeignKey("conversation.id"))
    contact_id: Mapped[UUID] = mapped_column(ForeignKey("contact.id"))
    seq: Mapped[int] = mapped_column(BigInteger)
    channel: Mapped[str] = mapped_column(String(16))
    account_id: Mapped[str] = mapped_column(String(64))
    vendor_key: Mapped[str] = mapped_column(String(255))
    kind: Mapped[str] = mapped_column(String(16))
    event: Mapped[str] = mapped_column(String(64), default="")
    event_key: Mapped[str] = mapped_column(String(128), default="")
    option_ref: Mapped[str] = mapped_column(String(128), default="")
    text = EncryptedText()
    text_sealed: Mapped[bytes | None] = sealed_column()
    raw = EncryptedJson()
    raw_sealed: Mapped[bytes | None] = sealed_column()
    passive_reply = EncryptedJson()
    passive_reply_sealed: Mapped[bytes | None] = sealed_column()
    passive_until: Mapped[datetime | None] = mapped_column(UtcDateTime)
    sent_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    received_at: Mapped[datetime] = mapped_column(UtcDateTime)
    handled_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    status: Mapped[str] = mapped_column(String(16), default="received")
    attempts: Mapped[int] = mapped_column(Integer, default=0)
    dead_reason: Mapped[str | None] = mapped_column(String(200))
    screen: Mapped[str | None] = mapped_column(String(16))
    intent: Mapped[str | None] = mapped_column(String(64))
    confidence: Mapped[float | None] = mapped_column(Float)
    resolved: Mapped[str | None] = mapped_column(String(160))


class Quarantined(Base):
    """A callback body nobody could read, kept encrypted until a person has looked."""

    __tablename__ = "quarantined"

    id: Mapped[UUID] = uuid_pk()
    channel: Mapped[str] = mapped_column(String(16))
    account_id: Mapped[str] = mapped_column(String(64))
    reason: Mapped[str] = mapped_column(String(200))
    body = EncryptedText()
    body_sealed: Mapped[bytes | None] = sealed_column()
    received_at: Mapped[datetime] = mapped_column(UtcDateTime)
