"""A page of the timeline: one statement over all sources finds what comes next, then each source tells its own."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import ColumnElement, String, and_, cast, false, func, literal, or_, select, union_all
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.sql.selectable import Subquery

from care.timeline.ports import Entry, TimelineSource, Who

PAGE = 40


@dataclass(frozen=True, slots=True)
class Line:
    """An entry with the source it comes from."""

    kind: str
    key: str
    entry: Entry


@dataclass(frozen=True, slots=True)
class Page:
    """Newest first; `next` goes on below the last one, empty at the end."""

    lines: Sequence[Line]
    next: str = ""


@dataclass(frozen=True, slots=True)
class _Cursor:
    at: datetime
    name: str
    key: str


async def page(
    session: AsyncSession,
    sources: Sequence[TimelineSource],
    who: Who,
    *,
    kinds: Collection[str] = (),
    after: str = "",
    limit: int = PAGE,
) -> Page:
    """What happened, newest first; `kinds` empty: everything. `after`: `Page.next` of the page before.

    Of what happened at the same moment, sources follow each other by name, and a source's rows by key: nothing is shown twice or
    left out however many share it.
    """
    asked = [one for one in sources if not kinds or one.kind in kinds]
    if not asked:
        return Page(())
    cursor = _read(after)
    parts = [
        select(part.c.at, part.c.source, part.c.key)
        for part in (_newest(one, who, cursor, limit + 1) for one in asked)
    ]
    both = union_all(*parts).subquery()
    found = (
        await session.execute(
            select(both.c.at, both.c.source, both.c.key)
            .order_by(both.c.at.desc(), both.c.source.desc(), both.c.key.desc())
            .limit(limit + 1)
        )
    ).all()
    lines = await _load(session, {one.name: one for one in asked}, who, found[:limit])
    more = found[limit - 1] if len(found) > limit else None
    return Page(lines, "" if more is None else f"{more[0].astimezone(UTC).isoformat()}|{more[1]}|{more[2]}")


def _newest(source: TimelineSource, who: Who, cursor: _Cursor | None, limit: int) -> Subquery:
    """The source's next rows below the cursor, as (at, source, key)."""
    rows = source.rows(who).subquery()
    at, key = rows.c[0], _text_of(rows.c[1])
    chosen = select(at.label("at"), literal(source.name).label("source"), key.label("key"))
    if cursor is not None:
        same = (
            key < cursor.key
            if source.name == cursor.name
            else at == cursor.at
            if source.name < cursor.name
            else false()
        )
        chosen = chosen.where(at <= cursor.at, or_(at < cursor.at, and_(at == cursor.at, same)))
    return chosen.order_by(at.desc(), key.desc()).limit(limit).subquery()


def _text_of(key: ColumnElement[Any]) -> ColumnElement[str]:
    """A key as text, the same on both databases: PostgreSQL writes a UUID with hyphens, SQLite keeps it without."""
    text = cast(key, String)
    return text if key.type.python_type is int else func.replace(text, "-", "")


async def _load(
    session: AsyncSession, sources: dict[str, TimelineSource], who: Who, rows: Sequence[Any]
) -> list[Line]:
    entries: dict[tuple[str, str], Entry] = {}
    for name, source in sources.items():
        texts = [row[2] for row in rows if row[1] == name]
        if not texts:
            continue
        kind = source.rows(who).selected_columns[1].type.python_type
        keys = {kind(text): text for text in texts}
        for key, entry in (await source.load(session, who, list(keys))).items():
            entries[name, keys[key]] = entry
    return [
        Line(sources[row[1]].kind, row[2], entries[row[1], row[2]])
        for row in rows
        if (row[1], row[2]) in entries
    ]


def _read(text: str) -> _Cursor | None:
    """A cursor that was put together by hand begins anew."""
    at, _, rest = text.partition("|")
    name, _, key = rest.partition("|")
    try:
        moment = datetime.fromisoformat(at)
    except ValueError:
        return None
    return _Cursor(moment, name, key) if moment.tzinfo is not None and name else None
