"""An entry as its form holds it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

from fastapi import Form

from content.faq.models import FaqEntry
from language.normalise import clean

LONGEST = 4000
"""Characters of one field that are taken at all."""


@dataclass(frozen=True, slots=True)
class EntryForm:
    """`seen`: entries with nearly the same question that the editor was shown and saves in spite of."""

    question: str = ""
    similar: list[str] = field(default_factory=list)
    category: str = ""
    answer: str = ""
    source: str = ""
    sms: str = ""
    keywords: list[str] = field(default_factory=list)
    publish: bool = False
    seen: list[str] = field(default_factory=list)

    @property
    def status(self) -> str:
        return "published" if self.publish else "draft"

    def values(self) -> dict[str, Any]:
        """The fields of an entry; a draft may lack some."""
        return {
            "question": self.question,
            "similar": self.similar,
            "category": self.category or "-",
            "answer": self.answer,
            "source": self.source,
            "sms": self.sms,
            "keywords": self.keywords,
        }

    @classmethod
    def of(cls, entry: FaqEntry) -> EntryForm:
        return cls(
            question=entry.question,
            similar=list(entry.similar),
            category="" if entry.category == "-" else entry.category,
            answer=entry.answer,
            source=entry.source,
            sms=entry.sms,
            keywords=list(entry.keywords),
        )


def entry_form(
    question: Annotated[str, Form(max_length=200)] = "",
    similar: Annotated[str, Form(max_length=LONGEST)] = "",
    category: Annotated[str, Form(max_length=60)] = "",
    answer: Annotated[str, Form(max_length=LONGEST)] = "",
    source: Annotated[str, Form(max_length=200)] = "",
    sms: Annotated[str, Form(max_length=LONGEST)] = "",
    keywords: Annotated[str, Form(max_length=LONGEST)] = "",
    action: Annotated[Literal["publish", "draft"], Form()] = "draft",
    seen: Annotated[str, Form(max_length=LONGEST)] = "",
) -> EntryForm:
    """Dependency: what was sent, tidied. Similar questions are lines, keywords stand apart by spaces or commas."""
    return EntryForm(
        question=_line(question),
        similar=[text for line in similar.splitlines() if (text := _line(line))],
        category=_line(category),
        answer=clean(answer).replace("\r\n", "\n").strip(),
        source=_line(source),
        sms=_line(sms),
        keywords=list(_line(keywords).replace("，", " ").replace(",", " ").replace("、", " ").split()),
        publish=action == "publish",
        seen=[slug for slug in seen.split(",") if slug],
    )


def _line(text: str) -> str:
    return " ".join(clean(text).split())
