"""Who said a fact, when, and whether it still holds."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKey, Index, String

from store.base import Base, Mapped, UtcDateTime, mapped_column, uuid_pk


class TakenFact(Base):
    """One fact of one system, under its own identifier (`key`: a keyed hash, since visit and record numbers are personal).

    `row_id`: our row, which several facts may stand behind (a diagnosis made at two visits). `made`: this fact made the row, so
    its withdrawal may delete it. `part_of`: the visit it was told with. `as_of`: when the sender said it last; what was said before
    that changes nothing, not even once it is `withdrawn_at`.
    """

    __tablename__ = "taken_fact"
    __table_args__ = (
        Index(None, "system", "kind", "key", unique=True),
        Index(None, "row_id"),
        Index(None, "patient_id"),
        Index(None, "part_of"),
    )

    id: Mapped[UUID] = uuid_pk()
    system: Mapped[str] = mapped_column(String(20))
    kind: Mapped[str] = mapped_column(String(12))
    key: Mapped[str] = mapped_column(String(64))
    patient_id: Mapped[UUID | None] = mapped_column(ForeignKey("patient.id", ondelete="CASCADE"))
    row_id: Mapped[UUID | None]
    part_of: Mapped[UUID | None]
    made: Mapped[bool] = mapped_column(default=False)
    as_of: Mapped[datetime] = mapped_column(UtcDateTime)
    taken_at: Mapped[datetime] = mapped_column(UtcDateTime)
    withdrawn_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
