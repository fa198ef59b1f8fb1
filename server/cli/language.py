"""`parse`, `search`, `when`, `triage`: the understanding, line by line, as a live message meets it. JSON Lines in and out."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from server.cli.lines import answering, rows, write
from server.settings import ROOT, Settings, SettingsError, load_settings

if TYPE_CHECKING:
    from language.embed import Embedder

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


def parse(file: File) -> None:
    with answering() as wrong:
        for row in parsed(row["text"] for row in rows(file, "text", wrong=wrong)):
            write(row)


def parsed(texts: Iterable[str]) -> Iterator[dict[str, Any]]:
    """Each text as the `parse` command tells it, one after the other. Raises `SettingsError` without a trained engine."""
    from bot.plan import engine_text
    from language.screen import screen
    from server import engine

    settings = load_settings()
    model = engine.model_path(settings)
    if not model.exists():
        engine_note = "no trained engine for the present data: run `./banyi train` first"
        raise SettingsError(engine_note)
    ear = sentence_model(settings)
    with (
        tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as said,
        subprocess.Popen(
            engine.parse_command(model),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=said,
            cwd=ROOT,
            env=engine.environment(settings),
            encoding="utf-8",
        ) as process,
    ):
        for text in texts:
            verdict = ""
            try:
                print(json.dumps(engine_text(text)), file=process.stdin, flush=True)
                verdict = screen(text, ear).verdict  # while the engine reads
                answer = process.stdout.readline() if process.stdout else ""
            except BrokenPipeError:
                answer = ""
            if not answer:
                with suppress(BrokenPipeError):
                    process.communicate()
                said.seek(0)
                raise SettingsError(f"the engine could not parse: {said.read().strip().splitlines()[-1:]}")
            row = json.loads(answer)
            yield {
                "text": text,
                "intent": _contract_intent(row),
                "confidence": round(float(row["confidence"] or 0.0), 4),
                "screen": verdict,
            }


def _contract_intent(row: dict[str, Any]) -> str:
    """The intent's name; where the engine was unsure, the likeliest one (its confidence tells)."""
    if row["intent"] not in (None, "nlu_fallback"):
        return str(row["intent"])
    ranked = [name for name, _ in row["ranking"] if name not in (None, "nlu_fallback")]
    return str(ranked[0]) if ranked else "out_of_scope"


def search(
    file: File,
    pool: Annotated[Path, typer.Option(help='JSON Lines {"pid", "text"}', exists=True, dir_okay=False)],
) -> None:
    from language.retrieve import contract_search

    embedder = sentence_model(load_settings(), threads=2)
    with answering() as wrong:
        entries = rows(str(pool), "text", ("pid",), wrong)
        queries = rows(file, "query", wrong=wrong)
        for row in contract_search(embedder, entries, queries, sys.stderr if sys.stderr.isatty() else None):
            write(row)


def when(
    file: File,
    now: Annotated[datetime, typer.Option(help="the moment it is said, local, e.g. 2026-11-22T10:00")],
) -> None:
    from language.when import contract_row

    with answering() as wrong:
        for row in rows(file, "text", wrong=wrong):
            write(contract_row(row["text"], now))


def triage(file: File) -> None:
    from language.triage import contract_row

    ear = sentence_model(load_settings())
    with answering() as wrong:
        for row in rows(file, "text", wrong=wrong):
            write(contract_row(row["text"], ear))


def sentence_model(settings: Settings, threads: int = 1) -> Embedder:
    """What turns texts into vectors. Raises `SettingsError` when it has not been built."""
    from language.embed import Embedder, EmbedderError

    try:
        return Embedder(settings.models / "sentence-onnx", threads=threads)
    except EmbedderError as error:
        raise SettingsError(f"{error} (`make setup` does it)") from error
