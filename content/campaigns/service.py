"""Writing campaigns down and reading them: drafts, variants, what was done, how far it is. Nothing here commits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import delete, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from content.articles.models import Article
from content.articles.refs import ref_of
from content.articles.sendable import ArticleContents
from content.audiences.models import AudienceVersion
from content.campaigns.errors import CampaignError
from content.campaigns.kinds import ARMS, Anchor, Choosing, Goal, Kind, Late, State, Unit
from content.campaigns.models import (
    Campaign,
    CampaignLaunch,
    CampaignRecipient,
    CampaignStep,
    CampaignVariant,
)
from content.campaigns.plan import Plan, Variant, problems
from store import audit
from web.signin.models import StaffUser

_SAME = (
    "purpose", "note", "holdout_percent", "choosing", "goal", "start_at", "end_at", "every", "unit", "at_time",
    "event_kind", "anchor", "offset_days", "late", "late_days", "valid_days",
)  # fmt: skip


async def create(session: AsyncSession, plan: Plan, *, staff: StaffUser | None, now: datetime) -> Campaign:
    """A new draft (`staff` None: of the house). Raises `CampaignError`."""
    await _check(session, plan, None)
    row = Campaign(
        name=plan.name.strip(),
        kind=plan.kind,
        state=State.DRAFT,
        author_id=staff.id if staff is not None else None,
        created_at=now,
        changed_at=now,
        version=1,
        attempts=0,
        counts={},
        **await _values(session, plan),
    )
    session.add(row)
    await session.flush()
    _add_variants(session, row.id, plan.variants)
    step(session, row, "create", staff, now)
    await session.flush()
    return row


async def change(
    session: AsyncSession, campaign_id: UUID, plan: Plan, *, seen: int, staff: StaffUser, now: datetime
) -> Campaign:
    """Save what was made of its version `seen`. Raises `CampaignError` when it is no draft, or somebody else was quicker."""
    row = await lock(session, campaign_id)
    if row.state != State.DRAFT:
        raise CampaignError("not_draft")
    if row.version != seen:
        raise CampaignError("changed_meanwhile")
    await _check(session, plan, row.id)
    for name, value in (await _values(session, plan)).items():
        setattr(row, name, value)
    row.name, row.kind = plan.name.strip(), plan.kind
    row.version, row.changed_at = row.version + 1, now
    await session.execute(delete(CampaignVariant).where(CampaignVariant.campaign_id == row.id))
    _add_variants(session, row.id, plan.variants)
    step(session, row, "change", staff, now, version=row.version)
    await session.flush()
    return row


async def discard(session: AsyncSession, campaign_id: UUID, *, staff: StaffUser, now: datetime) -> None:
    """Delete a draft. Raises `CampaignError` for what is more than one."""
    row = await lock(session, campaign_id)
    if row.state != State.DRAFT:
        raise CampaignError("not_draft")
    record(session, row, "delete", staff, now)
    for table in (CampaignVariant, CampaignStep, CampaignLaunch):
        await session.execute(delete(table).where(table.campaign_id == row.id))
    await session.delete(row)
    await session.flush()


async def _check(session: AsyncSession, plan: Plan, own: UUID | None) -> None:
    for problem in problems(plan):
        raise problem
    named = select(Campaign.id).where(Campaign.name == plan.name.strip(), Campaign.id != own)
    if own is None:
        named = select(Campaign.id).where(Campaign.name == plan.name.strip())
    if await session.scalar(named) is not None:
        raise CampaignError("name_taken", "name", name=plan.name.strip())
    if await session.get(AudienceVersion, plan.audience_version_id) is None:
        raise CampaignError("no_audience", "audience_version_id")
    for one in plan.variants:
        if await session.get(Article, one.article_id) is None:
            raise CampaignError("no_article", "variants")


async def _values(session: AsyncSession, plan: Plan) -> dict[str, Any]:
    version = await session.get_one(AudienceVersion, plan.audience_version_id)
    values = {name: value for name, value in asdict(plan).items() if name in _SAME}
    return {
        **values,
        "start_at": None if plan.kind is Kind.ONCE else plan.start_at,
        "codes": list(plan.codes),
        "audience_id": version.audience_id,
        "audience_version_id": version.id,
    }


def _add_variants(session: AsyncSession, campaign_id: UUID, variants: Sequence[Variant]) -> None:
    even = 1 / len(variants)
    session.add_all(
        CampaignVariant(
            campaign_id=campaign_id,
            arm=ARMS[place],
            article_id=one.article_id,
            revision=one.revision,
            trials=0,
            successes=0,
            share=even,
        )
        for place, one in enumerate(variants)
    )


async def plan_of(session: AsyncSession, row: Campaign) -> Plan:
    """The campaign as an editor would write it, for the form."""
    chosen = [Variant(one.article_id, one.revision) for one in await variants(session, row.id)]
    return Plan(
        name=row.name,
        kind=Kind(row.kind),
        audience_version_id=row.audience_version_id,
        variants=tuple(chosen),
        purpose=row.purpose,
        note=row.note,
        holdout_percent=row.holdout_percent,
        choosing=Choosing(row.choosing),
        goal=Goal(row.goal),
        start_at=row.start_at,
        end_at=row.end_at,
        every=row.every,
        unit=Unit(row.unit) if row.unit else None,
        at_time=row.at_time,
        event_kind=row.event_kind,
        anchor=Anchor(row.anchor) if row.anchor else None,
        offset_days=row.offset_days,
        codes=tuple(row.codes),
        late=Late(row.late),
        late_days=row.late_days,
        valid_days=row.valid_days,
    )


async def get(session: AsyncSession, campaign_id: UUID) -> Campaign:
    """Raises `CampaignError` when there is none."""
    row = await session.get(Campaign, campaign_id)
    if row is None:
        raise CampaignError("no_campaign")
    return row


async def lock(session: AsyncSession, campaign_id: UUID) -> Campaign:
    """As `get`, and nobody else changes or sends it until this transaction ends."""
    row = await session.get(Campaign, campaign_id, with_for_update=True, populate_existing=True)
    if row is None:
        raise CampaignError("no_campaign")
    return row


async def variants(session: AsyncSession, campaign_id: UUID) -> Sequence[CampaignVariant]:
    """By arm."""
    wanted = select(CampaignVariant).where(CampaignVariant.campaign_id == campaign_id)
    return (await session.scalars(wanted.order_by(CampaignVariant.arm))).all()


async def steps(session: AsyncSession, campaign_id: UUID) -> Sequence[CampaignStep]:
    """What was done with it, the newest first."""
    wanted = select(CampaignStep).where(CampaignStep.campaign_id == campaign_id)
    return (await session.scalars(wanted.order_by(CampaignStep.at.desc(), CampaignStep.id.desc()))).all()


async def launches(session: AsyncSession, campaign_id: UUID) -> Sequence[CampaignLaunch]:
    """Its occurrences, the newest first."""
    wanted = select(CampaignLaunch).where(CampaignLaunch.campaign_id == campaign_id)
    return (await session.scalars(wanted.order_by(CampaignLaunch.occurrence.desc()))).all()


async def newer_version(session: AsyncSession, row: Campaign) -> AudienceVersion | None:
    """The newest version of its audience, where that is not the one it sends to."""
    newest = await session.scalar(
        select(AudienceVersion)
        .where(AudienceVersion.audience_id == row.audience_id)
        .order_by(AudienceVersion.number.desc())
        .limit(1)
    )
    return newest if newest is not None and newest.id != row.audience_version_id else None


async def reasons(session: AsyncSession, campaign_id: UUID) -> Sequence[tuple[str, str, int]]:
    """State, reason ("" where there is none) and how many, the most first."""
    table = CampaignRecipient
    why = func.coalesce(table.reason, "")
    rows = await session.execute(
        select(table.state, why, func.count())
        .where(table.campaign_id == campaign_id)
        .group_by(table.state, why)
        .order_by(func.count().desc())
    )
    return [(state, reason, count) for state, reason, count in rows]


async def not_sendable(session: AsyncSession, row: Campaign, contents: ArticleContents) -> dict[str, str]:
    """Arms whose text must not be sent now, with the gate's reason."""
    rows = await session.execute(
        select(CampaignVariant.arm, Article.slug, CampaignVariant.revision)
        .join(Article, Article.id == CampaignVariant.article_id)
        .where(CampaignVariant.campaign_id == row.id)
    )
    refs = {arm: (ref_of(slug), revision) for arm, slug, revision in rows}
    refused = await contents.refused(session, refs.values())
    return {arm: str(refused[ref]) for arm, ref in refs.items() if ref in refused}


def step(
    session: AsyncSession,
    row: Campaign,
    action: str,
    staff: StaffUser | None,
    now: datetime,
    note: str = "",
    **detail: Any,
) -> None:
    """Write down what was done, for people and for the audit trail. `detail`: ids, numbers and codes only."""
    session.add(
        CampaignStep(
            campaign_id=row.id,
            action=action,
            state=row.state,
            staff_id=staff.id if staff is not None else None,
            note=note.strip()[:300],
            detail=detail,
            at=now,
        )
    )
    record(session, row, action, staff, now, **detail)


def record(
    session: AsyncSession, row: Campaign, action: str, staff: StaffUser | None, now: datetime, **detail: Any
) -> None:
    audit.record(
        session,
        actor=audit.subject_of("staff", staff.id) if staff is not None else "system",
        action=f"campaign_{action}",
        subject=audit.subject_of("campaign", row.id),
        at=now,
        detail=detail,
    )
