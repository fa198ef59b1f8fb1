"""Loading FAQ entries: all or nothing, with the row that is wrong named."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import yaml
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from content.faq.models import FaqEntry
from language.normalise import fold

_READ = ("category", "question", "similar", "keywords", "answer", "sms", "source")
_NEEDED = ("question", "answer", "sms", "source")


class FaqError(ValueError):
    """Rows that cannot be taken; the message lists each with its number and what is wrong."""


def read_folder(folder: Path) -> list[dict[str, Any]]:
    """All entries of the YAML files in `folder`."""
    return [
        entry
        for path in sorted(folder.glob("*.yml"))
        for entry in yaml.safe_load(path.read_text("utf-8")).get("entries") or []
    ]


async def load(session: AsyncSession, rows: Sequence[dict[str, Any]], now: datetime) -> int:
    """Insert or change entries by `id`; returns how many changed. Raises `FaqError` and changes nothing."""
    problems = [f"row {n}: {problem}" for n, row in enumerate(rows, 1) for problem in _problems(row)]
    if problems:
        raise FaqError("\n".join(problems))
    known = {entry.slug: entry for entry in await session.scalars(select(FaqEntry))}
    changed = 0
    for row in rows:
        values = {name: row.get(name) or ([] if name in ("similar", "keywords") else "") for name in _READ}
        values["category"] = values["category"] or "-"
        entry = known.get(str(row["id"]))
        if entry is None:
            entry = FaqEntry(slug=str(row["id"]), status="published", revision=1, changed_at=now, **values)
            session.add(entry)
            known[entry.slug] = entry
            changed += 1
        elif any(getattr(entry, name) != value for name, value in values.items()):
            for name, value in values.items():
                setattr(entry, name, value)
            entry.revision += 1
            entry.changed_at = now
            changed += 1
    await session.flush()
    return changed


def _problems(row: dict[str, Any]) -> list[str]:
    found = [f"'{name}' is missing" for name in ("id", *_NEEDED) if not str(row.get(name) or "").strip()]
    for name in ("similar", "keywords"):
        if row.get(name) is not None and not isinstance(row[name], list):
            found.append(f"'{name}' must be a list")
    return found


async def clashes(session: AsyncSession) -> list[tuple[str, str, str]]:
    """(text, entry, other entry) of published entries that hold the same question but for punctuation and particles."""
    owner: dict[str, str] = {}
    found: list[tuple[str, str, str]] = []
    for entry in await published(session):
        for text in dict.fromkeys([entry.question, *entry.similar]):
            first = owner.setdefault(fold(text), entry.slug)
            if first != entry.slug:
                found.append((text, first, entry.slug))
    return found


async def published(session: AsyncSession) -> list[FaqEntry]:
    return list(
        await session.scalars(select(FaqEntry).where(FaqEntry.status == "published").order_by(FaqEntry.slug))
    )
