"""`parse`, `search`, `when`, `triage`: the understanding, line by line, as a live message meets it. JSON Lines in and out."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from server.settings import ROOT, SettingsError, load_settings

File = Annotated[str, typer.Argument(metavar="FILE|-", help="a file of JSON Lines, or - for standard input")]


def add_to(app: typer.Typer) -> None:
    app.command(
        help='Intent and safety screen of each line {"text": …}.\n\n'
        'Example: echo \'{"text": "想看眼睛"}\' | ./banyi parse -'
    )(parse)
    app.command(
        help='The FAQ retriever on any pool of lines {"pid", "text"}; queries are lines {"query": …}.\n\n'
        "Example: ./banyi search --pool pool.jsonl queries.jsonl"
    )(search)
    app.command(
        help='When does each line {"text": …} mean.\n\n'
        'Example: echo \'{"text": "周四下午三点半"}\' | ./banyi when --now 2026-11-22T10:00 -'
    )(when)
    app.command(
        help='Which departments fit each line {"text": …}.\n\n'
        'Example: echo \'{"text": "心慌 躺下喘"}\' | ./banyi triage -'
    )(triage)


def rows(source: str, field: str) -> Iterator[dict[str, Any]]:
    """The lines of `source`; raises `SettingsError` naming the first that is wrong."""
    try:
        lines = sys.stdin if source == "-" else Path(source).open(encoding="utf-8")  # noqa: SIM115
    except OSError as error:
        raise SettingsError(f"{source}: {error.strerror}") from error
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except json.JSONDecodeError as error:
            raise SettingsError(f"{source} line {number}: not JSON ({error.msg})") from error
        if not isinstance(row, dict) or not isinstance(row.get(field), str):
            raise SettingsError(f'{source} line {number}: needs {{"{field}": "…"}}')
        yield row


def write(row: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(row, ensure_ascii=False) + "\n")


def parse(file: File) -> None:
    for row in parsed([row["text"] for row in rows(file, "text")]):
        write(row)


def parsed(texts: list[str]) -> Iterator[dict[str, Any]]:
    """Each text as the `parse` command tells it. Raises `SettingsError` without a trained engine."""
    from bot.plan import engine_text
    from language.embed import Embedder
    from language.screen import screen
    from server import engine

    settings = load_settings()
    model = engine.model_path(settings)
    if not model.exists():
        engine_note = "no trained engine for the present data: run `./banyi train` first"
        raise SettingsError(engine_note)
    done = subprocess.run(
        engine.parse_command(model),
        input="".join(json.dumps(engine_text(text), ensure_ascii=False) + "\n" for text in texts),
        capture_output=True,
        cwd=ROOT,
        env=engine.environment(settings),
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise SettingsError(f"the engine could not parse: {done.stderr.strip().splitlines()[-1:]}")
    read = [json.loads(line) for line in done.stdout.splitlines()]
    ear = Embedder(settings.models / "sentence-onnx")
    for text, row in zip(texts, read, strict=True):
        yield {
            "text": text,
            "intent": _contract_intent(row),
            "confidence": round(float(row["confidence"] or 0.0), 4),
            "screen": screen(text, ear).verdict,
        }


def _contract_intent(row: dict[str, Any]) -> str:
    """The intent's name; where the engine was unsure, the likeliest one (its confidence tells)."""
    if row["intent"] != "nlu_fallback":
        return str(row["intent"])
    ranked = [name for name, _ in row["ranking"] if name != "nlu_fallback"]
    return str(ranked[0]) if ranked else "out_of_scope"


def search(
    file: File,
    pool: Annotated[Path, typer.Option(help='JSON Lines {"pid", "text"}', exists=True, dir_okay=False)],
) -> None:
    from language.embed import Embedder
    from language.retrieve import contract_search

    embedder = Embedder(load_settings().models / "sentence-onnx", threads=2)
    lines = (json.dumps(row, ensure_ascii=False) for row in rows(file, "query"))
    for row in contract_search(embedder, pool, lines, sys.stderr if sys.stderr.isatty() else None):
        write(row)


def when(
    file: File,
    now: Annotated[datetime, typer.Option(help="the moment it is said, local, e.g. 2026-11-22T10:00")],
) -> None:
    from language.when import contract_row

    for row in rows(file, "text"):
        write(contract_row(row["text"], now))


def triage(file: File) -> None:
    from language.triage import contract_row

    for row in rows(file, "text"):
        write(contract_row(row["text"]))
