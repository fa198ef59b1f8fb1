"""Drafts of plans: begun, changed, changes taken back, handed in, published by a second person who reviews clinically."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncSession

from care.plans import publishing
from care.plans.definition import Plan, read_plan
from care.plans.editor.models import PlanDraftState
from care.plans.models import PlanDefinition, PlanDraft
from care.plans.publishing import Published
from store import audit
from web.signin.models import Role, StaffUser

Raw = dict[str, Any]
KEPT = 50
"""Changes of a draft that can be taken back."""


class DraftError(ValueError):
    """What was asked for cannot be done. `key`, `values`: of the words in `plan_desk_words.yml`."""

    def __init__(self, key: str, **values: object) -> None:
        super().__init__(key)
        self.key, self.values = key, values


@dataclass(frozen=True, slots=True)
class Entry:
    """A plan as the list shows it: its newest published state, its draft, or both."""

    name: str
    title: str
    live: Published | None
    draft: PlanDraft | None


async def listed(session: AsyncSession) -> list[Entry]:
    """Every plan by title."""
    live = {one.plan.name: one for one in await publishing.all_current(session)}
    drafts = {row.name: row for row in await session.scalars(select(PlanDraft))}
    found = []
    for name in live.keys() | drafts.keys():
        one, draft = live.get(name), drafts.get(name)
        title = one.plan.title if one is not None else draft.title if draft is not None else name
        found.append(Entry(name, title, one, draft))
    return sorted(found, key=lambda one: (one.title, one.name))


async def get(session: AsyncSession, name: str, *, lock: bool = False) -> PlanDraft:
    """Raises `DraftError` when there is none."""
    draft = await session.get(PlanDraft, name, with_for_update=lock)
    if draft is None:
        raise DraftError("draft_gone")
    return draft


async def create(session: AsyncSession, raw: Raw, *, staff: StaffUser, now: datetime) -> PlanDraft:
    """A draft of a new plan. Raises `DraftError` where the name is taken."""
    name = str(raw["name"])
    if await session.get(PlanDraft, name) is not None or await publishing.newest(session, name) is not None:
        raise DraftError("name_taken")
    draft = PlanDraft(name=name, edition=0, writers=[])
    session.add(draft)
    _write(draft, raw, staff, now)
    await session.flush()
    return draft


async def begin(session: AsyncSession, name: str, *, staff: StaffUser, now: datetime) -> PlanDraft:
    """The draft under way, or one of the newest published state. Raises `DraftError` when there is neither."""
    draft = await session.get(PlanDraft, name)
    if draft is not None:
        return draft
    row = await publishing.newest(session, name)
    if row is None:
        raise DraftError("gone")
    draft = PlanDraft(name=name, edition=0, writers=[])
    session.add(draft)
    _write(draft, deepcopy(row.definition), staff, now)
    draft.writers = []
    await session.flush()
    return draft


async def save(
    session: AsyncSession, draft: PlanDraft, raw: Raw, *, staff: StaffUser, now: datetime, edition: int
) -> None:
    """Keep `raw`, and what was before. Raises `DraftError` if somebody saved after `edition`."""
    if edition != draft.edition:
        raise DraftError("overtaken")
    session.add(PlanDraftState(name=draft.name, edition=draft.edition, definition=draft.definition))
    old = (PlanDraftState.name == draft.name, PlanDraftState.edition <= draft.edition - KEPT)
    await session.execute(delete(PlanDraftState).where(*old))
    _write(draft, raw, staff, now)
    await session.flush()


async def undo(
    session: AsyncSession, draft: PlanDraft, *, staff: StaffUser, now: datetime, edition: int
) -> None:
    """Back to before the last change. Raises `DraftError` where there is none, or somebody changed more meanwhile."""
    if edition != draft.edition:
        raise DraftError("overtaken")
    before = await _last(session, draft.name)
    if before is None:
        raise DraftError("nothing_to_undo")
    _write(draft, before.definition, staff, now)
    await session.delete(before)
    await session.flush()


async def can_undo(session: AsyncSession, name: str) -> bool:
    return await _last(session, name) is not None


async def discard(session: AsyncSession, draft: PlanDraft) -> None:
    await session.execute(delete(PlanDraftState).where(PlanDraftState.name == draft.name))
    await session.delete(draft)


async def hand_in(session: AsyncSession, draft: PlanDraft, *, now: datetime) -> Plan:
    """Ready for a second person. Raises `PlanError`, `DraftError`."""
    plan = read_plan(draft.definition)
    before = await publishing.newest(session, draft.name)
    if before is not None and before.retired_at is None:
        stored = publishing.plan_of(before)
        same = publishing.meaning(stored) == publishing.meaning(plan)
        if same and publishing.wording(stored) == publishing.wording(plan) and stored.signed_by:
            raise DraftError("nothing_new")
    draft.submitted_at = now
    return plan


async def publish(
    session: AsyncSession, draft: PlanDraft, *, staff: StaffUser, signed_by: str, now: datetime
) -> PlanDefinition:
    """Publish what was handed in, signed by whom the hospital says (empty: it stays a template); the draft goes.

    Raises `PlanError`, `DraftError`."""
    if draft.submitted_at is None:
        raise DraftError("not_handed_in")
    if (refused := refusal(draft, staff)) is not None:
        raise DraftError(refused)
    plan = read_plan({**draft.definition, "signed_by": signed_by.strip() or None})
    row = await publishing.publish(session, plan, staff.id, now)
    await discard(session, draft)
    return row


def refusal(draft: PlanDraft, staff: StaffUser) -> str | None:
    """Why this person may not publish it, if so: it takes a clinical reviewer who had no hand in it."""
    if Role.CLINICAL_REVIEWER not in staff.roles and Role.ADMIN not in staff.roles:
        return "reviewer_only"
    return "own_work" if str(staff.id) in draft.writers else None


def note(
    session: AsyncSession, staff_id: UUID, action: str, name: str, now: datetime, **detail: object
) -> None:
    """What was done, for the audit trail."""
    actor = audit.subject_of("staff", staff_id)
    audit.record(session, actor=actor, action=action, subject=f"plan:{name}", at=now, detail=detail)


def _write(draft: PlanDraft, raw: Raw, staff: StaffUser, now: datetime) -> None:
    draft.title, draft.definition = str(raw.get("title") or draft.name)[:60], raw
    draft.edition += 1
    draft.writers = sorted({*draft.writers, str(staff.id)})
    draft.edited_at, draft.edited_by, draft.submitted_at = now, staff.id, None


async def _last(session: AsyncSession, name: str) -> PlanDraftState | None:
    newest = select(PlanDraftState).where(PlanDraftState.name == name)
    return (await session.scalars(newest.order_by(PlanDraftState.edition.desc()).limit(1))).first()
