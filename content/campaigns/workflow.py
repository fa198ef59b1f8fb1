"""From draft to done: each step with who and when, in the audit trail. Nothing here commits."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import delete, exists, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from channels.outbox import holds
from channels.outbox.holds import Scope
from channels.outbox.models import DeliveryHold
from content.articles.sendable import ArticleContents
from content.audiences.models import AudienceVersion
from content.campaigns import service
from content.campaigns.errors import CampaignError, say
from content.campaigns.kinds import Kind, State, key_of
from content.campaigns.models import Campaign, CampaignLaunch, CampaignRecipient, CampaignStep
from store.events import EventCursor
from web.signin.models import Role, StaffUser

UNDO_FOR = timedelta(seconds=15)
"""So long after a start nothing is queued: who clicked too early takes it back and nobody hears of it."""
ABORTED = "campaign_aborted"
"""`outbound_message.reason` of what was queued when its campaign was aborted."""
APPROVERS = frozenset({Role.CLINICAL_REVIEWER, Role.ADMIN})
_GOING = (State.RUNNING, State.PAUSED)


async def submit(
    session: AsyncSession, campaign_id: UUID, contents: ArticleContents, *, staff: StaffUser, now: datetime
) -> Campaign:
    """Hand it to a second person. Raises `CampaignError` when a text is not signed or not good any more."""
    row = await _in(session, campaign_id, State.DRAFT)
    await _sendable(session, row, contents)
    return _to(session, row, State.SUBMITTED, "submit", staff, now)


async def send_back(
    session: AsyncSession, campaign_id: UUID, *, note: str, staff: StaffUser, now: datetime
) -> Campaign:
    """Back to its author with a remark, which is needed."""
    row = await _in(session, campaign_id, State.SUBMITTED)
    if not note.strip():
        raise CampaignError("note_needed", "note")
    return _to(session, row, State.DRAFT, "send_back", staff, now, note)


async def withdraw(session: AsyncSession, campaign_id: UUID, *, staff: StaffUser, now: datetime) -> Campaign:
    """Its author goes on writing; also what was approved and not started."""
    row = await _in(session, campaign_id, State.SUBMITTED, State.APPROVED)
    row.approved_by = row.approved_at = None
    return _to(session, row, State.DRAFT, "withdraw", staff, now)


async def approve(
    session: AsyncSession,
    campaign_id: UUID,
    contents: ArticleContents,
    *,
    staff: StaffUser,
    now: datetime,
    seen: int,
) -> Campaign:
    """A second person agrees to its version `seen`. Raises `CampaignError` for who wrote it, or may not approve."""
    row = await _in(session, campaign_id, State.SUBMITTED)
    if row.version != seen:
        raise CampaignError("changed_meanwhile")
    if not APPROVERS & set(staff.roles):
        raise CampaignError("may_not_approve")
    wrote = select(CampaignStep.id).where(
        CampaignStep.campaign_id == row.id,
        CampaignStep.staff_id == staff.id,
        CampaignStep.action.in_(("create", "change", "submit")),
    )
    if staff.id == row.author_id or await session.scalar(wrote.limit(1)) is not None:
        raise CampaignError("own_campaign")
    await _sendable(session, row, contents)
    row.approved_by, row.approved_at = staff.id, now
    return _to(session, row, State.APPROVED, "approve", staff, now)


async def launch(
    session: AsyncSession, campaign_id: UUID, contents: ArticleContents, *, staff: StaffUser, now: datetime
) -> Campaign:
    """Begin: at once, or from then on at its times and occasions. Nothing is queued before `UNDO_FOR` is over."""
    row = await _in(session, campaign_id, State.APPROVED)
    await _sendable(session, row, contents)
    if row.end_at is not None and row.end_at <= now:
        raise CampaignError("over", "end_at")
    undone = select(CampaignLaunch.occurrence).where(CampaignLaunch.campaign_id == row.id)
    if await session.scalar(undone.limit(1)) is not None:
        raise CampaignError("clearing")
    row.started_at = row.due_at = now
    row.looked_until = row.ended_at = None
    return _to(session, row, State.RUNNING, "launch", staff, now)


async def undo_launch(
    session: AsyncSession, campaign_id: UUID, *, staff: StaffUser, now: datetime
) -> Campaign:
    """Take the start back: possible until the first message is queued. Who was written down is forgotten."""
    row = await _in(session, campaign_id, *_GOING)
    if await begun(session, row.id):
        raise CampaignError("begun")
    await _lift(session, row, staff, now)
    if row.kind in (Kind.EVENT, Kind.RELATIVE):
        mine = CampaignRecipient.campaign_id == row.id
        await session.execute(delete(CampaignRecipient).where(mine))
    await session.execute(
        update(CampaignLaunch).where(CampaignLaunch.campaign_id == row.id).values(state="undone")
    )
    await session.execute(delete(EventCursor).where(EventCursor.consumer == key_of(row.id)))
    row.started_at = row.looked_until = None
    row.due_at = now
    return _to(session, row, State.APPROVED, "undo", staff, now)


async def begun(session: AsyncSession, campaign_id: UUID) -> bool:
    """Whether something was queued for anybody: after that a start cannot be taken back."""
    sent = exists().where(
        CampaignRecipient.campaign_id == campaign_id, CampaignRecipient.outbound_key.is_not(None)
    )
    return await session.scalar(select(sent)) is True


async def pause(
    session: AsyncSession, campaign_id: UUID, *, note: str, staff: StaffUser | None, now: datetime
) -> Campaign:
    """Nothing more is queued, and what is queued waits, from now on; what is in a vendor's hands is beyond recall."""
    row = await _in(session, campaign_id, State.RUNNING)
    why = note.strip() or say("texts", "paused", name=row.name)
    by = staff.id if staff is not None else None
    await holds.hold(session, Scope.CAMPAIGN, key_of(row.id), reason=why, now=now, by=by)
    return _to(session, row, State.PAUSED, "pause", staff, now, note)


async def resume(session: AsyncSession, campaign_id: UUID, *, staff: StaffUser, now: datetime) -> Campaign:
    row = await _in(session, campaign_id, State.PAUSED)
    await _lift(session, row, staff, now)
    row.due_at = now
    return _to(session, row, State.RUNNING, "resume", staff, now)


async def abort(
    session: AsyncSession, campaign_id: UUID, *, note: str, staff: StaffUser, now: datetime
) -> Campaign:
    """End it for good: what is planned or queued is given up (its runner marks the rest). Cannot be undone."""
    row = await _in(session, campaign_id, State.APPROVED, *_GOING)
    if not note.strip():
        raise CampaignError("note_needed", "note")
    stopped = await holds.abort_campaign(session, key_of(row.id), reason=ABORTED, now=now)
    await _lift(session, row, staff, now)
    row.ended_at = row.due_at = now
    return _to(session, row, State.ABORTED, "abort", staff, now, note, queued=stopped)


async def take_newer_audience(
    session: AsyncSession, campaign_id: UUID, version_id: UUID, *, staff: StaffUser, now: datetime
) -> Campaign:
    """From now on it sends to this version of its audience. Who was written down already stays."""
    row = await service.lock(session, campaign_id)
    if row.state in (State.DONE, State.ABORTED):
        raise CampaignError("ended")
    version = await session.get(AudienceVersion, version_id)
    if version is None or version.audience_id != row.audience_id or version_id == row.audience_version_id:
        raise CampaignError("no_newer_audience")
    before, row.audience_version_id = row.audience_version_id, version.id
    row.changed_at = now
    service.step(session, row, "audience", staff, now, before=str(before), after=str(version.id))
    return row


async def finish(session: AsyncSession, row: Campaign, now: datetime, **detail: Any) -> None:
    """Nothing more to send. Called by its runner, which holds the lock."""
    row.state, row.ended_at, row.changed_at = State.DONE, now, now
    service.step(session, row, "finish", None, now, **detail)


async def _in(session: AsyncSession, campaign_id: UUID, *states: State) -> Campaign:
    row = await service.lock(session, campaign_id)
    if row.state not in states:
        raise CampaignError("not_now", state=say("states", row.state))
    return row


def _to(
    session: AsyncSession,
    row: Campaign,
    state: State,
    action: str,
    staff: StaffUser | None,
    now: datetime,
    note: str = "",
    **detail: Any,
) -> Campaign:
    row.state, row.changed_at = state, now
    service.step(session, row, action, staff, now, note, **detail)
    return row


async def _sendable(session: AsyncSession, row: Campaign, contents: ArticleContents) -> None:
    for arm, reason in (await service.not_sendable(session, row, contents)).items():
        raise CampaignError(reason, "variants", arm=arm.upper())


async def _lift(session: AsyncSession, row: Campaign, staff: StaffUser, now: datetime) -> None:
    held = await session.scalars(
        select(DeliveryHold.id).where(
            DeliveryHold.scope == Scope.CAMPAIGN,
            DeliveryHold.key == key_of(row.id),
            DeliveryHold.lifted_at.is_(None),
        )
    )
    for one in held.all():
        await holds.lift(session, one, now=now, by=staff.id)
