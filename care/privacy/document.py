"""The export as a document somebody can read. CPU-bound: call it in a thread."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from care.privacy.holdings import book
from care.privacy.texts import texts
from care.privacy.words import words
from web.paper import SOFT, Paper

LINES = 500
"""Of one list; the JSON beside it has all of them."""


def document(content: Mapping[str, Any], *, hospital: str, zone: ZoneInfo) -> bytes:
    """A PDF of what `export.collect` gathered."""

    def moment(iso: str) -> str:
        return f"{datetime.fromisoformat(iso).astimezone(zone):%Y-%m-%d %H:%M}"

    made = datetime.fromisoformat(content["made_at"])
    about = words("pdf", "about", hospital=hospital, made=moment(content["made_at"]))
    title = words("pdf", "title")
    paper = Paper(title, about, made, lambda page, pages: words("pdf", "page", page=page, pages=pages))
    paper.say(title, 22, after=3)
    paper.say(words("pdf", "note"), 9, SOFT, after=4)
    of: dict[str, list[dict[str, Any]]] = {}
    for entry in content["fhir"]["entry"]:
        of.setdefault(entry["resource"]["resourceType"], []).append(entry["resource"])

    def part(code: str, heads: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
        lines = list(rows)
        paper.heading(words("pdf", code), 30)
        if not lines:
            paper.say(words("pdf", "nothing"), 10, SOFT)
            return
        paper.put_table([[words("pdf", head) for head in heads], *lines[:LINES]], total=False)

    kinds = book().kinds
    part("held", ("kind", "number"), ([kinds[kind], str(number)] for kind, number in content["held"].items()))
    part("person", ("names", "numbers", "phone"), map(_person, of.get("Patient", ())))
    part(
        "visits",
        ("when", "what"),
        (
            [
                moment(one["start"]),
                f"{one['serviceType'][0]['text']} {one['participant'][1]['actor']['display']} "
                f"{words('statuses', one['status'])}",
            ]
            for one in of.get("Appointment", ())
        ),
    )
    part(
        "conditions",
        ("when", "what"),
        ([one["recordedDate"], one["code"]["text"]] for one in of.get("Condition", ())),
    )
    part(
        "reports",
        ("when", "what"),
        ([moment(one["effectiveDateTime"]), one["code"]["text"]] for one in of.get("DiagnosticReport", ())),
    )
    part(
        "answers",
        ("when", "what"),
        (
            [moment(one["authored"]), f"{item['text']} {_answer(item['answer'])}"]
            for one in of.get("QuestionnaireResponse", ())
            for item in one["item"]
        ),
    )
    part(
        "consents",
        ("when", "what"),
        ([moment(one["at"]), _consent(one)] for one in content["consents"]),
    )
    part(
        "messages",
        ("when", "who", "what"),
        (
            [moment(one["at"]), words("pdf", "you" if one["from"] == "you" else "hospital"), one["text"]]
            for one in content["messages"]
        ),
    )
    return bytes(paper.output())


def _person(one: Mapping[str, Any]) -> list[str]:
    name = f"{one['name'][0]['text']} {words('sexes', one['gender'])} {one.get('birthDate', '')}"
    numbers = " ".join(number["value"] for number in one["identifier"])
    return [name, numbers, " ".join(way["value"] for way in one.get("telecom", ()))]


def _answer(values: Sequence[Mapping[str, Any]]) -> str:
    return "\u3001".join(str(value) for one in values for value in one.values())


def _consent(one: Mapping[str, Any]) -> str:
    known = {purpose.value: text.title for purpose, text in texts().items()}
    said = words("pdf", "agreed" if one["granted"] else "withdrawn")
    return f"{said} {known.get(one['purpose'], one['purpose'])}"
