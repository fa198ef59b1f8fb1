"""Many rows in one statement: a set of ids, or of ids with a value each, travels as one parameter.

An `IN` list with a parameter an id is put together anew for each length, and a row-by-row `executemany` costs a statement's
work a row on both sides; measured on a claim of 200 messages, both together were a third of what a message cost.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import (
    ARRAY,
    JSON,
    Boolean,
    ColumnElement,
    Dialect,
    String,
    TypeDecorator,
    Uuid,
    bindparam,
    cast,
    func,
    type_coerce,
)
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.types import TypeEngine

PAIRS = "pairs"
"""The parameter's name: a mapping of id to id, text or None."""


class _Pairs(TypeDecorator[Mapping[UUID, Any]]):
    """A JSON object; ids are written as the database keeps them."""

    impl = String
    cache_ok = True

    def process_bind_param(self, value: Mapping[UUID, Any] | None, dialect: Dialect) -> str:
        said = (lambda one: one.hex) if dialect.name == "sqlite" else str
        plain = {said(k): said(one) if isinstance(one, UUID) else one for k, one in (value or {}).items()}
        return orjson.dumps(plain).decode()


def pairs(sqlite: bool, *, of_ids: bool = False) -> tuple[ColumnElement[UUID], ColumnElement[Any]]:
    """The two columns of the parameter `PAIRS`, for `select` and `update`: an id, and an id (`of_ids`) or a text."""
    given = bindparam(PAIRS, type_=_Pairs())
    if sqlite:
        table = func.json_each(given).table_valued("key", "value", name="given")
        return type_coerce(table.c.key, Uuid()), type_coerce(table.c.value, Uuid() if of_ids else String())
    table = func.json_each_text(cast(given, JSON)).table_valued("key", "value", name="given")
    value = cast(table.c.value, Uuid()) if of_ids else type_coerce(table.c.value, String())
    return cast(table.c.key, Uuid()), value


class _Ids(TypeDecorator[Sequence[UUID]]):
    """On PostgreSQL an array, on SQLite a JSON list."""

    impl = String
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        return dialect.type_descriptor(String() if dialect.name == "sqlite" else ARRAY(Uuid()))

    def process_bind_param(self, value: Sequence[UUID] | None, dialect: Dialect) -> Any:
        ids = value or ()
        return orjson.dumps([one.hex for one in ids]).decode() if dialect.name == "sqlite" else list(ids)


class _Among(FunctionElement[bool]):
    """See `among`."""

    name = "among"
    type = Boolean()
    inherit_cache = True

    def self_group(self, against: Any = None) -> Any:
        return self  # SQLite would be asked whether it `= 1`, and look through the whole table


def among(column: Any, name: str) -> ColumnElement[bool]:
    """Whether `column` is one of the ids in the parameter `name`, however many these are."""
    return _Among(column, bindparam(name, type_=_Ids()))


@compiles(_Among, "sqlite")
def _among_sqlite(element: _Among, compiler: Any, **options: Any) -> str:
    column, ids = (compiler.process(one, **options) for one in element.clauses)
    return f"{column} IN (SELECT value FROM json_each({ids}))"  # noqa: S608 (a column and a parameter)


@compiles(_Among, "postgresql")
def _among_postgresql(element: _Among, compiler: Any, **options: Any) -> str:
    column, ids = (compiler.process(one, **options) for one in element.clauses)
    return f"{column} = ANY ({ids})"
