"""How far the demo's past has been played."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy.orm import Mapped

from store.base import Base, UtcDateTime, mapped_column, uuid_pk
from store.leases import Leased


class DemoPlay(Base, Leased):
    """One row a play. `begun_at`: the real moment its days are counted back from. `come_to`: facts up to this moment of it are written;
    `ended_at`: it has come to the present. Whoever plays holds the lease.
    """

    __tablename__ = "demo_play"

    id: Mapped[UUID] = uuid_pk()
    begun_at: Mapped[datetime] = mapped_column(UtcDateTime)
    come_to: Mapped[datetime | None] = mapped_column(UtcDateTime)
    ended_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
