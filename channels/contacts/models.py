"""`Contact`: an openid or a phone number. `Conversation`: what is said with it, in order; leased by inbox workers."""

from __future__ import annotations

import uuid
from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, ForeignKey, Integer, String, UniqueConstraint, Uuid

from store.base import Base, EncryptedText, Mapped, UtcDateTime, mapped_column, sealed_column, uuid_pk
from store.leases import Leased


class Contact(Base):
    """`status`: active, stopped (asked for silence), unfollowed, wrong_number, erased (its person had everything deleted: the
    address is empty).

    `holder` is who answers a phone number, as they said themselves: unknown, self, family, wrong. A number is not a person.
    Until `muted_until` nothing is pushed to it."""

    __tablename__ = "contact"
    __table_args__ = (UniqueConstraint("channel", "account_id", "address_hash"),)

    id: Mapped[UUID] = uuid_pk()
    channel: Mapped[str] = mapped_column(String(16))
    account_id: Mapped[str] = mapped_column(String(64))
    address = EncryptedText()
    address_sealed: Mapped[bytes | None] = sealed_column(nullable=False)
    address_hash: Mapped[str] = mapped_column(String(64))
    status: Mapped[str] = mapped_column(String(16), default="active")
    holder: Mapped[str] = mapped_column(String(12), default="unknown", server_default="unknown")
    muted_until: Mapped[datetime | None] = mapped_column(UtcDateTime)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)


class Conversation(Base, Leased):
    """`channel` and `account_id` are its contact's. `engine_id` is what Rasa knows it by: random, replaced when a
    patient's data is deleted.

    `inbound_seq` counts what was stored, `handled_seq` what is done with; the row is due while the first is ahead.
    `outbound_seq` orders what we say.
    """

    __tablename__ = "conversation"

    id: Mapped[UUID] = uuid_pk()
    contact_id: Mapped[UUID] = mapped_column(ForeignKey("contact.id"), unique=True)
    channel: Mapped[str] = mapped_column(String(16), server_default="")
    account_id: Mapped[str] = mapped_column(String(64), server_default="")
    engine_id: Mapped[UUID] = mapped_column(Uuid, unique=True, default=uuid.uuid4)
    inbound_seq: Mapped[int] = mapped_column(BigInteger, default=0)
    handled_seq: Mapped[int] = mapped_column(BigInteger, default=0)
    outbound_seq: Mapped[int] = mapped_column(BigInteger, default=0)
    last_inbound_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class SendingWindow(Base):
    """WeChat's customer-message quota of one openid (5 messages in 48 h after a message, 3 in 60 s after a tap)."""

    __tablename__ = "sending_window"

    contact_id: Mapped[UUID] = mapped_column(ForeignKey("contact.id"), primary_key=True)
    remaining: Mapped[int] = mapped_column(Integer, default=0)
    expires_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
