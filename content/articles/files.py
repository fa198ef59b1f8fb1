"""Articles as files: Markdown with YAML front matter, one article a file, in both directions.

The front matter's names are those of the seed library (`data/seed/articles`); what is not set may be left out, and is left out when
written, but for the names every file has.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

import yaml

from content.articles.doc import ArticleDoc
from content.articles.errors import say

ALWAYS = (
    "slug", "title", "summary", "topic", "conditions", "stage", "for", "form", "sms", "questions", "sources", "author",
    "ai_made", "sample", "related", "video",
)  # fmt: skip
"""Names every written file has, in this order."""
MAYBE = ("reviewer", "cover", "review_by", "expires_on", "variations", "wechat")
LARGEST = 1_000_000
"""Bytes of one file that are read at all."""
_LISTS = ("conditions", "questions", "related")


class Unreadable(ValueError):
    """A file is not an article; the message (Chinese) says which field and why."""

    def __init__(self, field: str, code: str, **values: object) -> None:
        super().__init__(say("imports", code, **values))
        self.field = field


def read(text: str) -> tuple[str, ArticleDoc]:
    """The slug and the document of one file's text. Raises `Unreadable`."""
    text = text.removeprefix("\ufeff").replace("\r\n", "\n")
    if not text.startswith("---\n") or "\n---\n" not in text[3:]:
        raise Unreadable("file", "no_front_matter")
    front, body = text[4:].split("\n---\n", 1) if not text.startswith("---\n---\n") else ("", text[8:])
    try:
        raw = yaml.safe_load(f"{front}\n") or {}
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        raise Unreadable("file", "front_matter", line=mark.line + 2 if mark else 1) from error
    if not isinstance(raw, dict):
        raise Unreadable("file", "front_matter", line=1)
    return doc_of({**raw, "body": body.strip() + "\n" if body.strip() else ""})


def doc_of(raw: Mapping[str, Any]) -> tuple[str, ArticleDoc]:
    """Slug and document of plain values under the front matter's names. Raises `Unreadable`."""
    for name in raw:
        if name not in ALWAYS and name not in MAYBE and name != "body":
            raise Unreadable(str(name), "unknown_field", value=name)
    values = {name: value for name, value in raw.items() if value is not None}
    for name in _LISTS:
        if not isinstance(values.get(name, []), list):
            raise Unreadable(name, "not_a_list")
    for name in ("ai_made", "sample"):
        if not isinstance(values.get(name, False), bool):
            raise Unreadable(name, "not_yes_no")
    for name in ("sources", "variations"):
        given = values.get(name, [])
        if not isinstance(given, list) or not all(isinstance(one, dict) for one in given):
            raise Unreadable(name, "not_a_list_of_fields")
    for name in ("for", "video"):
        if not isinstance(values.get(name, {}), dict):
            raise Unreadable(name, "not_fields")
    texts = [name for name in (*ALWAYS, *MAYBE, "body") if isinstance(values.get(name), int | float | date)]
    for name in texts:
        if name not in ("ai_made", "sample", "review_by", "expires_on"):
            values[name] = str(values[name])
    values["audience"] = values.pop("for", {})
    slug = str(values.pop("slug", "") or "")
    if not slug:
        raise Unreadable("slug", "missing")
    try:
        return slug, ArticleDoc.from_json(values)
    except (ValueError, TypeError, KeyError, AttributeError, IndexError) as error:
        field = next(
            (name for name in ("review_by", "expires_on") if isinstance(values.get(name), str)), "for"
        )
        raise Unreadable(field, "not_understood", value=str(error)[:80]) from error


def plain_values(slug: str, doc: ArticleDoc) -> dict[str, Any]:
    """The values of a file, in order, `body` last; `doc_of` reads them back."""
    raw = doc.to_json()
    audience = raw.pop("audience")
    found: dict[str, Any] = {"slug": slug}
    raw["for"] = {name: audience[name] for name in ("min_age", "max_age", "sex", "weeks")}
    raw["sources"] = [
        {name: value for name, value in one.items() if value not in ("", None)} for one in raw["sources"]
    ]
    raw["variations"] = [
        {
            "name": one["name"],
            "when": {name: value for name, value in one["when"].items() if value not in (None, [])},
            **({"replaces": one["replaces"]} if one["replaces"] else {}),
            "body": one["body"],
        }
        for one in raw["variations"]
    ]
    found |= {name: raw[name] for name in ALWAYS if name != "slug"}
    found |= {name: raw[name] for name in MAYBE if raw[name] not in ("", [], None)}
    return {**found, "body": raw["body"]}


def write(slug: str, doc: ArticleDoc) -> str:
    """One file's text; `read` gives the same slug and document again."""
    values = plain_values(slug, doc)
    body = values.pop("body")
    front = yaml.dump(values, Dumper=_Dumper, allow_unicode=True, sort_keys=False, width=1000)
    return f"---\n{front}---\n{body.strip()}\n" if body.strip() else f"---\n{front}---\n"


class _Dumper(yaml.SafeDumper):
    """Texts of several lines as blocks, short lists in one line."""


def _text(dumper: yaml.SafeDumper, value: str) -> yaml.Node:
    style = "|" if "\n" in value else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=style)


def _list(dumper: yaml.SafeDumper, value: list[Any]) -> yaml.Node:
    short = not any(isinstance(one, dict) for one in value)
    return dumper.represent_sequence("tag:yaml.org,2002:seq", value, flow_style=short)


_Dumper.add_representer(str, _text)
_Dumper.add_representer(list, _list)
