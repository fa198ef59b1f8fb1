"""The base model, its naming convention, and column types that belong to us."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from functools import cache
from typing import Any, Generic, TypeVar, cast, overload
from uuid import UUID

from sqlalchemy import DateTime, LargeBinary, MetaData, String, Uuid
from sqlalchemy.engine import Dialect
from sqlalchemy.orm import DeclarativeBase, Mapped, MappedColumn, mapped_column
from sqlalchemy.types import TypeDecorator

from store import crypto
from store.ids import new_id

NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}


class UtcDateTime(TypeDecorator[datetime]):
    """Aware datetimes in, UTC in the database, aware UTC out. A naive one is a bug and raises `ValueError`."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a naive datetime was about to be stored; times are aware UTC")
        value = value.astimezone(UTC)
        return value.replace(tzinfo=None) if dialect.name == "sqlite" else value

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class Base(DeclarativeBase):
    """All tables. The id exists from construction on, because encrypted fields are bound to it."""

    metadata = MetaData(naming_convention=NAMING)
    type_annotation_map = {datetime: UtcDateTime, bytes: LargeBinary, UUID: Uuid}

    def __init__(self, **values: Any) -> None:
        cls = type(self)
        if "id" not in values and _makes_its_id(cls):
            values = {"id": new_id(), **values}
        elif "id" in values:
            values = {"id": values["id"], **values}
        for name, value in values.items():
            if not hasattr(cls, name):
                raise TypeError(f"{name!r} is not a field of {cls.__name__}")
            setattr(self, name, value)


@cache
def _makes_its_id(cls: type[Base]) -> bool:
    """Whether rows of `cls` have an id of ours (and not one the database counts)."""
    columns = cls.__mapper__.columns
    return "id" in columns and columns["id"].type.python_type is UUID


def uuid_pk() -> MappedColumn[UUID]:
    """The primary key of an entity: UUIDv7 made in Python."""
    return mapped_column(Uuid, primary_key=True, default=new_id)


def code_column(length: int, *, nullable: bool = False) -> MappedColumn[Any]:
    """A code that is looked up by its beginning (`E11` of `E11.900`): compared byte by byte on both databases, so that a range
    of codes is a range of the index whatever language the server sorts by."""
    kind = String(length).with_variant(String(length, collation="C"), "postgresql")
    return mapped_column(kind, nullable=nullable)


def sealed_column(nullable: bool = True) -> MappedColumn[bytes | None]:
    """The column under an `Encrypted` field: name it like the field with `_sealed` at its end."""
    return mapped_column(LargeBinary, nullable=nullable)


T = TypeVar("T")


class _Sealed(Generic[T]):
    """A field that is encrypted on assignment and decrypted on reading. The column `<name>_sealed` holds the bytes."""

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name
        self.column = f"{name}_sealed"

    def _context(self, row: Any) -> str:
        return f"{row.__tablename__}/{self.name}/{row.id}"

    def _dump(self, value: T) -> bytes:
        raise NotImplementedError

    def _load(self, raw: bytes) -> T:
        raise NotImplementedError

    @overload
    def __get__(self, row: None, owner: type) -> _Sealed[T]: ...
    @overload
    def __get__(self, row: Any, owner: type) -> T: ...
    def __get__(self, row: Any, owner: type) -> T | _Sealed[T]:
        if row is None:
            return self
        sealed = getattr(row, self.column)
        if sealed is None:
            return cast("T", None)
        return self._load(crypto.keyring().open(bytes(sealed), self._context(row)))

    def __set__(self, row: Any, value: T) -> None:
        sealed = None if value is None else crypto.keyring().seal(self._dump(value), self._context(row))
        setattr(row, self.column, sealed)


class EncryptedText(_Sealed[str]):
    """Encrypted text; reads as `str` (or `None` where the column is empty)."""

    def _dump(self, value: str) -> bytes:
        return value.encode("utf-8", "replace")  # half an emoji is no reason to lose the rest

    def _load(self, raw: bytes) -> str:
        return raw.decode()


class EncryptedJson(_Sealed[Any]):
    """Encrypted JSON value."""

    def _dump(self, value: Any) -> bytes:
        return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")

    def _load(self, raw: bytes) -> Any:
        return json.loads(raw)


__all__ = [
    "Base",
    "EncryptedJson",
    "EncryptedText",
    "Mapped",
    "UtcDateTime",
    "code_column",
    "mapped_column",
    "sealed_column",
    "uuid_pk",
]
