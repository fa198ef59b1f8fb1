"""Every row of one patient becomes another's, table by table; where both have what only one may have, one of the two stays.

Tables are found by their columns, so that a new one is moved too (`tests/care/merging` fails for one that is not reached).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from uuid import UUID

from sqlalchemy import (
    Boolean,
    Column,
    ColumnElement,
    Index,
    Select,
    Table,
    and_,
    delete,
    exists,
    literal_column,
    or_,
    select,
    true,
    tuple_,
    update,
)
from sqlalchemy.ext.asyncio import AsyncSession

from care.systems.models import RefKind
from store.base import Base

SUBJECTS = ("consent", "consent_now")
"""Tables that name a patient as `subject_id`."""
NOT_MOVED = {
    "patient_name_piece": "the name's own, made anew with the name",
    "patient_event": "moved too, by itself: it has no unique key and many rows",
}
NEWER = {"consent_now": "at", "answer_now": "answered_date"}
"""Tables of what holds now: of two the newer one stays."""
STANDS_FOR = {"encounter", "condition", "procedure", "pregnancy"}
"""Facts: the row that stays answers for the one that goes, wherever that one is named."""
NAMED_BY = (("taken_fact", "row_id"), ("care_plan", "anchor_ref"), ("external_ref", "our_id"))


def owned() -> Iterator[tuple[Table, Column[Any]]]:
    """Each table with rows of a patient, and the column that says whose."""
    for table in Base.metadata.sorted_tables:
        if table.name in NOT_MOVED:
            continue
        name = "subject_id" if table.name in SUBJECTS else "patient_id"
        if name in table.c:
            yield table, table.c[name]


async def move(session: AsyncSession, gone: UUID, kept: UUID) -> int:
    """How many rows are `kept`'s now. Idempotent; plans and appointments that exclude each other are settled before."""
    moved = 0
    for table, column in owned():
        for others, where in _exclusive(table, column):
            await _settle(session, table, column, others, where, gone, kept)
        moved += await _run(session, update(table).where(column == gone).values({column.name: kept}))
    events, refs = Base.metadata.tables["patient_event"], Base.metadata.tables["external_ref"]
    await _run(session, update(events).where(events.c.patient_id == gone).values(patient_id=kept))
    named = update(refs).where(refs.c.kind == RefKind.PATIENT.value, refs.c.our_id == gone)
    await _run(session, named.values(our_id=kept))
    return moved


async def still_named(session: AsyncSession, closed: Select[UUID]) -> set[UUID]:
    """Which of these closed records something is still under: a statement a table, however many were closed."""
    found: set[UUID] = set()
    for _table, column in owned():
        found.update(await session.scalars(select(column).where(column.in_(closed)).distinct()))
    return found


def _exclusive(table: Table, column: Column[Any]) -> Iterator[tuple[list[Column[Any]], str]]:
    """What may be there once for a patient: the other columns of each such key, and the condition of a partial one."""
    primary = list(table.primary_key.columns)
    if column in primary:
        yield [one for one in primary if one is not column], ""
    for index in table.indexes:
        columns = [table.c[one.name] for one in index.columns]
        if index.unique and column in columns:
            yield [one for one in columns if one is not column], _condition(index)


def _condition(index: Index) -> str:
    found = index.dialect_options["postgresql"]["where"]
    return "" if found is None else str(found)


async def _settle(
    session: AsyncSession,
    table: Table,
    column: Column[Any],
    others: list[Column[Any]],
    where: str,
    gone: UUID,
    kept: UUID,
) -> None:
    """Of two rows that exclude each other one is left."""
    if table.name in NEWER:
        at = table.c[NEWER[table.name]]
        twin = table.alias()
        newer = exists().where(
            twin.c[column.name] == gone, *(twin.c[one.name] == one for one in others), twin.c[at.name] > at
        )
        await _run(session, delete(table).where(column == kept, newer))
    clash = and_(column == gone, _as_text(where), _both(table, column, others, where, kept))
    if table.name == "waitlist_entry":
        await _run(session, update(table).where(clash).values(status="left", hold_id=None, offer_until=None))
        return
    if table.name in STANDS_FOR:
        await _answer_for(session, table, column, others, gone, kept)
    await _run(session, delete(table).where(clash))


def _both(
    table: Table, column: Column[Any], others: list[Column[Any]], where: str, kept: UUID
) -> ColumnElement[bool]:
    twin = table.alias()
    mine = select(*(twin.c[one.name] for one in others or [column]))
    mine = mine.where(twin.c[column.name] == kept, _as_text(where))
    if not others:
        return exists(mine)
    return tuple_(*others).in_(mine)


def _as_text(where: str) -> ColumnElement[bool]:
    return literal_column(where, Boolean) if where else true()


async def _answer_for(
    session: AsyncSession,
    table: Table,
    column: Column[Any],
    others: list[Column[Any]],
    gone: UUID,
    kept: UUID,
) -> None:
    twin = table.alias()
    same = and_(*(twin.c[one.name] == one for one in others))
    pairs = await session.execute(
        select(table.c.id, twin.c.id).join(twin, same).where(column == gone, twin.c[column.name] == kept)
    )
    for old, new in pairs.all():  # two records of one person: a handful
        for name, named in NAMED_BY:
            rows = Base.metadata.tables[name]
            await _run(session, update(rows).where(rows.c[named] == old).values({named: new}))
        ends = [one for one in ("end_date", "ended_date", "outcome") if one in table.c]
        if ends:
            source = select(*(table.c[one] for one in ends)).where(table.c.id == old)
            row = (await session.execute(source)).one()
            known = {name: value for name, value in zip(ends, row, strict=True) if value is not None}
            blank = or_(*(table.c[one].is_(None) for one in ends))
            if known:
                await _run(session, update(table).where(table.c.id == new, blank).values(known))


async def _run(session: AsyncSession, statement: Any) -> int:
    done = await session.execute(statement.execution_options(synchronize_session=False))
    return int(getattr(done, "rowcount", 0) or 0)
