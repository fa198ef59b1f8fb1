"""Tables of unanswered questions. None of them says who asked: texts are stripped, people are counted by a keyed hash."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import JSON, Date, ForeignKey, Integer, String

from store.base import Base, EncryptedText, Mapped, UtcDateTime, mapped_column, sealed_column, uuid_pk


class QuestionGroup(Base):
    """Questions that ask the same. `state`: open, answered (`entry_slug` is the entry) or dismissed (no answer needed).

    `people` and `asks` are those of the whole retention time; `nearest` holds the slugs of the entries that come closest.
    """

    __tablename__ = "question_group"

    id: Mapped[UUID] = uuid_pk()
    state: Mapped[str] = mapped_column(String(12), default="open", index=True)
    people: Mapped[int] = mapped_column(Integer, default=0)
    asks: Mapped[int] = mapped_column(Integer, default=0)
    nearest: Mapped[list[Any]] = mapped_column(JSON, default=list)
    entry_slug: Mapped[str | None] = mapped_column(String(100))
    decided_by: Mapped[UUID | None]
    decided_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    last_asked_at: Mapped[datetime] = mapped_column(UtcDateTime)


class UnansweredQuestion(Base):
    """One wording. `text` was stripped (`language.private`); `text_hash` finds its repeats; `vector` is its embedding, 16-bit
    floats in base64, of the model `model`, filled in when it is grouped."""

    __tablename__ = "unanswered_question"

    id: Mapped[UUID] = uuid_pk()
    text = EncryptedText()
    text_sealed: Mapped[bytes | None] = sealed_column(nullable=False)
    text_hash: Mapped[str] = mapped_column(String(80), unique=True)
    vector = EncryptedText()
    vector_sealed: Mapped[bytes | None] = sealed_column()
    model: Mapped[str | None] = mapped_column(String(64))
    group_id: Mapped[UUID | None] = mapped_column(
        ForeignKey("question_group.id", ondelete="SET NULL"), index=True
    )
    first_asked_at: Mapped[datetime] = mapped_column(UtcDateTime)
    last_asked_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)


class QuestionAsk(Base):
    """How often one conversation asked it on one day of the hospital. `asker` is a keyed hash, of use for counting only."""

    __tablename__ = "question_ask"

    question_id: Mapped[UUID] = mapped_column(
        ForeignKey("unanswered_question.id", ondelete="CASCADE"), primary_key=True
    )
    asker: Mapped[str] = mapped_column(String(80), primary_key=True)
    day: Mapped[date] = mapped_column(Date, primary_key=True, index=True)
    count: Mapped[int] = mapped_column(Integer, default=1)
