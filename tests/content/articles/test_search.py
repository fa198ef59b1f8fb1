"""The index of articles follows the desk: published, changed, recalled and expired without a restart."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from content.articles import recall, service, workflow
from content.articles.search import ArticleIndex, settings
from language.embed import Embedder
from language.retrieve import HybridIndex
from store.clock import VirtualClock
from store.database import Database
from tests.factories.articles import doc, people, published, signed
from tests.factories.embedding import embedder as embedder

FEVER = {
    "title": "孩子发烧看精神",
    "summary": "看精神，不只看度数。三个月内的宝宝直接去急诊。",
    "topic": "newborn_child",
    "stage": "any",
    "questions": ("孩子发烧多少度要去医院",),
    "conditions": ("R50",),
}


@pytest.fixture
async def index(database: Database, clock: VirtualClock, embedder: Embedder) -> AsyncIterator[ArticleIndex]:
    yield ArticleIndex(database, clock, HybridIndex(embedder, settings()))


async def test_it_follows_the_desk(database: Database, clock: VirtualClock, index: ArticleIndex) -> None:
    staff = await people(database)
    async with database.write("test") as session:
        await service.create(session, "draft", doc(title="草稿"), staff=staff["editor"], now=clock.now())
        await published(session, staff, clock, slug="melon")
        await published(session, staff, clock, slug="fever", **FEVER)
    assert await index.refresh() == 2
    assert await index.refresh() == 0
    (first, second) = await index.search("糖尿病可以吃西瓜么")
    assert (first.article.slug, second.article.slug) == ("melon", "fever")
    assert first.score >= index.answer_from > second.score
    assert "糖尿病防治指南" in first.article.sources

    clock.advance(timedelta(seconds=1))
    by = {"staff": staff["editor"], "now": clock.now()}
    async with database.write("test") as session:
        again = await service.get(session, "fever")
        await workflow.hand_in(session, again, doc(**{**FEVER, "summary": "改过的。两句话。"}), **by)
        await signed(session, again, staff, clock)
        await recall.recall(session, await service.get(session, "melon"), reason="有误", **by)
    assert await index.refresh() == 2
    assert index.article("melon") is None
    (only,) = await index.search("糖尿病可以吃西瓜么")
    assert (only.article.slug, only.article.revision, only.article.summary) == (
        "fever",
        2,
        "改过的。两句话。",
    )
    assert only.score < index.answer_from

    clock.advance(timedelta(days=800))  # past its day
    assert await index.refresh() == 1
    assert list(index.published()) == []


async def test_a_question_just_after_the_start_waits_for_the_index(
    database: Database, clock: VirtualClock, index: ArticleIndex
) -> None:
    import asyncio

    staff = await people(database)
    async with database.write("test") as session:
        await published(session, staff, clock, slug="melon")
    asked = asyncio.create_task(index.search("糖尿病可以吃西瓜么"))
    await asyncio.sleep(0)
    assert not asked.done()
    await index.refresh()
    assert [hit.article.slug for hit in await asked] == ["melon"]
