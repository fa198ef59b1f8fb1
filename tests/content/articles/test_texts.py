"""What search learns of articles, comments among colleagues, differences between versions, and drafts thrown away."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import func, select

from content.articles import comments, recall, revisions, service, texts, workflow
from content.articles.doc import ArticleDoc, Audience, Variation
from content.articles.errors import ArticleError, NotFound
from content.articles.models import ArticleComment, ArticleDraft
from store.clock import VirtualClock
from store.database import Database
from tests.factories.articles import doc, people, published, signed


async def test_search_learns_of_what_is_published_and_of_what_is_not_any_more(
    database: Database, clock: VirtualClock
) -> None:
    staff = await people(database)
    today = clock.local().date()
    marks = []

    async def known(day: object = None) -> list[tuple[str, int]]:
        async with database.read() as session:
            marks.append(await texts.mark(session, day or today))  # type: ignore[arg-type]
            found = await texts.published_texts(session, day or today)  # type: ignore[arg-type]
            return [(one.slug, one.revision) for one in found]

    assert await known() == []
    async with database.write("test") as session:
        await service.create(session, "draft", doc(), staff=staff["editor"], now=clock.now())
        for slug in ("b", "a", "c"):
            await published(session, staff, clock, slug=slug)
    assert await known() == [("a", 1), ("b", 1), ("c", 1)]
    async with database.read() as session:
        one, two = await texts.published_texts(session, today, limit=2)
        (three,) = await texts.published_texts(session, today, after="b")
        assert [one.slug, two.slug, three.slug] == ["a", "b", "c"]
        assert one.questions == doc().questions
        assert "糖尿病防治指南" in one.sources
        assert "米饭 每餐一拳头大小" in one.plain
        assert "##" not in one.plain
    clock.advance(timedelta(seconds=1))
    async with database.write("test") as session:
        by = {"staff": staff["editor"], "now": clock.now()}
        again = await service.get(session, "a")
        await workflow.hand_in(session, again, doc(title="新"), **by)
        await signed(session, again, staff, clock)
        await recall.recall(session, await service.get(session, "b"), reason="有误", **by)
    assert await known() == [("a", 2), ("c", 1)]
    assert await known(today + timedelta(days=730)) == []
    assert len(set(marks)) == 4


async def test_colleagues_comment_answer_and_settle(database: Database, clock: VirtualClock) -> None:
    staff = await people(database)
    async with database.write("test") as session:
        article = await service.create(session, "a", doc(), staff=staff["editor"], now=clock.now())
        said = await comments.add(
            session, article, " 这里要不要写盐？ ", staff=staff["nurse"], now=clock.now(), quote="主食"
        )
        await comments.add(session, article, "要写", staff=staff["editor"], now=clock.now(), answers=said.id)
        assert [(one.text, one.answers) for one in await comments.listed(session, article.id)] == [
            ("这里要不要写盐？", None),
            ("要写", said.id),
        ]
        assert await comments.open_count(session, article.id) == 2
        await comments.settle(session, article, said.id, staff=staff["editor"], now=clock.now())
        assert [one.text for one in await comments.listed(session, article.id, open_only=True)] == ["要写"]
        await comments.settle(session, article, said.id, staff=staff["editor"], now=clock.now(), done=False)
        assert await comments.open_count(session, article.id) == 2
        with pytest.raises(NotFound):
            await comments.settle(session, article, article.id, staff=staff["editor"], now=clock.now())
        sealed = await session.scalar(select(ArticleComment.text_sealed).limit(1))
        assert "盐".encode() not in bytes(sealed or b"")


async def test_only_what_nobody_handed_in_can_be_deleted(database: Database, clock: VirtualClock) -> None:
    staff = await people(database)
    by = {"staff": staff["editor"], "now": clock.now()}
    async with database.write("test") as session:
        article = await service.create(session, "a", doc(), **by)
        await comments.add(session, article, "好", **by)
        await service.discard(session, article, **by)
        assert await service.find(session, "a") is None
        assert await session.scalar(select(func.count()).select_from(ArticleDraft)) == 0
        kept = await published(session, staff, clock)
        with pytest.raises(ArticleError) as caught:
            await service.discard(session, kept, **by)
        assert caught.value.code == "has_revisions"


def test_differences_can_be_read() -> None:
    old = doc(body="第一段\n\n每天吃500克蔬菜。\n\n旧段落\n")
    new = doc(
        body="第一段\n\n每天吃300克蔬菜和水果。\n\n新段落一\n新段落二\n",
        title="新标题",
        variations=(Variation("老人", Audience(min_age=65), "软一点", ""),),
    )
    found = {one.field: one.lines for one in revisions.compare(old, new)}
    assert set(found) == {"title", "body", "variations"}
    body = found["body"]
    assert [(line.op, line.old, line.new) for line in body] == [
        ("same", 1, 1),
        ("same", 2, 2),
        ("changed", 3, 3),
        ("same", 4, 4),
        ("changed", 5, 5),
        ("added", None, 6),
        ("same", 6, 7),
    ]
    assert [(piece.op, piece.text) for piece in body[2].pieces] == [
        ("same", "每天吃"),
        ("removed", "500"),
        ("added", "300"),
        ("same", "克蔬菜"),
        ("added", "和水果"),
        ("same", "。"),
    ]
    assert revisions.compare(old, old) == []
    assert [one.field for one in revisions.compare(ArticleDoc(), doc())][:2] == ["title", "summary"]
