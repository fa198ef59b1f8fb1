"""A hospital's own files as rows: CSV or JSON, columns in English or as hospitals name them (`data/seed/hospital/columns.yml`).

Every wrong field is collected and named; messages never repeat a person's data.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, time
from decimal import Decimal, InvalidOperation
from functools import cache
from pathlib import Path
from typing import Any

from care.hospital.words import load


@dataclass(frozen=True, slots=True)
class Row:
    """`number` as the file's reader counts: lines of a CSV (its header is 1), items of a JSON list from 1."""

    number: int
    values: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class RowError:
    row: int
    field: str
    message: str

    def __str__(self) -> str:
        return f"row {self.row}: {self.field}: {self.message}"


class LoadError(ValueError):
    """Nothing was written. `errors` name every wrong row."""

    def __init__(self, errors: list[RowError]) -> None:
        super().__init__("\n".join(map(str, errors)))
        self.errors = errors


@dataclass(frozen=True, slots=True)
class LoadReport:
    created: int
    updated: int

    def __str__(self) -> str:
        return f"{self.created} new, {self.updated} updated"


def decoded(raw: bytes) -> str:
    """A file's text in UTF-8, or GB 18030 as Excel saves it in China. Raises `UnicodeDecodeError` for what is neither."""
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        return raw.decode("gb18030")


def read_rows(path: Path) -> list[Row]:
    """Rows of a JSON file (`.json`, `.jsonl`) or a CSV, in either code."""
    text = decoded(path.read_bytes())
    if path.suffix.lower() in (".json", ".jsonl"):
        return rows_of_json(text)
    return rows_of_csv(text)


def rows_of_json(text: str) -> list[Row]:
    """A list of objects, or one object a line."""
    try:
        if text.lstrip().startswith("{"):
            loaded = [json.loads(line) for line in text.splitlines() if line.strip()]
        else:
            loaded = json.loads(text)
    except json.JSONDecodeError as error:
        raise LoadError([RowError(error.lineno, "file", f"not JSON: {error.msg}")]) from error
    if not isinstance(loaded, list) or not all(isinstance(item, dict) for item in loaded):
        raise LoadError([RowError(1, "file", "a JSON file must hold a list of objects, or one a line")])
    return [_row(number, item) for number, item in enumerate(loaded, 1)]


def rows_of_csv(text: str) -> list[Row]:
    """Empty lines are passed over, but counted."""
    reader = csv.DictReader(io.StringIO(text))
    return [_row(reader.line_num, item) for item in reader if any(item.values())]


def as_rows(items: Iterable[Row | Mapping[str, Any]]) -> list[Row]:
    """Rows as they are; plain mappings numbered from 1."""
    return [item if isinstance(item, Row) else _row(n, item) for n, item in enumerate(items, 1)]


def _row(number: int, item: Mapping[str, Any]) -> Row:
    known = _columns()
    values: dict[str, str] = {}
    for column, value in item.items():
        name = known.get((column or "").strip().lower())
        if name is not None and value is not None and str(value).strip():
            values[name] = str(value).strip()
    return Row(number, values)


@cache
def _columns() -> dict[str, str]:
    table = load("columns")["columns"]
    return {alias.lower(): name for name, aliases in table.items() for alias in (name, *aliases)}


class Fields:
    """Reads one row's fields and collects what is wrong with them."""

    def __init__(self, row: Row, errors: list[RowError]) -> None:
        self.row = row
        self.errors = errors

    def wrong(self, field: str, message: str) -> None:
        self.errors.append(RowError(self.row.number, field, message))

    def text(self, field: str, *, needed: bool = True, longest: int = 300) -> str | None:
        value = self.row.values.get(field)
        if value is None and needed:
            self.wrong(field, "missing")
        if value is not None and len(value) > longest:
            self.wrong(field, f"longer than {longest} characters")
            return None
        return value

    def parsed(self, field: str, parse: Callable[[str], Any], expected: str, *, needed: bool = True) -> Any:
        value = self.text(field, needed=needed)
        if value is None:
            return None
        try:
            return parse(value)
        except (ValueError, KeyError, InvalidOperation):
            self.wrong(field, f"not understood; write {expected}")
            return None


def word(table: str) -> Callable[[str], Any]:
    words = {str(alias): key for key, aliases in load("columns")[table].items() for alias in aliases}
    return lambda value: words[value.lower()]


def day_of(value: str) -> date:
    digits = value.replace("/", "-").replace(".", "-")
    if digits.isdigit() and len(digits) == 8:
        return date(int(digits[:4]), int(digits[4:6]), int(digits[6:]))
    year, month, day = (int(part) for part in digits.split("-"))
    return date(year, month, day)


def time_of(value: str) -> time:
    hours, minutes = value.replace("：", ":").split(":")[:2]
    return time(int(hours), int(minutes))


def number(low: int, high: int) -> Callable[[str], int]:
    def parse(value: str) -> int:
        number = int(value)
        if not low <= number <= high:
            raise ValueError(value)
        return number

    return parse


def fen(value: str) -> int:
    yuan = Decimal(value.removesuffix("元"))
    if not Decimal(0) <= yuan <= Decimal(100_000) or yuan != yuan.quantize(Decimal("0.01")):
        raise ValueError(value)
    return int(yuan * 100)


def refuse_repeats(keys: list[tuple[Row, Any]], field: str, errors: list[RowError]) -> None:
    first: dict[Any, int] = {}
    for row, key in keys:
        if key and first.setdefault(key, row.number) != row.number:
            errors.append(RowError(row.number, field, f"the same as in row {first[key]}"))
