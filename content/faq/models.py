"""`FaqEntry`: one question and answer, with its ways of asking and the text SMS may say."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import JSON, Integer, String, Text

from store.base import Base, Mapped, UtcDateTime, mapped_column, uuid_pk


class FaqEntry(Base):
    """`slug` is stable across imports. `sms` is the text of its SMS template (`faq:<slug>`), reviewed by the vendor.

    `status`: published or withdrawn. `revision` counts changes of what a patient reads.
    """

    __tablename__ = "faq_entry"

    id: Mapped[UUID] = uuid_pk()
    slug: Mapped[str] = mapped_column(String(100), unique=True)
    category: Mapped[str] = mapped_column(String(60), index=True)
    question: Mapped[str] = mapped_column(String(200))
    similar: Mapped[list[Any]] = mapped_column(JSON, default=list)
    keywords: Mapped[list[Any]] = mapped_column(JSON, default=list)
    answer: Mapped[str] = mapped_column(Text)
    sms: Mapped[str] = mapped_column(Text)
    source: Mapped[str] = mapped_column(String(200))
    status: Mapped[str] = mapped_column(String(16), default="published")
    revision: Mapped[int] = mapped_column(Integer, default=1)
    changed_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)
