"""Each night what has been kept long enough goes: table by table as `data/seed/holdings.yml` says, in small batches, counted in
the audit trail. Children who turned 14 are asked themselves from then on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

import structlog
from sqlalchemy import ColumnElement, and_, delete, exists, func, or_, select, tuple_, update

from care.privacy import coming_of_age
from care.privacy.holdings import Holding, book
from care.privacy.models import RetentionRound
from store import audit
from store.base import Base
from store.clock import Clock
from store.database import Database, insert_new
from store.ids import new_id
from store.leases import claim, extend, release

log = structlog.get_logger(__name__)

BATCH = 2000
LEASE = timedelta(minutes=10)
NIGHT = range(1, 6)
"""Hours of the hospital in which it runs by itself."""
_QUIET = {"synchronize_session": False}


@dataclass(frozen=True, slots=True)
class Due:
    """What a round would do, or did: `table`, `act`, rows older than `before` (aware), the law's code."""

    table: str
    act: str
    before: datetime
    law: str
    rows: int


class Retention:
    """One round a day, by one worker."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database, self._clock = database, clock

    async def dry_run(self) -> list[Due]:
        """What is due now; nothing is changed."""
        found = []
        for holding in _kept():
            async with self._database.read("retention dry run") as session:
                where = self._where(holding)
                number = await session.scalar(select(func.count()).select_from(holding.rows).where(where))
            found.append(self._due(holding, number or 0))
        return found

    async def tonight(self) -> list[Due] | None:
        """The round of this night, if it is night and nobody did it yet."""
        if self._clock.local().hour not in NIGHT:
            return None
        return await self.once(self._clock.local().date())

    async def once(self, day: date) -> list[Due] | None:
        """The round of `day`; None when it was done or another worker is at it."""
        now = self._clock.now()
        async with self._database.write("retention round") as session:
            first = {"id": new_id(), "day": day, "due_at": now, "attempts": 0}
            await insert_new(session, RetentionRound, first)
            token, rows = await claim(
                session, RetentionRound, now=now, limit=1, lease=LEASE, where=(RetentionRound.day == day,)
            )
        if not rows:
            return None
        done: list[Due] = []
        for holding in _kept():
            count = 0
            while True:
                step = await self._batch(holding)
                count += step
                async with self._database.write("retention lease") as session:
                    mine = await extend(session, RetentionRound, token, LEASE)
                if not mine:
                    return None
                if step < BATCH:
                    break
            done.append(self._due(holding, count))
        grown = await coming_of_age.lapse(self._database, self._clock)
        counted = {f"{one.table}.{one.act}": one.rows for one in done if one.rows}
        async with self._database.write("retention done") as session:
            await release(
                session, RetentionRound, rows[0].id, token, due_at=None, counted=counted, done_at=now
            )
            detail: dict[str, Any] = {"rows": counted, "grown": grown}
            audit.record(
                session, actor="system", action="retention", subject="retention", at=now, detail=detail
            )
        log.info("retention.done", **counted)
        return done

    async def _batch(self, holding: Holding) -> int:
        assert holding.keep is not None
        rows = holding.rows
        keys = list(rows.primary_key.columns)
        key: Any = keys[0] if len(keys) == 1 else tuple_(*keys)
        async with self._database.write("retention batch") as session:
            some = select(*keys).where(self._where(holding)).limit(BATCH)
            statement: Any = delete(rows).where(key.in_(some))
            if holding.keep.act == "blank":
                statement = update(rows).where(key.in_(some)).values(dict.fromkeys(holding.blank))
            done = await session.execute(statement.execution_options(**_QUIET))
        return int(getattr(done, "rowcount", 0))

    def _where(self, holding: Holding) -> ColumnElement[bool]:
        keep = holding.keep
        assert keep is not None
        rows = holding.rows
        parts = [rows.c[keep.after] < self._before(holding), holding.condition]
        if keep.act == "blank":
            parts.append(or_(*(rows.c[column].is_not(None) for column in holding.blank)))
        if keep.unless:
            table, column = keep.unless.split(".")
            parts.append(~exists().where(Base.metadata.tables[table].c[column] == rows.c.id))
        return and_(*parts)

    def _before(self, holding: Holding) -> datetime:
        assert holding.keep is not None
        return self._clock.now() - timedelta(days=holding.keep.days)

    def _due(self, holding: Holding, rows: int) -> Due:
        assert holding.keep is not None
        return Due(holding.table, holding.keep.act, self._before(holding), holding.keep.law, rows)


def _kept() -> Sequence[Holding]:
    return [one for one in book().holdings if one.keep is not None]
