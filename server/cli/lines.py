"""JSON Lines in and out: read one by one, so a file may be larger than memory; a line that cannot be read is named and left out."""

from __future__ import annotations

import codecs
import json
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import typer

from server.settings import SettingsError

Row = dict[str, Any]
Complaint = Callable[[str], None]
LONGEST = 1 << 20
"""Bytes of a line; what is longer is no message of a patient."""


def refuse(what: str) -> None:
    """The complaint of who wants all lines or none: raises `SettingsError`."""
    raise SettingsError(what)


@contextmanager
def answering() -> Iterator[Complaint]:
    """Gives the complaint that goes to standard error; when all else is answered the command ends with 1 if there was one."""
    wrong = 0

    def complain(what: str) -> None:
        nonlocal wrong
        wrong += 1
        sys.stdout.flush()
        typer.echo(f"✗ {what}", err=True)

    yield complain
    if wrong:
        typer.echo(f"✗ {wrong} {'line' if wrong == 1 else 'lines'} left out", err=True)
        raise typer.Exit(1)


def rows(source: str, text: str, others: Sequence[str] = (), wrong: Complaint = refuse) -> Iterator[Row]:
    """The objects of `source` (a path, or - for standard input) that have a string `text` and whatever else is named in `others`.

    UTF-8 with or without its mark, LF or CRLF; empty lines are nothing. Each line that is wrong is told to `wrong`. Raises
    `SettingsError` when there is no such file.
    """
    if source == "-":
        yield from _rows(sys.stdin.buffer, source, text, others, wrong)
        return
    try:
        with Path(source).open("rb") as stream:
            yield from _rows(stream, source, text, others, wrong)
    except OSError as error:
        raise SettingsError(f"{source}: {error.strerror}") from error


def _rows(
    stream: IO[bytes], source: str, text: str, others: Sequence[str], wrong: Complaint
) -> Iterator[Row]:
    for number, line in enumerate(_lines(stream), 1):
        at = f"{source} line {number}"
        if line is None:
            wrong(f"{at}: longer than {LONGEST // 1024} KB")
            continue
        try:
            said = (line.removeprefix(codecs.BOM_UTF8) if number == 1 else line).decode("utf-8")
            if not said.strip():
                continue
            row = json.loads(said)
        except UnicodeDecodeError:
            wrong(f"{at}: not UTF-8")
            continue
        except (
            ValueError,
            RecursionError,
        ) as error:  # a number of 5,000 digits is a ValueError of another kind
            wrong(f"{at}: not JSON ({getattr(error, 'msg', type(error).__name__)})")
            continue
        if (
            not isinstance(row, dict)
            or not isinstance(row.get(text), str)
            or any(name not in row for name in others)
        ):
            fields = ", ".join([*(f'"{name}": …' for name in others), f'"{text}": "…"'])
            wrong(f"{at}: needs {{{fields}}}")
            continue
        yield row


def _lines(stream: IO[bytes]) -> Iterator[bytes | None]:
    """Line by line; None for one that is too long."""
    while line := stream.readline(LONGEST + 1):
        if len(line) <= LONGEST or line.endswith(b"\n"):
            yield line
            continue
        while line and not line.endswith(b"\n"):
            line = stream.readline(LONGEST)
        yield None


def write(row: Row) -> None:
    """One line, UTF-8 whatever the terminal speaks, out at once; half a character is written as its escape."""
    try:
        line = json.dumps(row, ensure_ascii=False).encode("utf-8")
    except UnicodeEncodeError:
        line = json.dumps(row).encode("ascii")
    sys.stdout.flush()
    sys.stdout.buffer.write(line + b"\n")
    sys.stdout.buffer.flush()
