"""Drafts of questionnaires: begun, changed, handed in, published by a second person where they are clinical."""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from care.questionnaires import publishing
from care.questionnaires.checking import check
from care.questionnaires.definition import read_definition
from care.questionnaires.differences import Difference, differences
from care.questionnaires.editor.models import QuestionnaireDraft
from care.questionnaires.errors import DefinitionError
from care.questionnaires.models import Questionnaire
from care.questionnaires.parts import Definition
from store import audit
from web.signin.models import Role, StaffUser


class DraftError(ValueError):
    """What was asked for cannot be done; the message says what to do. `key`: of the words in `definition_words.yml`."""

    def __init__(self, key: str) -> None:
        super().__init__(key)
        self.key = key


@dataclass(frozen=True, slots=True)
class Entry:
    """A questionnaire as the list shows it: its newest published state, its draft, or both."""

    name: str
    title: str
    live: Questionnaire | None
    draft: QuestionnaireDraft | None


async def listed(session: AsyncSession) -> list[Entry]:
    """Every questionnaire by title."""
    live = {row.name: row for row in await publishing.current(session)}
    drafts = {row.name: row for row in await session.scalars(select(QuestionnaireDraft))}
    found = []
    for name in live.keys() | drafts.keys():
        row, draft = live.get(name), drafts.get(name)
        title = row.title if row is not None else draft.title if draft is not None else name
        found.append(Entry(name, title, row, draft))
    return sorted(found, key=lambda one: (one.title, one.name))


async def get(session: AsyncSession, name: str) -> QuestionnaireDraft | None:
    return await session.get(QuestionnaireDraft, name)


async def save(
    session: AsyncSession,
    raw: dict[str, Any],
    *,
    staff: StaffUser | None,
    now: datetime,
    edition: int | None = None,
) -> QuestionnaireDraft:
    """Keep `raw` as the draft of its name, right or not. Raises `DraftError` if somebody saved after `edition`."""
    name, title = str(raw.get("name") or "").strip(), str(raw.get("title") or "").strip()
    if not name or not title:
        raise DefinitionError("missing", None, field="title" if name else "name")
    by = staff.id if staff is not None else None
    draft = await session.get(QuestionnaireDraft, name, with_for_update=True)
    if draft is None:
        if edition is not None:
            raise DraftError("draft_gone")
        draft = QuestionnaireDraft(name=name, edition=0, writers=[])
        session.add(draft)
    elif edition is not None and edition != draft.edition:
        raise DraftError("overtaken")
    draft.title, draft.definition = title[:120], raw
    draft.edition += 1
    draft.writers = sorted({*draft.writers, *([str(by)] if by else [])})
    draft.edited_at, draft.edited_by, draft.submitted_at = now, by, None
    await session.flush()
    return draft


async def begin(session: AsyncSession, name: str, *, staff: StaffUser, now: datetime) -> QuestionnaireDraft:
    """The draft under way, or one of the newest published state. Raises `DraftError` when there is neither."""
    draft = await get(session, name)
    if draft is not None:
        return draft
    rows = await publishing.history(session, name)
    if not rows:
        raise DraftError("gone")
    draft = await save(session, deepcopy(rows[0].definition), staff=staff, now=now)
    draft.writers = []
    return draft


async def discard(session: AsyncSession, name: str) -> None:
    draft = await get(session, name)
    if draft is not None:
        await session.delete(draft)


async def changed(session: AsyncSession, name: str, after: Definition) -> list[Difference]:
    """What sets it apart from the newest published state; nothing where that is the first."""
    rows = await publishing.history(session, name)
    return differences(read_definition(rows[0].definition), after) if rows else []


async def hand_in(session: AsyncSession, draft: QuestionnaireDraft, *, now: datetime) -> None:
    """Ready for a second person. Another meaning gets the next version number by itself. Raises `DefinitionError`, `DraftError`."""
    definition = check(draft.definition)
    if not definition.copyright:
        raise DefinitionError("no_permission")
    for rule in definition.flags:
        if not rule.source:
            raise DefinitionError("no_source", rule.code)
    rows = await publishing.history(session, draft.name)
    found = differences(read_definition(rows[0].definition), definition) if rows else []
    if rows and not found and rows[0].retired_at is None:
        raise DraftError("nothing_new")
    if any(one.meaning for one in found) and any(row.version == definition.version for row in rows):
        draft.definition = {**draft.definition, "version": next_version(rows)}
    draft.submitted_at = now


async def publish(
    session: AsyncSession, draft: QuestionnaireDraft, *, staff: StaffUser, now: datetime
) -> Questionnaire:
    """Publish what was handed in; the draft goes. Raises `DefinitionError`, `DraftError`."""
    if draft.submitted_at is None:
        raise DraftError("not_handed_in")
    refused = await refusal(session, draft, staff)
    if refused is not None:
        raise DraftError(refused)
    row = await publishing.publish(session, draft.definition, now, by=staff.id)
    await session.delete(draft)
    return row


async def refusal(session: AsyncSession, draft: QuestionnaireDraft, staff: StaffUser) -> str | None:
    """Why this person may not publish it, if so: a clinical one takes a clinical reviewer who did not write it."""
    if not await clinical(session, draft):
        return None
    if Role.CLINICAL_REVIEWER not in staff.roles and Role.ADMIN not in staff.roles:
        return "reviewer_only"
    return "own_work" if str(staff.id) in draft.writers else None


async def clinical(session: AsyncSession, draft: QuestionnaireDraft) -> bool:
    """Follow-up, or with red flags; and what was once clinical stays so, whatever the draft says of itself."""
    rows = await publishing.history(session, draft.name)
    states = [draft.definition, *(row.definition for row in rows[:1])]
    return any(one.purpose == "follow_up" or one.flags for one in map(read_definition, states))


def next_version(rows: Sequence[Questionnaire]) -> str:
    """The number after the highest; versions that are no numbers do not count."""
    return str(max((int(row.version) for row in rows if row.version.isdigit()), default=0) + 1)


def note(
    session: AsyncSession, staff_id: UUID | None, action: str, name: str, now: datetime, **detail: Any
) -> None:
    """What was done, for the audit trail."""
    actor = audit.subject_of("staff", staff_id) if staff_id is not None else "system"
    audit.record(session, actor=actor, action=action, subject=f"questionnaire:{name}", at=now, detail=detail)
