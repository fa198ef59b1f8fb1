"""How staff are reached away from the screen, and each word that went to them."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKey, Index, Integer, String
from sqlalchemy.orm import Mapped

from store.base import Base, EncryptedText, UtcDateTime, mapped_column, sealed_column, uuid_pk
from store.leases import Leased


class StaffReach(Base):
    """One row a member of staff. A number or user id counts once a code sent to it came back (`…_since`).

    While `code_for` (`sms`, `wecom`) is asked for, `code_to` is the address on trial and `code_hash` the code's digest.
    """

    __tablename__ = "staff_reach"

    id: Mapped[UUID] = uuid_pk()
    staff_id: Mapped[UUID] = mapped_column(ForeignKey("staff_user.id", ondelete="CASCADE"), unique=True)
    phone = EncryptedText()
    phone_sealed: Mapped[bytes | None] = sealed_column()
    phone_since: Mapped[datetime | None] = mapped_column(UtcDateTime)
    wecom = EncryptedText()
    wecom_sealed: Mapped[bytes | None] = sealed_column()
    wecom_since: Mapped[datetime | None] = mapped_column(UtcDateTime)
    code_for: Mapped[str | None] = mapped_column(String(8))
    code_to = EncryptedText()
    code_to_sealed: Mapped[bytes | None] = sealed_column()
    code_hash: Mapped[str | None] = mapped_column(String(64))
    code_until: Mapped[datetime | None] = mapped_column(UtcDateTime)
    code_tries: Mapped[int] = mapped_column(Integer, default=0, server_default="0")


class StaffNotice(Base, Leased):
    """One word to one member of staff: never what it is about, only that there is something. Written before it is sent.

    `channel`: `wecom` (sent from here) or `sms` (`outbound_id`: the outbox sends it). `kind`: `alert`, `code`, `overdue` (the day's
    word of patients who have not come). `status`: queued, sending, sent, failed, uncertain (never sent again), passed_on (to the
    outbox), dropped (the alert was seen to meanwhile).
    """

    __tablename__ = "staff_notice"
    __table_args__ = (Index(None, "alert_id", "created_at"), Index(None, "staff_id", "created_at"))

    id: Mapped[UUID] = uuid_pk()
    dedup_key: Mapped[str] = mapped_column(String(160), unique=True)
    staff_id: Mapped[UUID]
    alert_id: Mapped[UUID | None]
    step_id: Mapped[UUID | None]
    channel: Mapped[str] = mapped_column(String(8))
    kind: Mapped[str] = mapped_column(String(8), default="alert")
    number: Mapped[int] = mapped_column(Integer, default=1)
    """How many alerts waited for the person when it was sent; of a gathered word, how many it is about."""
    outbound_id: Mapped[UUID | None]
    secret = EncryptedText()
    secret_sealed: Mapped[bytes | None] = sealed_column()
    """A code, and only that."""
    status: Mapped[str] = mapped_column(String(10), default="queued")
    vendor_id: Mapped[str | None] = mapped_column(String(120))
    code: Mapped[str | None] = mapped_column(String(40))
    detail: Mapped[str | None] = mapped_column(String(300))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    finished_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
