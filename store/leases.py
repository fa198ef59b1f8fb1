"""Leased rows: a business table that is its own queue.

Claim in one transaction, work outside any, apply in another guarded by the token. A worker that dies loses its lease and
another takes over; whoever comes back late finds its token gone and applies nothing. Leases use real time, never the virtual
clock: a jump would steal them. `due_at` is business time.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any, TypeVar
from uuid import UUID

from sqlalchemy import ColumnElement, Integer, String, Uuid, and_, bindparam, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from store.base import Base, Mapped, UtcDateTime, mapped_column
from store.clock import real_now
from store.ids import new_id


class Leased:
    """Mixin: `due_at` None means nothing to do; `dead_reason` set means a person must look."""

    due_at: Mapped[datetime | None] = mapped_column(UtcDateTime, index=True)
    attempts: Mapped[int] = mapped_column(Integer, default=0)
    lease_until: Mapped[datetime | None] = mapped_column(UtcDateTime)
    lease_token: Mapped[UUID | None]
    dead_reason: Mapped[str | None] = mapped_column(String(200))


Row = TypeVar("Row", bound=Base)

NOW = bindparam("lease_now", type_=UtcDateTime())
"""The claim's business time, for the `where` of callers."""
DEFAULT_LEASE = timedelta(seconds=60)


async def claim(
    session: AsyncSession,
    model: type[Row],
    *,
    now: datetime,
    limit: int,
    lease: timedelta = DEFAULT_LEASE,
    where: Sequence[ColumnElement[bool]] = (),
    order_by: Sequence[Any] = (),
    values: Mapping[str, Any] | None = None,
    params: Mapping[str, Any] | None = None,
) -> tuple[UUID, list[Row]]:
    """Lease up to `limit` due rows of `model` (which has `Leased`'s columns). Returns the token and the rows.

    `now` is business time (compared with `due_at`); the lease itself runs in real time. `values` are set on the claimed rows as well.
    Conditions that need the moment say `NOW`, others may hold parameters of their own (`params`); kept as constants, the
    statement is built once.
    """
    token, real = new_id(), real_now()
    lock = session.get_bind().dialect.name != "sqlite"
    statement = _claiming(model, lock, tuple(where), tuple(order_by), tuple((values or {}).items()))
    known = {
        "lease_now": now,
        "lease_real": real,
        "lease_end": real + lease,
        "lease_token_": token,
        "lease_limit": limit,
        **(params or {}),
    }
    return token, list(await session.scalars(statement, known))


@lru_cache(maxsize=64)
def _claiming(
    model: type[Base],
    lock: bool,
    where: tuple[ColumnElement[bool], ...],
    order_by: tuple[Any, ...],
    values: tuple[tuple[str, Any], ...],
) -> Any:
    """The claim's statement, built once for callers whose conditions are constants."""
    table: Any = model
    free = or_(table.lease_until.is_(None), table.lease_until < bindparam("lease_real", type_=UtcDateTime()))
    due = and_(table.due_at.is_not(None), table.due_at <= NOW, table.dead_reason.is_(None))
    chosen = (
        select(table.id)
        .where(due, free, *where)
        .order_by(*(order_by or (table.due_at,)))
        .limit(bindparam("lease_limit", type_=Integer))
    )
    if lock:
        chosen = chosen.with_for_update(skip_locked=True)
    return (
        update(table)
        .where(table.id.in_(chosen.scalar_subquery()))
        .values(
            lease_token=bindparam("lease_token_", type_=Uuid()),
            lease_until=bindparam("lease_end", type_=UtcDateTime()),
            attempts=table.attempts + 1,
            **dict(values),
        )
        .returning(table)
        # A session shared by several units may hold the row already: what counts is what the database says.
        .execution_options(synchronize_session=False, populate_existing=True)
    )


async def extend(
    session: AsyncSession, model: type[Row], token: UUID, lease: timedelta = DEFAULT_LEASE
) -> int:
    """Heartbeat: keep every row held under `token`. Returns how many are still ours."""
    table: Any = model
    result = await session.execute(
        update(table).where(table.lease_token == token).values(lease_until=real_now() + lease)
    )
    return int(getattr(result, "rowcount", 0))


async def release(session: AsyncSession, model: type[Row], row_id: Any, token: UUID, **values: Any) -> bool:
    """Give one row back with `values` (say the next `due_at`). False when the lease was lost: then nothing changed."""
    table: Any = model.__table__
    result = await session.execute(
        update(table)
        .where(table.c.id == row_id, table.c.lease_token == token)
        .values(lease_token=None, lease_until=None, **values)
    )
    return bool(getattr(result, "rowcount", 0))
