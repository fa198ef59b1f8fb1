"""Publishing definitions: a version is a meaning, a revision its wording, and a stored row never changes."""

from __future__ import annotations

import json
from collections.abc import Sequence
from copy import deepcopy
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from care.questionnaires import extensions as ext
from care.questionnaires.checking import check
from care.questionnaires.definition import read_definition
from care.questionnaires.differences import differences
from care.questionnaires.errors import DefinitionError
from care.questionnaires.models import Questionnaire
from care.questionnaires.paths import FOLDER
from care.rows import add_new

MOST_NAMED = 3
"""How many changes a refusal names."""


async def publish(
    session: AsyncSession, definition: dict[str, Any], now: datetime, *, by: UUID | None = None
) -> Questionnaire:
    """Store a version, or the next revision of one; what is published already is returned as it is.

    Raises `DefinitionError`, also when the meaning changed under the version's old number. A response keeps to the row it began with.
    """
    checked = check(definition)
    before = await newest_of(session, checked.name, checked.version)
    if before is not None:
        found = differences(read_definition(before.definition), checked)
        meant = [one.said for one in found if one.meaning]
        if meant:
            raise DefinitionError(
                "meaning", None, version=checked.version, changes="；".join(meant[:MOST_NAMED])
            )
        if not found:
            if before.retired_at is not None:
                before.retired_at, before.published_at, before.published_by = None, now, by
                await session.flush()
            return before
    revision = 1 if before is None else before.revision + 1
    row = Questionnaire(
        name=checked.name,
        version=checked.version,
        revision=revision,
        title=checked.title,
        definition=revised(definition, revision),
        published_at=now,
        published_by=by,
    )
    if not await add_new(session, row):
        raise DefinitionError("published_meanwhile", None, version=checked.version)
    return await _get(session, row.name, row.version, revision)


async def publish_shipped(session: AsyncSession, now: datetime) -> int:
    """Publish every definition in `data/seed/questionnaires/` that is not stored in its revision or a later one.

    Idempotent; returns how many files there are.
    """
    files = sorted(FOLDER.glob("*.json"))
    stored = await session.execute(select(Questionnaire.name, Questionnaire.version, Questionnaire.revision))
    known = {(name, version, revision) for name, version, revision in stored}
    for file in files:
        raw = json.loads(file.read_text(encoding="utf-8"))
        mine = read_definition(raw)
        if not any(row[:2] == (mine.name, mine.version) and row[2] >= mine.revision for row in known):
            await publish(session, raw, now)
    return len(files)


async def latest(session: AsyncSession, name: str) -> Questionnaire | None:
    """The newest published state of a questionnaire; None when there is none, or it is retired."""
    rows = await history(session, name)
    return rows[0] if rows and rows[0].retired_at is None else None


async def history(session: AsyncSession, name: str) -> Sequence[Questionnaire]:
    """Every published version and revision, newest first."""
    query = select(Questionnaire).where(Questionnaire.name == name)
    return (
        await session.scalars(query.order_by(Questionnaire.published_at.desc(), Questionnaire.id.desc()))
    ).all()


async def newest_of(session: AsyncSession, name: str, version: str) -> Questionnaire | None:
    """The last revision of a version."""
    query = select(Questionnaire).where(Questionnaire.name == name, Questionnaire.version == version)
    return (await session.scalars(query.order_by(Questionnaire.revision.desc()).limit(1))).first()


async def current(session: AsyncSession) -> Sequence[Questionnaire]:
    """The newest state of every questionnaire, retired ones too, by title."""
    rows = await session.scalars(select(Questionnaire).order_by(Questionnaire.published_at, Questionnaire.id))
    newest = {row.name: row for row in rows}
    return sorted(newest.values(), key=lambda row: row.title)


async def retire(session: AsyncSession, name: str, now: datetime) -> bool:
    """No new responses to this questionnaire; those under way are finished. False when it was not live."""
    mine = (Questionnaire.name == name, Questionnaire.retired_at.is_(None))
    done = await session.execute(
        update(Questionnaire).where(*mine).values(retired_at=now).returning(Questionnaire.id)
    )
    return bool(done.all())


def revised(definition: dict[str, Any], revision: int) -> dict[str, Any]:
    """A copy that says its revision."""
    copy = deepcopy(definition)
    others = [one for one in copy.get("extension") or [] if one.get("url") != ext.REVISION]
    copy["extension"] = [*others, {"url": ext.REVISION, "valueInteger": revision}]
    return copy


async def _get(session: AsyncSession, name: str, version: str, revision: int) -> Questionnaire:
    mine = (Questionnaire.name == name, Questionnaire.version == version, Questionnaire.revision == revision)
    return (await session.scalars(select(Questionnaire).where(*mine))).one()
