"""`SmsTemplateRow`: a template as the SMS vendor knows it, with its review state. SMS says nothing else."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Integer, String, Text, UniqueConstraint

from store.base import Base, Mapped, UtcDateTime, mapped_column


class SmsTemplateRow(Base):
    """`key` is a reply's key (or `faq:<id>`), `options` the number of choices it carries. `state`: draft, submitted, approved,
    rejected. `text` has the vendor's `${name}` variables and neither signature nor 【】."""

    __tablename__ = "sms_template"
    __table_args__ = (UniqueConstraint("key", "options", "revision"),)

    code: Mapped[str] = mapped_column(String(32), primary_key=True)
    key: Mapped[str] = mapped_column(String(120), index=True)
    options: Mapped[int] = mapped_column(Integer, default=0)
    revision: Mapped[str] = mapped_column(String(16))
    kind: Mapped[str] = mapped_column(String(16), default="notice")
    text: Mapped[str] = mapped_column(Text)
    state: Mapped[str] = mapped_column(String(16), default="draft")
    updated_at: Mapped[datetime] = mapped_column(UtcDateTime)
