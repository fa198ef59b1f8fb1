"""What the hospital says about its own staff: hours there are for calls."""

from __future__ import annotations

from sqlalchemy import Float, Integer

from store.base import Base, Mapped, mapped_column


class CallHours(Base):
    """Hours of nurses there are for calls on a weekday (0 is Monday), all of them together; no row: nobody has said."""

    __tablename__ = "call_hours"

    weekday: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    hours: Mapped[float] = mapped_column(Float)
