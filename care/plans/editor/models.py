"""What a draft was before each change, so that changes can be taken back."""

from __future__ import annotations

from typing import Any

from sqlalchemy import JSON, ForeignKey, Integer, String
from sqlalchemy.orm import Mapped

from store.base import Base, mapped_column


class PlanDraftState(Base):
    """A draft's definition as of an edition; taking a change back returns to the newest and deletes it. Goes with the draft."""

    __tablename__ = "plan_draft_state"

    name: Mapped[str] = mapped_column(
        String(60), ForeignKey("plan_draft.name", ondelete="CASCADE"), primary_key=True
    )
    edition: Mapped[int] = mapped_column(Integer, primary_key=True)
    definition: Mapped[dict[str, Any]] = mapped_column(JSON)
