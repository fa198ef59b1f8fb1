"""Articles as tables: CSV and XLSX, a row an article, columns in English or as editors call them (`data/seed/article_columns.yml`)."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from care.files import decoded
from content.articles.doc import ArticleDoc
from content.articles.files import Unreadable, doc_of, plain_values

FILE = Path(__file__).parents[2] / "data" / "seed" / "article_columns.yml"
MOST_ROWS = 20_000
_FORMULA = re.compile(r"'*[=+\-@\t]")
"""What a spreadsheet would take for a formula when it opens a CSV: written, and read back, with a ' before it."""

Rows = Iterator[tuple[int, Mapping[str, str]]]


@cache
def _words() -> dict[str, Any]:
    read: dict[str, Any] = yaml.safe_load(FILE.read_text("utf-8"))
    return read


@cache
def _columns() -> Mapping[str, str]:
    return {
        str(alias).lower(): name
        for name, aliases in _words()["columns"].items()
        for alias in (name, *aliases)
    }


def rows_of_csv(raw: bytes) -> Rows:
    """(line as the file's reader counts, values by our names) of a CSV.

    Raises `Unreadable` for what is neither, or has no column of ours.
    """
    try:
        text = decoded(raw)
    except UnicodeDecodeError as error:
        raise Unreadable("file", "not_text") from error
    csv.field_size_limit(10_000_000)
    reader = csv.reader(io.StringIO(text))
    yield from _rows((reader.line_num, row) for row in reader)


def rows_of_xlsx(raw: bytes) -> Rows:
    """As `rows_of_csv`, of the first sheet of a workbook; numbers are the sheet's own."""
    import openpyxl  # half a second nobody needs at the start

    try:
        book = openpyxl.load_workbook(io.BytesIO(raw), read_only=True, data_only=True)
    except Exception as error:  # a damaged archive raises whatever its reader met
        raise Unreadable("file", "not_xlsx") from error
    sheet = book.worksheets[0]
    cells = (
        (number, [_cell(value) for value in row])
        for number, row in enumerate(sheet.iter_rows(values_only=True), 1)
    )
    try:
        yield from _rows(cells)
    finally:
        book.close()


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return value.date().isoformat() if hasattr(value, "date") else str(value)


def _rows(lines: Iterable[tuple[int, list[str]]]) -> Rows:
    names: list[str | None] = []
    for count, (number, cells) in enumerate(lines):
        if not names:
            names = [_columns().get(cell.strip().lower()) for cell in cells]
            if "slug" not in names or "title" not in names:
                raise Unreadable("file", "no_columns")
            continue
        if count > MOST_ROWS:
            raise Unreadable("file", "too_many_rows", most=MOST_ROWS)
        values = {
            name: _unquoted(cell.strip())
            for name, cell in zip(names, cells, strict=False)
            if name and cell.strip()
        }
        if values:
            yield number, values


def _unquoted(cell: str) -> str:
    return cell[1:] if cell.startswith("'") and _FORMULA.match(cell[1:]) else cell


def doc_of_row(row: Mapping[str, str]) -> tuple[str, ArticleDoc]:
    """Slug and document of one row. Raises `Unreadable` naming the column."""
    raw: dict[str, Any] = {}
    audience: dict[str, Any] = {}
    video: dict[str, str] = {}
    for name, value in row.items():
        if name in _READ:
            raw[name] = _READ[name](name, value)
        elif name in ("min_age", "max_age"):
            audience[name] = _number(name, value)
        elif name == "sex":
            audience[name] = _word("sexes", name, value)
        elif name == "weeks":
            low, _, high = value.replace("~", "-").replace("至", "-").partition("-")
            audience[name] = [_number(name, low), _number(name, high or low)]
        elif name.startswith("video_"):
            video[name.removeprefix("video_")] = value
        else:
            raw[name] = value.replace("\r\n", "\n")
    if video:
        raw["video"] = {"title": video.get("title", ""), "url": video.get("url", "")}
    if body := str(raw.get("body", "")).strip():
        raw["body"] = body + "\n"
    return doc_of({**raw, "for": audience})


def _list(name: str, value: str) -> list[str]:
    between = r"[|｜\n]" if name == "questions" else r"[|｜；;，,、\s]"
    return [piece.strip() for piece in re.split(between, value) if piece.strip()]


def _yes(name: str, value: str) -> bool:
    for answer, known in ((True, "yeses"), (False, "noes")):
        if value.lower() in _words()[known]:
            return answer
    raise Unreadable(name, "not_yes_no")


def _number(name: str, value: str) -> int:
    try:
        return int(value)
    except ValueError as error:
        raise Unreadable(name, "not_a_number", value=value[:20]) from error


def _word(table: str, name: str, value: str) -> str:
    found = _words()[table].get(value.lower())
    if found is None:
        raise Unreadable(name, "not_a_word", value=value[:20], words="、".join(_words()[table]))
    return str(found)


def _sources(name: str, value: str) -> list[dict[str, Any]]:
    """`title / publisher / year / url`, several separated by |."""
    found = []
    for piece in re.split(r"[|｜\n]", value):
        parts = [part.strip() for part in piece.strip().split(" / ")]
        if not parts[0]:
            continue
        one: dict[str, Any] = {"title": parts[0]}
        for key, part in zip(("publisher", "year", "url"), parts[1:], strict=False):
            if part:
                one[key] = _number(name, part) if key == "year" else part
        found.append(one)
    return found


def _variations(name: str, value: str) -> list[dict[str, Any]]:
    try:
        found = yaml.safe_load(value)
    except yaml.YAMLError as error:
        raise Unreadable(name, "not_a_list_of_fields") from error
    return found if isinstance(found, list) else []


_READ: Mapping[str, Callable[[str, str], Any]] = {
    "conditions": _list,
    "questions": _list,
    "related": _list,
    "ai_made": _yes,
    "sample": _yes,
    "sources": _sources,
    "variations": _variations,
    "form": lambda name, value: _word("forms", name, value),
}


def _row_of(slug: str, doc: ArticleDoc) -> dict[str, str]:
    values = plain_values(slug, doc)
    audience, video = values.pop("for"), values.pop("video") or {}
    weeks = audience.pop("weeks")
    flat: dict[str, Any] = {
        **values,
        **audience,
        "weeks": f"{weeks[0]}-{weeks[1]}" if weeks else "",
        "video_title": video.get("title", ""),
        "video_url": video.get("url", ""),
        "sources": " | ".join(
            " / ".join(str(one.get(key, "")) for key in ("title", "publisher", "year", "url")).rstrip(" /")
            for one in values["sources"]
        ),
        "variations": yaml.safe_dump(values.get("variations", []), allow_unicode=True, sort_keys=False)
        if values.get("variations")
        else "",
    }
    return {name: _said(flat.get(name)) for name in _words()["columns"]}


def _said(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(_words()["yeses" if value else "noes"][0])
    return " | ".join(map(str, value)) if isinstance(value, list) else str(value)


def write_csv(articles: Iterable[tuple[str, ArticleDoc]]) -> bytes:
    """A table Excel opens with its Chinese whole (UTF-8 with a mark)."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(_words()["columns"])
    for slug, doc in articles:
        writer.writerow(f"'{one}" if _FORMULA.match(one) else one for one in _row_of(slug, doc).values())
    return out.getvalue().encode("utf-8-sig")


def write_xlsx(articles: Iterable[tuple[str, ArticleDoc]]) -> bytes:
    """A workbook of one sheet; every cell is text, so that nothing is taken for a formula."""
    import openpyxl

    book = openpyxl.Workbook(write_only=True)
    sheet = book.create_sheet("articles")
    sheet.append(list(_words()["columns"]))
    for slug, doc in articles:
        cells = []
        for value in _row_of(slug, doc).values():
            cell = openpyxl.cell.WriteOnlyCell(sheet, value=value)
            cell.data_type = "s"
            cells.append(cell)
        sheet.append(cells)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()
