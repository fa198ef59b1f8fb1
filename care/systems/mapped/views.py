"""`HospitalSystem` over a hospital's database: times and appointments from views, wishes written to a 中间表 its system answers in.

Nothing but the mapped views is read and nothing but the 中间表 written. Its unique request number makes a second insert harmless.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import MetaData, Table, func, insert, select
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError, NoSuchTableError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from care.systems.mapped.reading import Values
from care.systems.mapped.tables import AppointmentsView, ViewsMapping
from care.systems.port import (
    Accepted,
    Changes,
    Checked,
    Found,
    NotThere,
    OfferedSlot,
    Outcome,
    Refused,
    SystemAway,
    Unclear,
    Unreachable,
    Unread,
    Waiting,
    Wanted,
)
from store.database import assert_no_session

AT_ONCE = 500


class ViewsSystem:
    """`engine` on the hospital's database, of any kind SQLAlchemy has an async driver for."""

    name = "views"
    repeatable = True

    def __init__(
        self, engine: AsyncEngine, mapping: ViewsMapping, zone: ZoneInfo, timeout: float = 30.0
    ) -> None:
        """`timeout`: seconds for one piece of work on the database, what waits for another's lock included."""
        self._engine, self._mapping, self._zone, self._timeout = engine, mapping, zone, timeout
        self._values = Values(mapping.formats, zone, mapping.requests.sex)
        self._tables: dict[str, Table] = {}

    @classmethod
    def at(cls, url: str, mapping: ViewsMapping, zone: ZoneInfo, timeout: float) -> ViewsSystem:
        engine = create_async_engine(
            url, pool_size=2, max_overflow=2, pool_timeout=timeout, pool_pre_ping=True, hide_parameters=True
        )
        return cls(engine, mapping, zone, timeout)

    async def close(self) -> None:
        await self._engine.dispose()

    # --- reading ---

    async def schedules(self, first: date, last: date) -> Sequence[OfferedSlot | Unread]:
        columns = self._mapping.schedules.columns
        start = datetime.combine(first, time(), self._zone)
        end = datetime.combine(last + timedelta(days=1), time(), self._zone)
        rows = await self._rows(self._mapping.schedules.view, columns)
        every = [self._values.slot_or_not(row) for row in rows]
        return [one for one in every if isinstance(one, Unread) or start <= one.start < end]

    async def find(self, wanted: Wanted) -> Found | NotThere:
        rows = await self._requests(wanted.key)
        of = {kind: word for word, kind in self._mapping.requests.kinds.items()}
        by_kind = {of.get(self._values.text(row["kind"]), ""): row for row in rows}
        made = by_kind.get("move") or by_kind.get("book")
        if made is None:
            return await self._made_there(wanted)
        if self._is_cancelled(rows, wanted):
            return self._found(made, wanted, "cancelled")
        words = {"waiting": "pending", "accepted": "booked", "refused": "cancelled"}
        return self._found(made, wanted, words[self._status(made)])

    async def _made_there(self, wanted: Wanted) -> Found | NotThere:
        """One that was never wished for by us, as its own view has it."""
        view = self._mapping.appointments
        if view is None or not wanted.external_id:
            return NotThere()
        if self._is_cancelled(await self._requests(wanted.key), wanted):
            return Found(wanted.external_id, "cancelled", key=wanted.key)
        rows = await self._rows(view.view, view.columns)
        mine = next((row for row in rows if self._values.text(row["id"]) == wanted.external_id), None)
        return NotThere() if mine is None else self._appointment(mine, view)

    def _is_cancelled(self, rows: Sequence[dict[str, Any]], wanted: Wanted) -> bool:
        """Whether the cancelling that is asked after was accepted; asked after something else, whether any was."""
        kind = self._mapping.requests.kinds["cancel"]
        gone = [row for row in rows if self._values.text(row["kind"]) == kind]
        this = self._request("cancel", wanted)
        mine = [row for row in gone if self._values.text(row["request"]) == this] or gone
        return any(self._status(row) == "accepted" for row in mine)

    def _found(self, row: dict[str, Any], wanted: Wanted, status: str) -> Found:
        there = self._values.text(row.get("id")) or wanted.key
        said = self._values.text(row.get("said"))
        return Found(there, status, key=wanted.key, said=said, reason=self._reason(row))

    def _reason(self, row: dict[str, Any]) -> str:
        return self._mapping.requests.reasons.get(self._values.text(row.get("reason")), "other")

    async def changed_since(self, cursor: str | None) -> Changes:
        view = self._mapping.appointments
        if view is None:
            return Changes([], cursor or "-")
        table = await self._table(view.view)
        changed = table.c[view.columns["changed"]]
        async with self._reading() as connection:
            if cursor is None:
                newest = await connection.scalar(select(func.max(changed)))
                return Changes([], _word(newest) if newest is not None else "-")
            query = select(*(table.c[name].label(ours) for ours, name in view.columns.items()))
            query = query.where(changed.is_not(None)).order_by(changed)
            since = _unword(cursor)

            async def read(wanted: Any) -> list[dict[str, Any]]:
                return [dict(row) for row in (await connection.execute(wanted)).mappings()]

            found = await read((query.where(changed >= since) if since is not None else query).limit(AT_ONCE))
            if len(found) >= AT_ONCE and _word(found[-1]["changed"]) == cursor:
                # One statement there has changed more than are read at once: all of that moment, and what came after it.
                found = await read(query.where(changed == since))
                found += await read(query.where(changed > since).limit(AT_ONCE))
        last = _word(found[-1]["changed"]) if found else cursor
        rows = [self._appointment_or_not(row, view) for row in found]
        return Changes(rows, last, more=len(found) >= AT_ONCE and last != cursor)

    def _appointment_or_not(self, row: dict[str, Any], view: AppointmentsView) -> Found | Unread:
        try:
            return self._appointment(row, view)
        except ValueError as error:
            return Unread(self._values.text(row["id"]), str(error)[:200], _word(row["changed"]))

    def _appointment(self, row: dict[str, Any], view: AppointmentsView) -> Found:
        values = self._values
        status = view.status.get(values.text(row["status"]))
        if status is None:
            raise ValueError(f"appointments.status: {row['status']!r}")
        return values.found(row, status, _word(row["changed"]))

    async def check(self) -> Checked:
        """Every mapped view and column is there."""
        mapping, facts = self._mapping, {}
        parts = [
            (mapping.schedules.view, mapping.schedules.columns),
            (mapping.requests.table, mapping.requests.columns),
        ]
        if mapping.appointments is not None:
            parts.append((mapping.appointments.view, mapping.appointments.columns))
        try:
            for name, columns in parts:
                table = await self._table(name)
                if missing := [one for one in columns.values() if one not in table.c]:
                    return Checked("missing", f"{name}: {', '.join(missing)}")
            async with self._reading() as connection:
                table = await self._table(mapping.schedules.view)
                facts["schedules"] = await connection.scalar(select(func.count()).select_from(table))
        except SystemAway as away:
            return Checked(away.reason, away.said)
        return Checked(facts=facts)

    # --- telling ---

    async def book(self, wanted: Wanted) -> Outcome:
        return await self._ask("book", wanted, None)

    async def cancel(self, wanted: Wanted) -> Outcome:
        return await self._ask("cancel", wanted, wanted.external_id)

    async def move(self, old: Wanted, new: Wanted) -> Outcome:
        return await self._ask(
            "move" if "move" in self._mapping.requests.kinds else "book", new, old.external_id
        )

    async def _ask(self, kind: str, wanted: Wanted, previous: str | None) -> Outcome:
        """Write the wish, unless it is there; then what was answered to it."""
        requests = self._mapping.requests
        if kind != "cancel" and wanted.slot is None and "slot" in requests.columns:
            return Refused("gone")  # its time has become another's
        try:
            table = await self._table(requests.table)
            values = {
                name: self._values.written(one, _kind(table, name))
                for name, one in self._row(kind, wanted, previous).items()
            }
        except SystemAway as away:
            return Unreachable(away.reason, away.said)
        except ValueError as error:
            return Unreachable("not_understood", str(error)[:200])
        try:
            async with self._reading() as connection:
                row = await self._answer(connection, table, kind, wanted)
                if row is None:
                    try:
                        await connection.execute(insert(table).values(values))
                    except DBAPIError as error:
                        if not _never_fits(error):
                            raise
                        await connection.rollback()
                        if await self._answer(connection, table, kind, wanted) is not None:
                            return Waiting()  # somebody else has just written it
                        return Refused("not_allowed", type(error.orig).__name__)
                    try:
                        await connection.commit()
                    except (SQLAlchemyError, OSError) as error:
                        return Unclear("broken_off", type(error).__name__)
                    return Waiting()
        except SystemAway as away:
            return Unreachable(away.reason, away.said)
        match self._status(row):
            case "accepted":
                return Accepted(self._values.text(row.get("id")) or wanted.key)
            case "refused":
                return Refused(self._reason(row), self._values.text(row.get("said")))
        return Waiting()

    async def _answer(
        self, connection: AsyncConnection, table: Table, kind: str, wanted: Wanted
    ) -> dict[str, Any] | None:
        columns = self._mapping.requests.columns
        query = select(*(table.c[name].label(ours) for ours, name in columns.items()))
        found = await connection.execute(
            query.where(table.c[columns["request"]] == self._request(kind, wanted))
        )
        row = found.mappings().first()
        return None if row is None else dict(row)

    def _request(self, kind: str, wanted: Wanted) -> str:
        """Its number; what is told again for a new reason (cancelled a second time) has one of its own. 60 characters."""
        again = f":{hashlib.sha256(wanted.telling.encode()).hexdigest()[:8]}" if wanted.telling else ""
        return f"{kind}:{wanted.key}{again}"

    def _row(self, kind: str, wanted: Wanted, previous: str | None) -> dict[str, Any]:
        requests, who, values = self._mapping.requests, wanted.patient, self._values
        money = wanted.fee_fen / 100 if self._mapping.formats.money == "yuan" else wanted.fee_fen
        ours: dict[str, Any] = {
            "request": self._request(kind, wanted),
            "appointment": wanted.key,
            "kind": requests.kinds[kind],
            "status": requests.new,
            "slot": wanted.slot,
            "practitioner": wanted.practitioner,
            "service": wanted.service,
            "start": values.local(wanted.start),
            "end": values.local(wanted.end),
            "fee": money,
            "record_number": who.record_number,
            "name": who.name,
            "sex": requests.sex.get(who.sex, who.sex),
            "birth_date": who.birth_date,
            "phone": who.phone,
            "id_number": who.id_number,
            "previous": previous,
        }
        return {name: ours[one] for one, name in requests.columns.items() if one in ours}

    # --- inside ---

    def _status(self, row: dict[str, Any]) -> str:
        return self._mapping.requests.status.get(self._values.text(row["status"]), "waiting")

    async def _requests(self, key: str) -> list[dict[str, Any]]:
        columns = self._mapping.requests.columns
        return await self._rows(self._mapping.requests.table, columns, {columns["appointment"]: key})

    async def _rows(
        self, name: str, columns: dict[str, str], where: dict[str, Any] | None = None
    ) -> list[dict[str, Any]]:
        """Every row of the mapped columns, under our words."""
        table = await self._table(name)
        if missing := [one for one in columns.values() if one not in table.c]:
            raise SystemAway("missing", f"{name}: {', '.join(missing)}")
        query = select(*(table.c[theirs].label(ours) for ours, theirs in columns.items()))
        for column, value in (where or {}).items():
            query = query.where(table.c[column] == value)
        async with self._reading() as connection:
            return [dict(row) for row in (await connection.execute(query)).mappings()]

    async def _table(self, name: str) -> Table:
        """The view or table as the database describes it, asked once."""
        if name not in self._tables:
            schema, _, bare = name.rpartition(".")
            async with self._reading() as connection:
                try:
                    self._tables[name] = await connection.run_sync(
                        lambda sync: Table(bare, MetaData(), schema=schema or None, autoload_with=sync)
                    )
                except NoSuchTableError as error:
                    raise SystemAway("missing", name) from error
        return self._tables[name]

    @asynccontextmanager
    async def _reading(self) -> AsyncIterator[AsyncConnection]:
        """A connection of the hospital's database; what goes wrong on it is `SystemAway`."""
        assert_no_session("ask the hospital's database")
        try:
            async with asyncio.timeout(self._timeout) as limit, AsyncExitStack() as opened:
                try:
                    connection = await opened.enter_async_context(self._engine.connect())
                except (SQLAlchemyError, OSError) as error:
                    raise SystemAway("unreachable", type(error).__name__) from error
                yield connection
        except IntegrityError:
            raise
        except UnicodeError as error:  # bytes that are not what the database says they are
            raise SystemAway("not_understood", type(error).__name__) from error
        except (DBAPIError, OSError) as error:
            if limit.expired():
                raise SystemAway("no_answer") from error
            raise SystemAway("broken", type(error).__name__) from error


def _kind(table: Table, column: str) -> type[Any]:
    """The kind of value a column has; `object` where the database's own types have none here."""
    try:
        return table.c[column].type.python_type if column in table.c else object
    except NotImplementedError:
        return object


def _never_fits(error: DBAPIError) -> bool:
    """A constraint, or a value the column cannot have (SQL's class 22): the same words will not be taken later either."""
    return isinstance(error, IntegrityError | DataError) or str(
        getattr(error.orig, "sqlstate", "") or ""
    ).startswith("22")


def _word(value: Any) -> str:
    """A moment, a day or a running number, as a cursor."""
    if isinstance(value, datetime):
        return f"t{value.isoformat()}"
    return f"d{value.isoformat()}" if isinstance(value, date) else f"n{value}"


def _unword(cursor: str) -> Any:
    if cursor.startswith("t"):
        return datetime.fromisoformat(cursor[1:])
    if cursor.startswith("d"):
        return date.fromisoformat(cursor[1:])
    word = cursor[1:]
    if not word:
        return None
    return int(word) if word.isdigit() else word
