"""`SmsTemplateRow`: a template as an SMS vendor knows it, with its review state; SMS says nothing else. `SmsSignatureRow`."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import Integer, String, Text, UniqueConstraint

from store.base import Base, Mapped, UtcDateTime, mapped_column


class SmsTemplateRow(Base):
    """`key` is a reply's key (or `faq:<id>`), `options` the number of choices it carries. One row an SMS account.

    `state`: draft, submitted, approved, rejected. Submitted without `sent_at`: somebody wants it reviewed, the vendor has not
    got it yet. `order_id` is the vendor's review order, `note` why it was rejected, or what went wrong on the way. `text` has the
    vendor's `${name}` variables and neither signature nor 【】.
    """

    __tablename__ = "sms_template"
    __table_args__ = (UniqueConstraint("account_id", "key", "options", "revision"),)

    account_id: Mapped[str] = mapped_column(String(64), primary_key=True)
    code: Mapped[str] = mapped_column(String(32), primary_key=True)
    key: Mapped[str] = mapped_column(String(120), index=True)
    options: Mapped[int] = mapped_column(Integer, default=0)
    revision: Mapped[str] = mapped_column(String(16))
    kind: Mapped[str] = mapped_column(String(16), default="notice")
    text: Mapped[str] = mapped_column(Text)
    state: Mapped[str] = mapped_column(String(16), default="draft")
    order_id: Mapped[str | None] = mapped_column(String(64))
    note: Mapped[str | None] = mapped_column(String(300))
    submitted_by: Mapped[UUID | None]
    sent_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    updated_at: Mapped[datetime] = mapped_column(UtcDateTime)


class SmsSignatureRow(Base):
    """The signature (without 【】) of an account and what its review says: submitted, approved, rejected, unknown."""

    __tablename__ = "sms_signature"

    account_id: Mapped[str] = mapped_column(String(64), primary_key=True)
    sign: Mapped[str] = mapped_column(String(32), primary_key=True)
    state: Mapped[str] = mapped_column(String(16))
    note: Mapped[str | None] = mapped_column(String(300))
    checked_at: Mapped[datetime] = mapped_column(UtcDateTime)
