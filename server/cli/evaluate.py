"""`eval`: how well it understands, on any labelled file or on our own sets, as figures and as a report."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
import yaml

from server.settings import ROOT, SettingsError, load_settings

if TYPE_CHECKING:
    from language.embed import Embedder
    from language.evaluation.figures import Evaluation

SETS = ROOT / "data" / "nlu_eval"
FLOORS = SETS / "floors.yml"
SAID_AT = datetime.fromisoformat("2026-11-22T10:00")
"""When the phrases of our own sets were said, where a row does not tell."""


class Kind(StrEnum):
    INTENTS = "intents"
    FAQ = "faq"
    ARTICLES = "articles"
    WHEN = "when"
    TRIAGE = "triage"
    SCREEN = "screen"
    SENTIMENT = "sentiment"


OWN: dict[Kind, tuple[str, ...]] = {
    Kind.INTENTS: ("intents_held_out.jsonl",),
    Kind.FAQ: ("faq_held_out.jsonl", "faq_held_out_indirect.jsonl", "faq_fresh.jsonl"),
    Kind.ARTICLES: ("articles_fresh.jsonl", "articles_fresh2.jsonl"),
    Kind.WHEN: ("when_cases.jsonl",),
    Kind.TRIAGE: ("triage_cases.jsonl",),
    Kind.SCREEN: (
        *("screen_cases.jsonl", "screen_batch.jsonl", "screen_fresh.jsonl"),
        *("screen_more.jsonl", "screen_fresh2.jsonl", "screen_fresh3.jsonl"),
        *("screen_english.jsonl", "screen_english_fresh.jsonl"),
    ),
    Kind.SENTIMENT: ("sentiment_held_out.jsonl",),
}


def add_to(app: typer.Typer) -> None:
    app.command(
        "eval",
        help="How well it understands: figures of our own sets, or of a labelled FILE for one kind.\n\n"
        "Example: ./banyi eval triage my-complaints.jsonl --report var/report.html",
    )(evaluate)


def evaluate(
    kind: Annotated[Kind | None, typer.Argument(help="one kind; none: all of them")] = None,
    file: Annotated[Path | None, typer.Argument(help="labelled JSON Lines; none: our own sets")] = None,
    report: Annotated[Path | None, typer.Option(help="write an HTML report here")] = None,
    now: Annotated[datetime, typer.Option(help="when the phrases of `when` are said, local")] = SAID_AT,
    check: Annotated[bool, typer.Option(help="end with 1 where our own sets fall under their floor")] = False,
) -> None:
    from language.evaluation.report import html, shown, words

    if file is not None and kind is None:
        raise SettingsError(
            "say which kind FILE is for: intents, faq, articles, when, triage, screen or sentiment"
        )
    done = []
    for one in [kind] if kind is not None else list(Kind):
        made = _run(one, [file] if file is not None else [SETS / name for name in OWN[one]], now)
        done.append(made)
        typer.echo(words()["sets"][one.value]["title"])
        for name, value in made.numbers.items():
            typer.echo(f"  {name:<20}{shown(name, value)}")
    if report is not None:
        report.parent.mkdir(parents=True, exist_ok=True)
        of = str(file) if file is not None else "data/nlu_eval"
        report.write_text(html(done, {"数据": of}), "utf-8")
        typer.echo(f"✓ {report}")
    fallen = under_floor(done) if check and file is None else []
    for line in fallen:
        typer.echo(f"✗ {line}", err=True)
    if fallen:
        raise typer.Exit(1)


def under_floor(evaluations: Sequence[Evaluation]) -> list[str]:
    """What is worse than `floors.yml` allows: figures under their `least`, or over their `most`."""
    floors: dict[str, dict[str, dict[str, float]]] = yaml.safe_load(FLOORS.read_text("utf-8"))
    fallen = []
    for one in evaluations:
        for name, limits in floors.get(one.name, {}).items():
            value = one.numbers[name]
            if value < limits.get("least", value) or value > limits.get("most", value):
                fallen.append(f"{one.name}: {name} is {value:.4f}, allowed is {limits}")
    return fallen


def _run(kind: Kind, files: Sequence[Path], now: datetime) -> Evaluation:
    from language.evaluation import sets
    from server.cli.lines import rows

    first = sets.needs(kind.value)[0]
    held: list[dict[str, Any]] = []
    for path in files:
        try:
            held += sets.checked(kind.value, rows(str(path), first), str(path))
        except ValueError as error:
            raise SettingsError(str(error)) from error
    if not held:
        raise SettingsError(f"{', '.join(map(str, files))}: no rows to judge by")
    match kind:
        case Kind.INTENTS:
            return sets.intents(held, _parsed(held))
        case Kind.TRIAGE:
            return sets.triage(held, _embedder())
        case Kind.WHEN:
            return sets.when(held, now)
        case Kind.SCREEN:
            return sets.safety(held, _embedder())
        case Kind.SENTIMENT:
            return sets.sentiment(held, _moods())
        case Kind.FAQ:
            search, answer_from = _retriever()
            return sets.faq(held, search, answer_from)
        case Kind.ARTICLES:
            search, answer_from = _articles()
            return sets.faq(held, search, answer_from, "articles")


def _parsed(held: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    from server.cli.language import parsed

    return list(parsed([str(row["text"]) for row in held]))


def _embedder() -> Embedder:
    from language.embed import Embedder

    return Embedder(load_settings().models / "sentence-onnx", threads=2)


def _moods() -> Callable[[str], Any]:
    """The judge of moods behind the house's embedder."""
    from functools import partial

    from language.embed import embed_one
    from language.sentiment import judge

    return partial(judge, embed=partial(embed_one, _embedder()))


def _retriever() -> tuple[Callable[[str, int], Sequence[Any]], float]:
    """The seed's FAQ behind the house's retriever."""
    from content.faq.service import read_folder
    from language.retrieve import HybridIndex

    index = HybridIndex(_embedder())
    entries = read_folder(ROOT / "data" / "seed" / "faq")
    index.add_many([(str(one["id"]), [str(one["question"]), *map(str, one["similar"])]) for one in entries])
    return index.search, index.settings.answer_from


def _articles() -> tuple[Callable[[str, int], Sequence[Any]], float]:
    """The seed library behind the house's retriever."""
    from content.articles import samples, search, texts
    from language.illnesses import named
    from language.retrieve import Hit, HybridIndex
    from store.ids import new_id

    index = HybridIndex(_embedder(), search.settings())
    library = [texts.text_of(new_id(), one.slug, 1, one.doc) for one in samples.read_library()]
    index.add_many([(one.slug, search.searched(one)) for one in library])
    told, least = {one.slug: search.spoken_of(one) for one in library}, index.settings.answer_from

    def find(text: str, k: int) -> Sequence[Hit]:
        asked = named(text)
        hits = [
            one._replace(score=search.judged(one, asked, told[one.id], least))
            for one in index.search(text, k)
        ]
        return sorted(hits, key=lambda one: -one.score)

    return find, least
