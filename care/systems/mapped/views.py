"""`HospitalSystem` over a hospital's database: times and appointments from views, wishes written to a 中间表 its system answers in.

Nothing but the mapped views is read and nothing but the 中间表 written. Its unique request number makes a second insert harmless.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import MetaData, Table, func, insert, select
from sqlalchemy.exc import DBAPIError, IntegrityError, NoSuchTableError, SQLAlchemyError
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
    Waiting,
    Wanted,
)
from store.database import assert_no_session

AT_ONCE = 500


class ViewsSystem:
    """`engine` on the hospital's database, of any kind SQLAlchemy has an async driver for."""

    name = "views"
    repeatable = True

    def __init__(self, engine: AsyncEngine, mapping: ViewsMapping, zone: ZoneInfo) -> None:
        self._engine, self._mapping, self._zone = engine, mapping, zone
        self._values = Values(mapping.formats, zone, mapping.requests.sex)
        self._tables: dict[str, Table] = {}

    @classmethod
    def at(cls, url: str, mapping: ViewsMapping, zone: ZoneInfo, timeout: float) -> ViewsSystem:
        engine = create_async_engine(
            url, pool_size=2, max_overflow=2, pool_timeout=timeout, pool_pre_ping=True, hide_parameters=True
        )
        return cls(engine, mapping, zone)

    async def close(self) -> None:
        await self._engine.dispose()

    # --- reading ---

    async def schedules(self, first: date, last: date) -> Sequence[OfferedSlot]:
        columns = self._mapping.schedules.columns
        start = datetime.combine(first, time(), self._zone)
        end = datetime.combine(last + timedelta(days=1), time(), self._zone)
        rows = await self._rows(self._mapping.schedules.view, columns)
        try:
            every = [self._values.slot(row) for row in rows]
        except ValueError as error:
            raise SystemAway("not_understood", str(error)[:200]) from error
        return [one for one in every if start <= one.start < end]

    async def find(self, wanted: Wanted) -> Found | NotThere:
        rows = await self._requests(wanted.key)
        of = {kind: word for word, kind in self._mapping.requests.kinds.items()}
        by_kind = {of.get(self._values.text(row["kind"]), ""): row for row in rows}
        made = by_kind.get("move") or by_kind.get("book")
        if made is None:
            return await self._made_there(wanted)
        gone = by_kind.get("cancel")
        if gone is not None and self._status(gone) == "accepted":
            return self._found(made, wanted, "cancelled")
        words = {"waiting": "pending", "accepted": "booked", "refused": "cancelled"}
        return self._found(made, wanted, words[self._status(made)])

    async def _made_there(self, wanted: Wanted) -> Found | NotThere:
        """One that was never wished for by us, as its own view has it."""
        view = self._mapping.appointments
        if view is None or not wanted.external_id:
            return NotThere()
        gone = {one: row for one in ("cancel",) for row in await self._requests(wanted.key)}
        if gone and self._status(gone["cancel"]) == "accepted":
            return Found(wanted.external_id, "cancelled", key=wanted.key)
        rows = await self._rows(view.view, view.columns)
        mine = next((row for row in rows if self._values.text(row["id"]) == wanted.external_id), None)
        return NotThere() if mine is None else self._appointment(mine, view)

    def _found(self, row: dict[str, Any], wanted: Wanted, status: str) -> Found:
        there = self._values.text(row.get("id")) or wanted.key
        return Found(there, status, key=wanted.key, said=self._values.text(row.get("said")))

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
            since = _unword(cursor)
            query = query.where(changed >= since) if since is not None else query
            found = [
                dict(row)
                for row in (await connection.execute(query.order_by(changed).limit(AT_ONCE))).mappings()
            ]
        last = _word(found[-1]["changed"]) if found else cursor
        try:
            rows = [self._appointment(row, view) for row in found]
        except ValueError as error:
            raise SystemAway("not_understood", str(error)[:200]) from error
        return Changes(rows, last, more=len(found) >= AT_ONCE and last != cursor)

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
        try:
            table = await self._table(requests.table)
            values = self._row(kind, wanted, previous)
        except SystemAway as away:
            return Unreachable(away.reason, away.said)
        try:
            async with self._reading() as connection:
                row = await self._answer(connection, table, kind, wanted)
                if row is None:
                    try:
                        await connection.execute(insert(table).values(values))
                    except IntegrityError:
                        return Waiting()  # somebody else has just written it
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
                reason = requests.reasons.get(self._values.text(row.get("reason")), "other")
                return Refused(reason, self._values.text(row.get("said")))
        return Waiting()

    async def _answer(
        self, connection: AsyncConnection, table: Table, kind: str, wanted: Wanted
    ) -> dict[str, Any] | None:
        columns = self._mapping.requests.columns
        query = select(*(table.c[name].label(ours) for ours, name in columns.items()))
        found = await connection.execute(query.where(table.c[columns["request"]] == f"{kind}:{wanted.key}"))
        row = found.mappings().first()
        return None if row is None else dict(row)

    def _row(self, kind: str, wanted: Wanted, previous: str | None) -> dict[str, Any]:
        requests, who, values = self._mapping.requests, wanted.patient, self._values
        money = wanted.fee_fen / 100 if self._mapping.formats.money == "yuan" else wanted.fee_fen
        ours: dict[str, Any] = {
            "request": f"{kind}:{wanted.key}",
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

    def _reading(self) -> _Connection:
        return _Connection(self._engine)


class _Connection:
    """A connection of the hospital's database; what goes wrong on it is `SystemAway`."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._opening = engine.connect()

    async def __aenter__(self) -> AsyncConnection:
        assert_no_session("ask the hospital's database")
        try:
            return await self._opening.__aenter__()
        except (DBAPIError, SQLAlchemyError, OSError) as error:
            raise SystemAway("unreachable", type(error).__name__) from error

    async def __aexit__(self, kind: Any, error: Any, trace: Any) -> None:
        await self._opening.__aexit__(kind, error, trace)
        if isinstance(error, DBAPIError | OSError) and not isinstance(error, IntegrityError):
            raise SystemAway("broken", type(error).__name__) from error


def _word(value: Any) -> str:
    """A moment or a running number, as a cursor."""
    return f"t{value.isoformat()}" if isinstance(value, datetime) else f"n{value}"


def _unword(cursor: str) -> Any:
    if cursor.startswith("t"):
        return datetime.fromisoformat(cursor[1:])
    word = cursor[1:]
    if not word:
        return None
    return int(word) if word.isdigit() else word
