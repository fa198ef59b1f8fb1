"""Links of patients' own to articles: made in bulk, found again by their token's hash. Nothing here commits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import insert, select
from sqlalchemy.ext.asyncio import AsyncSession

from content.reading.models import ArticleLink
from store import crypto
from store.ids import new_id
from store.tokens import hashes_of, link_token

PATH = "/r/"
_INSERT = insert(ArticleLink.__table__)  # type: ignore[arg-type]  # SQLAlchemy types it as any FromClause


@dataclass(frozen=True, slots=True)
class LinkFor:
    """A link to make. `revision` is the one sent; `topic` the article's; `source`: campaign, chat, related or care_plan.

    `outbound_key` is the `dedup_key` of the message that carries it: `ArticleSent` is written once that was accepted. `arm` is the
    campaign's variant.
    """

    patient_id: UUID
    article_id: UUID
    revision: int
    topic: str
    source: str
    outbound_key: str = ""
    campaign_id: UUID | None = None
    arm: str = ""


async def issue(session: AsyncSession, wanted: Sequence[LinkFor], now: datetime) -> list[str]:
    """Make a link for each of `wanted`; returns their paths (`/r/<token>`) in the same order. One insert, however many.

    Tokens are random and nowhere stored: the path is in the message, or lost. How long a link is good is decided when it is opened
    (`BANYI_READING_LINK_DAYS`).
    """
    tokens = [link_token() for _ in wanted]
    if not tokens:
        return []
    rows = [
        {
            "id": new_id(),
            "token_hash": hash_of(token),
            "patient_id": one.patient_id,
            "article_id": one.article_id,
            "revision": one.revision,
            "topic": one.topic,
            "source": one.source,
            "outbound_key": one.outbound_key,
            "campaign_id": one.campaign_id,
            "arm": one.arm,
            "issued_at": now,
            # Without a message there is nothing to wait for.
            "settled_at": None if one.outbound_key else now,
        }
        for token, one in zip(tokens, wanted, strict=True)
    ]
    await session.execute(_INSERT, rows)
    return [f"{PATH}{token}" for token in tokens]


async def find(session: AsyncSession, token: str) -> ArticleLink | None:
    """The link of `token`, expired or not; None for a token that never was ours."""
    if not (hashes := hashes_of(token, "article_link")):
        return None
    wanted = select(ArticleLink).where(ArticleLink.token_hash.in_(hashes))
    return (await session.scalars(wanted.limit(1))).first()


def hash_of(token: str) -> str:
    """What is stored of a token."""
    return crypto.lookup(token, "article_link")
