"""Which articles a patient was sent, and which they opened and finished."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKey, Index, Integer, String

from store.base import Base, Mapped, UtcDateTime, mapped_column, uuid_pk


class ArticleSent(Base):
    """An article that reached a patient (a link of its own in a message). `topic` is the article's at that time."""

    __tablename__ = "article_sent"
    __table_args__ = (
        Index(None, "patient_id", "topic", "sent_at"),
        Index(None, "patient_id", "article_id", "sent_at"),
        Index(None, "topic", "sent_at", "patient_id"),
    )

    id: Mapped[UUID] = uuid_pk()
    patient_id: Mapped[UUID] = mapped_column(ForeignKey("patient.id", ondelete="CASCADE"))
    article_id: Mapped[UUID]
    revision_id: Mapped[UUID | None]
    topic: Mapped[str] = mapped_column(String(40))
    sent_at: Mapped[datetime] = mapped_column(UtcDateTime)


class ArticleRead(Base):
    """A reading of one revision. `finished_at`: the end was reached. `dwell`: seconds the page was looked at.

    `source`: by which way it was opened (`wechat`, `sms`, `chat`, `related`…). `topic` is the article's at that time.
    """

    __tablename__ = "article_read"
    __table_args__ = (
        Index(None, "patient_id", "topic", "opened_at"),
        Index(None, "patient_id", "article_id", "opened_at"),
        Index(None, "topic", "opened_at", "patient_id"),
        Index(None, "article_id", "opened_at", "patient_id"),
    )

    id: Mapped[UUID] = uuid_pk()
    patient_id: Mapped[UUID] = mapped_column(ForeignKey("patient.id", ondelete="CASCADE"))
    article_id: Mapped[UUID]
    revision_id: Mapped[UUID | None]
    topic: Mapped[str] = mapped_column(String(40))
    opened_at: Mapped[datetime] = mapped_column(UtcDateTime)
    finished_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    dwell: Mapped[int] = mapped_column(Integer, default=0)
    source: Mapped[str] = mapped_column(String(20))
