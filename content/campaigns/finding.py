"""Finding campaigns by state, kind, words and author, and their recipients by state and reason; a page at a time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import func, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from content.articles.models import Article
from content.audiences.models import Audience
from content.campaigns.models import Campaign, CampaignRecipient, CampaignVariant

SHOWN = 30
"""Campaigns of one page of the list."""
PEOPLE = 50
"""Recipients of one page."""


@dataclass(frozen=True, slots=True)
class Filters:
    """What is empty does not filter. `words` must be in name or note."""

    state: str = ""
    kind: str = ""
    words: str = ""
    author: UUID | None = None


async def find(
    session: AsyncSession, filters: Filters, page: int = 1, size: int = SHOWN
) -> tuple[list[tuple[Campaign, Audience]], int]:
    """A page of campaigns with their audiences, the last changed first, and how many there are in all."""
    wanted = select(Campaign, Audience).join(Audience, Audience.id == Campaign.audience_id)
    if filters.state:
        wanted = wanted.where(Campaign.state == filters.state)
    if filters.kind:
        wanted = wanted.where(Campaign.kind == filters.kind)
    if filters.author is not None:
        wanted = wanted.where(Campaign.author_id == filters.author)
    if part := filters.words.strip().lower():
        columns = (Campaign.name, Campaign.note)
        wanted = wanted.where(or_(*(func.lower(one).contains(part, autoescape=True) for one in columns)))
    total = await session.scalar(select(func.count()).select_from(wanted.subquery())) or 0
    rows = await session.execute(
        wanted.order_by(Campaign.changed_at.desc(), Campaign.id).limit(size).offset((max(page, 1) - 1) * size)
    )
    return [(one, its) for one, its in rows], int(total)


async def titles(session: AsyncSession, campaign_ids: Sequence[UUID]) -> dict[UUID, list[str]]:
    """The titles of each campaign's texts, by arm."""
    rows = await session.execute(
        select(CampaignVariant.campaign_id, Article.title)
        .join(Article, Article.id == CampaignVariant.article_id)
        .where(CampaignVariant.campaign_id.in_(campaign_ids))
        .order_by(CampaignVariant.campaign_id, CampaignVariant.arm)
    )
    found: dict[UUID, list[str]] = {}
    for campaign_id, title in rows:
        found.setdefault(campaign_id, []).append(title)
    return found


async def recipients(
    session: AsyncSession,
    campaign_id: UUID,
    state: str = "",
    reason: str = "",
    after: tuple[int, UUID] | None = None,
    size: int = PEOPLE,
) -> Sequence[CampaignRecipient]:
    """Who gets it, by occurrence and patient, one more than `size` where there are more. The caller records the reads."""
    table = CampaignRecipient
    wanted = select(table).where(table.campaign_id == campaign_id)
    if state:
        wanted = wanted.where(table.state == state)
    if reason:
        wanted = wanted.where(table.reason == reason)
    if after is not None:
        later = (table.occurrence == after[0]) & (table.patient_id > after[1])
        wanted = wanted.where((table.occurrence > after[0]) | later)
    return (await session.scalars(wanted.order_by(table.occurrence, table.patient_id).limit(size + 1))).all()
