"""Finding rows of the audit trail."""

from __future__ import annotations

import dataclasses
from collections.abc import AsyncIterator, Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from uuid import UUID

from sqlalchemy import Select, select
from sqlalchemy.ext.asyncio import AsyncSession

from store.audit import AuditRow
from store.clock import Clock
from store.database import Database

PAGE = 50
BATCH = 2000
OTHERS = ("patient", "contact", "system")
"""Who acts beside staff: patients themselves, a contact not known to be anybody yet, the system."""


@dataclass(frozen=True, slots=True)
class Filters:
    """`who`: a member of staff's id or one of `OTHERS`. `whom`: a subject. `since`, `until`: days of the hospital, both included."""

    who: str = ""
    whom: str = ""
    action: str = ""
    since: date | None = None
    until: date | None = None

    def as_dict(self) -> dict[str, str]:
        """What is set, as an address's query."""
        return {name: str(value) for name, value in dataclasses.asdict(self).items() if value}


def _wanted(filters: Filters, whom: Collection[str], clock: Clock) -> Select[AuditRow]:
    found = select(AuditRow)
    if filters.who in OTHERS:
        found = found.where(
            AuditRow.actor == "system"
            if filters.who == "system"
            else AuditRow.actor.startswith(f"{filters.who}:", autoescape=True)
        )
    elif filters.who:
        found = found.where(AuditRow.actor == f"staff:{filters.who}")
    if whom:
        found = found.where(AuditRow.subject.in_(whom))
    if filters.action:
        found = found.where(AuditRow.action == filters.action)
    if filters.since is not None:
        found = found.where(AuditRow.at >= _midnight(filters.since, clock))
    if filters.until is not None:
        found = found.where(AuditRow.at < _midnight(filters.until + timedelta(days=1), clock))
    return found


def _midnight(day: date, clock: Clock) -> datetime:
    return clock.to_utc(datetime.combine(day, time()))


async def page(
    session: AsyncSession, filters: Filters, whom: Collection[str], clock: Clock, before: int | None
) -> Sequence[AuditRow]:
    """The newest rows before the row `before`; one more than `PAGE` where there are more."""
    found = _wanted(filters, whom, clock)
    if before is not None:
        found = found.where(AuditRow.id < before)
    return (await session.scalars(found.order_by(AuditRow.id.desc()).limit(PAGE + 1))).all()


async def every(
    database: Database, filters: Filters, whom: Collection[str], clock: Clock, upto: int
) -> AsyncIterator[Sequence[AuditRow]]:
    """All rows up to the row `upto`, the oldest first, in batches: no session is open between two."""
    after = 0
    while True:
        async with database.read("audit export") as session:
            found = _wanted(filters, whom, clock).where(AuditRow.id > after, AuditRow.id <= upto)
            rows = (await session.scalars(found.order_by(AuditRow.id).limit(BATCH))).all()
        if rows:
            yield rows
        if len(rows) < BATCH:
            return
        after = rows[-1].id


def staff_ids(texts: Iterable[str]) -> set[UUID]:
    """Members of staff named among actors and subjects."""
    ids = set()
    for text in texts:
        kind, _, key = text.partition(":")
        if kind == "staff":
            try:
                ids.add(UUID(key))
            except ValueError:
                continue  # "unknown"
    return ids
