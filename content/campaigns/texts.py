"""What a campaign's message says: the article's title and first line, a link of the person's own, and how to stop."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit
from uuid import UUID

from sqlalchemy import and_, select
from sqlalchemy.ext.asyncio import AsyncSession

from channels.reply import Reply
from content.articles.doc import ArticleDoc
from content.articles.models import Article, ArticleRevision
from content.articles.refs import ref_of
from content.campaigns.models import CampaignVariant

PUSH = "education.push"


@dataclass(frozen=True, slots=True)
class Text:
    """One arm's text. `ref` and `revision` are the message's content; `topic` the article's."""

    arm: str
    article_id: UUID
    revision: int
    ref: str
    title: str
    line: str
    topic: str

    def reply(self, link: str, mark: str = "") -> Reply:
        """`link`: absolute. `mark` stands before the title (of a test). By SMS it is the article's own approved text with our fixed
        address, where only the path differs: vendors take no other link."""
        params = {"title": f"{mark}{self.title}", "line": self.line, "link": link, "sms_key": self.ref}
        params["path"] = urlsplit(link).path
        return Reply(PUSH, params)


async def texts_of(session: AsyncSession, campaign_id: UUID) -> dict[str, Text]:
    """By arm."""
    rows = await session.execute(
        select(CampaignVariant.arm, Article.id, Article.slug, ArticleRevision.number, ArticleRevision.doc)
        .join(Article, Article.id == CampaignVariant.article_id)
        .join(
            ArticleRevision,
            and_(
                ArticleRevision.article_id == Article.id, ArticleRevision.number == CampaignVariant.revision
            ),
        )
        .where(CampaignVariant.campaign_id == campaign_id)
        .order_by(CampaignVariant.arm)
    )
    return {arm: _text(arm, article_id, slug, number, doc) for arm, article_id, slug, number, doc in rows}


async def text_of(session: AsyncSession, slug: str) -> Text | None:
    """The published text of one article; None: there is none."""
    row = (
        await session.execute(
            select(Article.id, ArticleRevision.number, ArticleRevision.doc)
            .join(
                ArticleRevision,
                and_(
                    ArticleRevision.article_id == Article.id, ArticleRevision.number == Article.live_revision
                ),
            )
            .where(Article.slug == slug)
        )
    ).first()
    return None if row is None else _text("", row.id, slug, row.number, row.doc)


def _text(arm: str, article_id: UUID, slug: str, number: int, doc: dict[str, object]) -> Text:
    read = ArticleDoc.from_json(doc)
    return Text(arm, article_id, number, ref_of(slug), read.title, read.summary, read.topic)


async def sms_texts(session: AsyncSession) -> Sequence[tuple[str, str]]:
    """The name (`article:<slug>`) and the short text of every published article that has one, by slug."""
    rows = await session.execute(
        select(Article.slug, ArticleRevision.doc["sms"].as_string())
        .join(
            ArticleRevision,
            and_(ArticleRevision.article_id == Article.id, ArticleRevision.number == Article.live_revision),
        )
        .order_by(Article.slug)
    )
    return [(ref_of(slug), text) for slug, text in rows if text]
