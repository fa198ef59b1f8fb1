"""How far a round of greetings has come."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import String
from sqlalchemy.orm import Mapped

from store.base import Base, UtcDateTime, mapped_column


class GreetingRound(Base):
    """`key` names what is said and the day (`spring:2027-02-06`, `weather:<id of the warning>`). `last_id`: the patient reached last,
    in the order of ids. `done_at`: everybody was."""

    __tablename__ = "greeting_round"

    key: Mapped[str] = mapped_column(String(120), primary_key=True)
    last_id: Mapped[UUID | None]
    begun_at: Mapped[datetime] = mapped_column(UtcDateTime)
    done_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
