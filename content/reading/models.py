"""Links patients were sent, what was sent, read and said of it, and which topics they stopped."""

from __future__ import annotations

from datetime import date, datetime
from uuid import UUID

from sqlalchemy import Date, ForeignKey, Index, Integer, String, UniqueConstraint, text

from store.base import Base, EncryptedText, Mapped, UtcDateTime, mapped_column, sealed_column, uuid_pk


class ArticleLink(Base):
    """One person's way to one revision. Only the hash of its token is kept (`links.hash_of`).

    `topic` is the article's at that time; `source`: campaign, chat, related, care_plan; `outbound_key` the `dedup_key` of the message
    that carries it. `settled_at`: that message has ended and `ArticleSent` is written, if it was accepted; empty while it may
    still come to that.
    """

    __tablename__ = "article_link"
    __table_args__ = (
        Index(None, "patient_id", "id"),
        Index(None, "outbound_key"),
        Index(None, "issued_at"),
        # What the job that writes `ArticleSent` asks for: few of them, whatever was sent in years.
        Index(
            "ix_article_link_waiting",
            "id",
            sqlite_where=text("settled_at IS NULL"),
            postgresql_where=text("settled_at IS NULL"),
        ),
    )

    id: Mapped[UUID] = uuid_pk()
    token_hash: Mapped[str] = mapped_column(String(64), unique=True)
    patient_id: Mapped[UUID] = mapped_column(ForeignKey("patient.id", ondelete="CASCADE"))
    article_id: Mapped[UUID]
    revision: Mapped[int]
    topic: Mapped[str] = mapped_column(String(40))
    source: Mapped[str] = mapped_column(String(20))
    outbound_key: Mapped[str] = mapped_column(String(200), default="")
    campaign_id: Mapped[UUID | None]
    arm: Mapped[str] = mapped_column(String(12), default="")
    issued_at: Mapped[datetime] = mapped_column(UtcDateTime)
    settled_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class ArticleSent(Base):
    """An article that reached a patient (a link of its own in a message). `topic` is the article's at that time.

    `id` is the link's where there was one.
    """

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
    """One look at one revision, by a patient who agreed to that (`Purpose.TRACKING`). `finished_at`: the end was reached.

    `dwell`: seconds the page was looked at. `source`: by which way it was opened (`wechat`, `sms`, `chat`, `related`…). `topic` is the
    article's at that time. `link_id` and `view` (random, of the page that was open) name the look; `campaign_id` and `arm` are the
    link's. `helpful` is the answer to 有帮助吗, kept on one look only of a link and revision.
    """

    __tablename__ = "article_read"
    __table_args__ = (
        Index(None, "patient_id", "topic", "opened_at"),
        Index(None, "patient_id", "article_id", "opened_at"),
        Index(None, "topic", "opened_at", "patient_id"),
        Index(None, "article_id", "opened_at", "patient_id"),
        Index(None, "campaign_id", "arm"),
        Index(None, "opened_at"),
        UniqueConstraint("link_id", "view"),
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
    link_id: Mapped[UUID | None]
    view: Mapped[str | None] = mapped_column(String(32))
    helpful: Mapped[bool | None]
    campaign_id: Mapped[UUID | None]
    arm: Mapped[str] = mapped_column(String(12), default="", server_default="")


class ArticleTally(Base):
    """Looks of everybody who did not agree to be counted by name: nothing but numbers, a revision and day (local) a row.

    `campaign` is the campaign's id or empty, `arm` its variant's.
    """

    __tablename__ = "article_tally"

    article_id: Mapped[UUID] = mapped_column(primary_key=True)
    revision: Mapped[int] = mapped_column(primary_key=True)
    day: Mapped[date] = mapped_column(Date, primary_key=True)
    campaign: Mapped[str] = mapped_column(String(36), primary_key=True, default="")
    arm: Mapped[str] = mapped_column(String(12), primary_key=True, default="")
    opened: Mapped[int] = mapped_column(Integer, default=0)
    finished: Mapped[int] = mapped_column(Integer, default=0)


class ArticleFeedback(Base):
    """An answer to 有帮助吗, and what was missing. It names nobody: `mark` is a hash of the link's token, which is not kept, so that
    the same link can change its answer and nobody can look up whose it is."""

    __tablename__ = "article_feedback"
    __table_args__ = (UniqueConstraint("mark", "article_id", "revision"), Index(None, "article_id", "at"))

    id: Mapped[UUID] = uuid_pk()
    mark: Mapped[str] = mapped_column(String(64))
    article_id: Mapped[UUID]
    revision: Mapped[int]
    helpful: Mapped[bool]
    word = EncryptedText()
    word_sealed: Mapped[bytes | None] = sealed_column()
    at: Mapped[datetime] = mapped_column(UtcDateTime)


class TopicStop(Base):
    """A topic (key of data/seed/article_topics.yml) a patient wants nothing more of; the gate holds what is education of it back."""

    __tablename__ = "topic_stop"
    __table_args__ = (Index(None, "topic", "patient_id"),)

    patient_id: Mapped[UUID] = mapped_column(ForeignKey("patient.id", ondelete="CASCADE"), primary_key=True)
    topic: Mapped[str] = mapped_column(String(40), primary_key=True)
    link_id: Mapped[UUID | None]
    at: Mapped[datetime] = mapped_column(UtcDateTime)
