"""Drafts of definitions."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import JSON, Integer, String
from sqlalchemy.orm import Mapped

from store.base import Base, UtcDateTime, mapped_column


class QuestionnaireDraft(Base):
    """What the next version or revision of a questionnaire may become; it need not be right yet. One a name.

    `edition` grows with each change: who saves over a newer one is told. `writers`: staff ids, as text, of all who had a hand in it,
    who therefore cannot publish it when it is clinical. `submitted_at`: handed to a second person.
    """

    __tablename__ = "questionnaire_draft"

    name: Mapped[str] = mapped_column(String(60), primary_key=True)
    title: Mapped[str] = mapped_column(String(120))
    definition: Mapped[dict[str, Any]] = mapped_column(JSON)
    edition: Mapped[int] = mapped_column(Integer, default=1)
    writers: Mapped[list[str]] = mapped_column(JSON, default=list)
    edited_at: Mapped[datetime] = mapped_column(UtcDateTime)
    edited_by: Mapped[UUID | None]
    submitted_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
