"""A revision's history: list, read, compare, roll back. Nothing here commits."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import defer

from content.articles import service, workflow
from content.articles.doc import ArticleDoc
from content.articles.models import Article, ArticleRevision
from web.signin.models import StaffUser

Op = Literal["same", "removed", "added"]


@dataclass(frozen=True, slots=True)
class Piece:
    """A run of words that stayed, went or came."""

    op: Op
    text: str


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a comparison: `op` same, removed, added or changed (then `pieces` mixes what went and what came)."""

    op: Literal["same", "removed", "added", "changed"]
    pieces: tuple[Piece, ...]
    old: int | None
    new: int | None


@dataclass(frozen=True, slots=True)
class FieldDiff:
    """What became of one field of the document; `field` is its name in `ArticleDoc`."""

    field: str
    lines: tuple[Line, ...]


async def history(session: AsyncSession, article_id: UUID) -> Sequence[ArticleRevision]:
    """Newest first, without the texts (`doc` is loaded by `service.revision`)."""
    return (
        await session.scalars(
            select(ArticleRevision)
            .where(ArticleRevision.article_id == article_id)
            .order_by(ArticleRevision.number.desc())
            .options(defer(ArticleRevision.doc, raiseload=True))
        )
    ).all()


async def roll_back(
    session: AsyncSession, article: Article, number: int, *, staff: StaffUser, now: datetime, note: str = ""
) -> ArticleRevision:
    """A new revision with the text of revision `number`, in review: what was signed once is signed again before patients
    read it. The draft there is stays as it is until that is published. Raises `ArticleError`, `NotFound`."""
    old = await service.revision(session, article.id, number)
    doc = ArticleDoc.from_json(old.doc)
    revision = await workflow.hand_in(
        session, article, doc, staff=staff, now=now, note=note, from_revision=number
    )
    service.note(session, staff, "roll_back", article.slug, now, revision=revision.number, to=number)
    return revision


def compare(old: ArticleDoc, new: ArticleDoc) -> list[FieldDiff]:
    """The fields that differ, in the document's order; Chinese text word by word within changed lines."""
    before, after = _lines_of(old), _lines_of(new)
    return [
        FieldDiff(name, tuple(lines_between(before[name], after[name])))
        for name in before
        if before[name] != after[name]
    ]


def _lines_of(doc: ArticleDoc) -> dict[str, list[str]]:
    """Each field as lines of text."""
    raw = doc.to_json()
    found: dict[str, list[str]] = {}
    for name, value in raw.items():
        if name == "variations":
            found[name] = [
                line for one in doc.variations for line in (f"[{one.name}]", *one.body.split("\n"))
            ]
        elif isinstance(value, list):
            found[name] = [
                " ".join(map(str, one.values())) if isinstance(one, dict) else str(one) for one in value
            ]
        elif isinstance(value, dict):
            found[name] = [f"{key}: {one}" for key, one in value.items() if one not in (None, [], "")]
        else:
            found[name] = [] if value in (None, "") else str(value).split("\n")
    return found


def lines_between(old: Sequence[str], new: Sequence[str]) -> Iterator[Line]:
    """The comparison line by line; a replaced line is compared word by word with the one that takes its place."""
    matcher = difflib.SequenceMatcher(None, old, new, autojunk=False)
    for tag, a, b, c, d in matcher.get_opcodes():
        if tag == "equal":
            for n in range(b - a):
                yield Line("same", (Piece("same", old[a + n]),), a + n + 1, c + n + 1)
            continue
        paired = min(b - a, d - c) if tag == "replace" else 0
        for n in range(paired):
            yield _changed(old[a + n], new[c + n], a + n + 1, c + n + 1)
        for n in range(a + paired, b):
            yield Line("removed", (Piece("removed", old[n]),), n + 1, None)
        for n in range(c + paired, d):
            yield Line("added", (Piece("added", new[n]),), None, n + 1)


_WORD = re.compile(r"[A-Za-z]+|\d+(?:\.\d+)?|\s+|.", re.DOTALL)
"""Chinese is compared character by character, letters and numbers whole."""


def _changed(old: str, new: str, old_line: int, new_line: int) -> Line:
    ours, theirs = _WORD.findall(old), _WORD.findall(new)
    pieces: list[Piece] = []
    for tag, a, b, c, d in difflib.SequenceMatcher(None, ours, theirs, autojunk=False).get_opcodes():
        if tag == "equal":
            pieces.append(Piece("same", "".join(ours[a:b])))
            continue
        if b > a:
            pieces.append(Piece("removed", "".join(ours[a:b])))
        if d > c:
            pieces.append(Piece("added", "".join(theirs[c:d])))
    return Line("changed", tuple(pieces), old_line, new_line)
