"""`patient_event`: append-only, written in the transaction of the fact. Rooms read it by cursor, never call each other.

PostgreSQL gives ids out before transactions commit: an event with a lower id may become visible after one with a higher id was
read, and a cursor of ids alone would skip it for ever. So each event keeps the number of the transaction that wrote it; events
are read in the order of those numbers, and only of transactions older than any that still runs
(https://www.postgresql.org/docs/current/functions-info.html#FUNCTIONS-PG-SNAPSHOT). A long transaction delays readers; it
never makes them miss anything. SQLite has one writer at a time: there the number is always 0 and ids are the order.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    JSON,
    BigInteger,
    ColumnElement,
    Connection,
    Index,
    Integer,
    String,
    literal,
    literal_column,
    select,
    text,
    tuple_,
)
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement

from store.base import Base, Mapped, mapped_column


class _ThisTransaction(FunctionElement[int]):
    """The number of the running transaction; never used twice, unlike the 32-bit one rows carry by themselves."""

    type = BigInteger()
    inherit_cache = True


@compiles(_ThisTransaction, "postgresql")
def _on_postgresql(element: Any, compiler: Any, **options: Any) -> str:
    return "CAST(CAST(pg_current_xact_id() AS text) AS bigint)"


@compiles(_ThisTransaction, "sqlite")
def _on_sqlite(element: Any, compiler: Any, **options: Any) -> str:
    return "0"


THIS_TRANSACTION = _ThisTransaction()

_OLDEST_RUNNING = "CAST(CAST(pg_snapshot_xmin(pg_current_snapshot()) AS text) AS bigint)"
_NOT_BEGUN = "CAST(CAST(pg_snapshot_xmax(pg_current_snapshot()) AS text) AS bigint)"


class PatientEvent(Base):
    """`kind` is dotted (`appointment.booked`); `data` holds ids and codes only, never text a person wrote."""

    __tablename__ = "patient_event"
    __table_args__ = (Index(None, "patient_id", "id"), Index(None, "writer", "id"))

    id: Mapped[int] = mapped_column(
        BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True
    )
    patient_id: Mapped[UUID]
    kind: Mapped[str] = mapped_column(String(80), index=True)
    at: Mapped[datetime]
    data: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    writer: Mapped[int] = mapped_column(BigInteger, default=THIS_TRANSACTION)


class EventCursor(Base):
    """How far a consumer has read: `position` is the id of an event, `writer` that event's own."""

    __tablename__ = "event_cursor"

    consumer: Mapped[str] = mapped_column(String(80), primary_key=True)
    position: Mapped[int] = mapped_column(BigInteger, default=0)
    writer: Mapped[int] = mapped_column(BigInteger, default=0)


def emit(session: AsyncSession, patient_id: UUID, kind: str, at: datetime, **data: Any) -> None:
    """Append an event inside the caller's transaction."""
    session.add(PatientEvent(patient_id=patient_id, kind=kind, at=at, data=data))


async def read_after(session: AsyncSession, consumer: str, limit: int = 200) -> list[PatientEvent]:
    """The next events for `consumer`, oldest first; move on with `advance`."""
    cursor = await session.get(EventCursor, consumer)
    order = tuple_(PatientEvent.writer, PatientEvent.id)
    unread = select(PatientEvent).order_by(PatientEvent.writer, PatientEvent.id).limit(limit)
    if cursor is not None:
        unread = unread.where(order > tuple_(cursor.writer, cursor.position))
    if session.get_bind().dialect.name == "postgresql":
        unread = unread.where(PatientEvent.writer < literal_column(_OLDEST_RUNNING))
    return list(await session.scalars(unread))


@dataclass(frozen=True, slots=True)
class Unread:
    """What a consumer has not seen: a `condition` over `PatientEvent`, and the id of the `last` of them, to `advance` to."""

    condition: ColumnElement[bool]
    last: int


async def unread(session: AsyncSession, consumer: str) -> Unread | None:
    """As `read_after`, for who handles all of them in one statement; None: there is nothing new."""
    order = tuple_(PatientEvent.writer, PatientEvent.id)
    newest = select(PatientEvent.writer, PatientEvent.id).order_by(
        PatientEvent.writer.desc(), PatientEvent.id.desc()
    )
    if session.get_bind().dialect.name == "postgresql":
        newest = newest.where(PatientEvent.writer < literal_column(_OLDEST_RUNNING))
    last = (await session.execute(newest.limit(1))).first()
    if last is None:
        return None
    condition = order <= tuple_(literal(last.writer, BigInteger), literal(last.id, BigInteger))
    cursor = await session.get(EventCursor, consumer)
    if cursor is not None:
        seen = (cursor.writer, cursor.position)
        if seen >= (last.writer, last.id):
            return None
        condition &= order > tuple_(*(literal(one, BigInteger) for one in seen))
    return Unread(condition, last.id)


async def advance(session: AsyncSession, consumer: str, position: int) -> None:
    """Remember that `consumer` has handled everything up to the event with the id `position`, as `read_after` gave them."""
    writer = await session.scalar(select(PatientEvent.writer).where(PatientEvent.id == position)) or 0
    cursor = await session.get(EventCursor, consumer)
    if cursor is None:
        session.add(EventCursor(consumer=consumer, position=position, writer=writer))
    elif (writer, position) > (cursor.writer, cursor.position):
        cursor.writer, cursor.position = writer, position


def adopt_restored(connection: Connection) -> bool:
    """After a dump was restored into another PostgreSQL, whose transactions count from elsewhere: take its events for old.

    Whether that was so. Consumers may then see a few events a second time, none is skipped.
    """
    if connection.dialect.name != "postgresql":
        return False
    from_elsewhere = text(f"SELECT EXISTS (SELECT FROM patient_event WHERE writer >= {_NOT_BEGUN})")  # noqa: S608
    if not connection.scalar(from_elsewhere):
        return False
    connection.execute(
        text(
            "UPDATE event_cursor SET writer = 0, position = coalesce((SELECT min(e.id) - 1 FROM patient_event e"
            " WHERE (e.writer, e.id) > (event_cursor.writer, event_cursor.position)), position)"
        )
    )
    connection.execute(text("UPDATE patient_event SET writer = 0"))
    return True
