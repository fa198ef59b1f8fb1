"""Tables of articles: the article, its unchangeable revisions, its working draft, sign-offs, comments."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import JSON, Date, ForeignKey, Index, Integer, String, UniqueConstraint, event, inspect

from store.base import Base, EncryptedText, Mapped, UtcDateTime, mapped_column, sealed_column, uuid_pk


class Article(Base):
    """One article; what lists and rules look at is kept here beside the revisions.

    `slug` never changes: messages name an article as `article:<slug>` (`refs.ref_of`). `title` … `form` are those of the newest
    text (the draft while there is one). `revisions` counts revisions; `live_revision` is the published one, `pending_revision`
    the one in review. `review_by` and `expires_on` are the live revision's days (local): from the first on it is due for review,
    from the second on it is expired and never sent. `recalled_at` is set while what was published last is recalled.
    """

    __tablename__ = "article"
    __table_args__ = (Index(None, "changed_at"), Index(None, "topic", "stage"))

    id: Mapped[UUID] = uuid_pk()
    slug: Mapped[str] = mapped_column(String(100), unique=True)
    title: Mapped[str] = mapped_column(String(100))
    summary: Mapped[str] = mapped_column(String(300), default="")
    topic: Mapped[str] = mapped_column(String(40))
    stage: Mapped[str] = mapped_column(String(40), default="any")
    form: Mapped[str] = mapped_column(String(12), default="long")
    sample: Mapped[bool] = mapped_column(default=False)
    ai_made: Mapped[bool] = mapped_column(default=False)
    revisions: Mapped[int] = mapped_column(Integer, default=0)
    live_revision: Mapped[int | None]
    pending_revision: Mapped[int | None]
    review_by: Mapped[date | None] = mapped_column(Date)
    expires_on: Mapped[date | None] = mapped_column(Date)
    published_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    recalled_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    author_id: Mapped[UUID | None]
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    changed_at: Mapped[datetime] = mapped_column(UtcDateTime)


class ArticleRevision(Base):
    """A text as it was handed in. `number` counts from 1 within its article; `doc` (an `ArticleDoc`) and `digest` never change.

    `state`: in_review, returned (a reviewer sent it back), approved (signed by all, not published), published, superseded (a
    newer one was published), recalled. `step` is the index of the review stage it waits for. `from_revision`: rolled back to
    that one. `reading_level` is `readability.Level.grade`; `note` what the editor said about the change.
    """

    __tablename__ = "article_revision"
    __table_args__ = (UniqueConstraint("article_id", "number"), Index(None, "state"))

    id: Mapped[UUID] = uuid_pk()
    article_id: Mapped[UUID] = mapped_column(ForeignKey("article.id"))
    number: Mapped[int]
    doc: Mapped[dict[str, Any]] = mapped_column(JSON)
    digest: Mapped[str] = mapped_column(String(64))
    reading_level: Mapped[float | None]
    state: Mapped[str] = mapped_column(String(12), default="in_review")
    step: Mapped[int] = mapped_column(Integer, default=0)
    from_revision: Mapped[int | None]
    note: Mapped[str] = mapped_column(String(300), default="")
    author_id: Mapped[UUID | None]
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    published_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    review_by: Mapped[date | None] = mapped_column(Date)
    expires_on: Mapped[date | None] = mapped_column(Date)
    recalled_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    recalled_by: Mapped[UUID | None]
    recall_reason: Mapped[str | None] = mapped_column(String(300))


class ArticleSignOff(Base):
    """One decision of one person on one revision at one stage. `decision`: signed, returned. `digest` is the text's they saw;
    `checks` the items of the stage's checklist they ticked."""

    __tablename__ = "article_sign_off"
    __table_args__ = (Index(None, "article_id", "number"),)

    id: Mapped[UUID] = uuid_pk()
    article_id: Mapped[UUID] = mapped_column(ForeignKey("article.id"))
    number: Mapped[int]
    stage: Mapped[str] = mapped_column(String(40))
    decision: Mapped[str] = mapped_column(String(12))
    staff_id: Mapped[UUID]
    digest: Mapped[str] = mapped_column(String(64))
    checks: Mapped[list[str]] = mapped_column(JSON, default=list)
    remark = EncryptedText()
    remark_sealed: Mapped[bytes | None] = sealed_column()
    at: Mapped[datetime] = mapped_column(UtcDateTime)


class ArticleDraft(Base):
    """The text being worked on, one an article. `version` grows with each save; `based_on` is the revision it began from.

    `locked_by` edits it until `locked_until` (real time): others read, or take over.
    """

    __tablename__ = "article_draft"

    id: Mapped[UUID] = uuid_pk()
    article_id: Mapped[UUID] = mapped_column(ForeignKey("article.id"), unique=True)
    doc: Mapped[dict[str, Any]] = mapped_column(JSON)
    version: Mapped[int] = mapped_column(Integer, default=1)
    based_on: Mapped[int | None]
    saved_by: Mapped[UUID | None]
    saved_at: Mapped[datetime] = mapped_column(UtcDateTime)
    locked_by: Mapped[UUID | None]
    locked_until: Mapped[datetime | None] = mapped_column(UtcDateTime)


class ArticleDraftSave(Base):
    """A state of a draft, to go back to. `kind`: autosave, saved (asked for), refused (it lost against a newer text and is kept),
    restored (it is that of the version `restored`)."""

    __tablename__ = "article_draft_save"
    __table_args__ = (Index(None, "article_id", "id"),)

    id: Mapped[UUID] = uuid_pk()
    article_id: Mapped[UUID] = mapped_column(ForeignKey("article.id"))
    version: Mapped[int]
    restored: Mapped[int | None]
    kind: Mapped[str] = mapped_column(String(12))
    doc: Mapped[dict[str, Any]] = mapped_column(JSON)
    saved_by: Mapped[UUID | None]
    at: Mapped[datetime] = mapped_column(UtcDateTime)


class ArticleComment(Base):
    """What somebody said about an article: `quote` is the passage meant, `number` the revision (none: the draft)."""

    __tablename__ = "article_comment"
    __table_args__ = (Index(None, "article_id", "at"),)

    id: Mapped[UUID] = uuid_pk()
    article_id: Mapped[UUID] = mapped_column(ForeignKey("article.id"))
    number: Mapped[int | None]
    answers: Mapped[UUID | None]
    quote: Mapped[str] = mapped_column(String(300), default="")
    text = EncryptedText()
    text_sealed: Mapped[bytes | None] = sealed_column(nullable=False)
    staff_id: Mapped[UUID]
    at: Mapped[datetime] = mapped_column(UtcDateTime)
    resolved_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    resolved_by: Mapped[UUID | None]


class ArticleAtWeChat(Base):
    """A revision that was put into an account's 草稿箱. `vendor_id` is the draft's media_id there."""

    __tablename__ = "article_at_wechat"
    __table_args__ = (Index(None, "article_id", "at"),)

    id: Mapped[UUID] = uuid_pk()
    article_id: Mapped[UUID] = mapped_column(ForeignKey("article.id"))
    number: Mapped[int]
    account_id: Mapped[str] = mapped_column(String(64))
    vendor_id: Mapped[str] = mapped_column(String(200))
    staff_id: Mapped[UUID]
    at: Mapped[datetime] = mapped_column(UtcDateTime)


@event.listens_for(ArticleRevision, "before_update")
def _text_stays(_mapper: Any, _connection: Any, target: ArticleRevision) -> None:
    """A revision is what was signed: its text cannot be edited through the model."""
    state = inspect(target)
    if any(state.attrs[name].history.has_changes() for name in ("doc", "digest", "number", "article_id")):
        raise ValueError("a revision's text never changes: hand in a new revision")
