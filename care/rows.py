"""Helpers around rows that every subject of this room shares."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, TypeVar

from sqlalchemy import inspect
from sqlalchemy.ext.asyncio import AsyncSession

from store.base import Base
from store.database import insert_new

T = TypeVar("T")

# SQLite before 3.32 took 999 bound values; a chunk of this size is safe everywhere and still few round trips.
CHUNK = 500


def values_of(row: Base) -> dict[str, Any]:
    """The column values of a row that was built but not added, without the empty ones."""
    attributes = inspect(type(row)).column_attrs
    return {item.key: value for item in attributes if (value := getattr(row, item.key)) is not None}


async def add_new(session: AsyncSession, row: Base) -> bool:
    """Insert `row` unless one of its unique keys is taken. True when it is new.

    `row` itself stays detached.
    """
    return await insert_new(session, type(row), values_of(row))


def chunks(items: Sequence[T], size: int = CHUNK) -> Iterator[Sequence[T]]:
    """`items` in pieces of at most `size`, for `IN` lists."""
    for at in range(0, len(items), size):
        yield items[at : at + size]


def padded(items: Sequence[T]) -> Sequence[T]:
    """`items` filled up with its last one to the next power of two: an `IN` list then comes in few lengths, and the driver
    keeps the statement it has prepared."""
    missing = (1 << (len(items) - 1).bit_length()) - len(items) if items else 0
    return [*items, *[items[-1]] * missing] if missing else items
