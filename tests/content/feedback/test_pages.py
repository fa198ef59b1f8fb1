"""What editors are shown to look at next, and the one click each."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

from sqlalchemy import select

from content.articles import sendable, service
from content.articles.models import Article, ArticleDraft
from content.faq.questions import collect
from content.faq.questions.models import QuestionGroup, UnansweredQuestion
from content.reading.models import ArticleRead
from store.audit import AuditRow
from store.clock import VirtualClock
from store.database import Database
from store.ids import new_id
from tests.channels.ops.site import staff, visiting
from tests.content.insight.site import insight_app
from tests.factories.articles import people, published
from tests.factories.outreach import Town, town
from web.signin.models import Role


async def asked(database: Database, clock: VirtualClock, askers: int = 3) -> UUID:
    """A group of questions nobody has answered."""
    now = clock.now()
    async with database.write("questions") as session:
        group = QuestionGroup(state="open", people=askers, asks=askers, nearest=[], last_asked_at=now)
        session.add(group)
        await session.flush()
        for number in range(askers):
            for text in ("打胰岛素能坐飞机吗", "胰岛素可以带上飞机吗")[: 1 + number % 2]:
                await collect.note(
                    session, text, conversation_id=UUID(int=number), now=now, day=clock.local().date()
                )
        for row in await session.scalars(select(UnansweredQuestion)):
            row.group_id = group.id
    return group.id


async def articles_of(database: Database, clock: VirtualClock, of: Town | None = None) -> Town:
    """Four live articles: one due, one disliked, one nobody opened, one with nothing to say of."""
    now = clock.now()
    made = await people(database, prefix="w-")
    async with database.write("articles") as session:
        if of is None:
            of = await town(session, clock, articles=0)
        of.session, of.articles = session, []
        for slug in ("due", "disliked", "unopened", "fine"):
            row = await published(session, made, clock, slug, title=f"文章{slug}")
            of.articles.append(row)
        due, disliked, unopened, fine = of.articles
        due.review_by = clock.local().date() - timedelta(days=1)
        long_ago = now - timedelta(days=20)
        for number, patient in enumerate(of.patients[:20]):
            of.said(disliked, now - timedelta(days=3), number % 4 == 0)
            of.said(fine, now - timedelta(days=3), number % 4 != 0)
            of.sent(patient, unopened, long_ago)
            of.sent(patient, fine, long_ago)
        of.read(of.patients[0], fine, now - timedelta(days=19))
    return of


async def test_each_list_names_what_it_should(database: Database, clock: VirtualClock) -> None:
    await articles_of(database, clock)
    await asked(database, clock)
    tokens = await staff(database, Role.EDITOR, Role.NURSE)
    app = insight_app(database, clock)
    async with visiting(app, tokens["editor"]) as editor:
        status, page = await editor.get("/content/feedback")
    assert status == 200
    marks = [f'id="{name}-title"' for name in ("asked", "due", "disliked", "unopened")]
    places = [page.index(mark) for mark in marks]
    parts = dict(
        zip(
            ("asked", "due", "disliked", "unopened"),
            map(page.__getitem__, map(slice, places, [*places[1:], None])),
            strict=True,
        )
    )
    assert "打胰岛素能坐飞机吗" in parts["asked"] and "3 人问了" in parts["asked"]
    for name in ("due", "disliked", "unopened"):
        assert f"文章{name}" in parts[name], name
        assert sum(f"文章{other}" in parts[name] for other in ("due", "disliked", "unopened", "fine")) == 1, (
            name
        )
    assert "约 75% 说没帮助" in parts["disliked"]
    assert "发给 20 人" in parts["unopened"]
    async with database.read() as session:
        read = (await session.scalars(select(AuditRow).where(AuditRow.action == "read"))).all()
    assert [row.subject for row in read] == ["unanswered_questions"]


async def test_one_click_makes_a_draft_of_a_question(database: Database, clock: VirtualClock) -> None:
    group = await asked(database, clock)
    tokens, app = await staff(database, Role.EDITOR), insight_app(database, clock)
    async with visiting(app, tokens["editor"]) as editor:
        status, where = await editor.post(f"/content/feedback/questions/{group}/article")
        assert status == 303
        assert (await editor.get(where))[0] == 200
        assert await editor.post(f"/content/feedback/questions/{group}/article") == (303, where)
        _, page = await editor.get("/content/feedback")
        assert "继续写" in page
        gone = await editor.post(f"/content/feedback/questions/{new_id()}/article")
        assert gone == (303, "/content/feedback?said=gone")
    async with database.read() as session:
        [draft] = (await session.scalars(select(ArticleDraft))).all()
    assert draft.doc["title"] == "打胰岛素能坐飞机吗？"
    assert set(draft.doc["questions"]) == {"打胰岛素能坐飞机吗", "胰岛素可以带上飞机吗"}


async def test_an_article_is_retired_and_brought_back(database: Database, clock: VirtualClock) -> None:
    await articles_of(database, clock)
    tokens, app = await staff(database, Role.EDITOR), insight_app(database, clock)
    today = clock.local().date()

    async def state() -> tuple[str, int]:
        async with database.read() as session:
            row = await service.get(session, "disliked")
            refused = await sendable.ArticleContents(clock).refused(session, [("article:disliked", 1)])
        return service.state_of(row, today), len(refused)

    assert await state() == ("published", 0)
    async with visiting(app, tokens["editor"]) as editor:
        done = await editor.post("/content/feedback/articles/disliked/retire")
        assert done == (303, "/content/feedback?said=retired&undo=disliked")
        assert await state() == ("expired", 1)
        _, page = await editor.get(done[1])
        assert "已下架" in page and "/content/feedback/articles/disliked/restore" in page
        await editor.post("/content/feedback/articles/disliked/restore")
        assert await state() == ("published", 0)
        assert (await editor.post("/content/feedback/articles/nothing/retire"))[0] == 404
        status, where = await editor.post("/content/articles/due/renew")
        assert (status, where.startswith("/content/articles/due")) == (303, True)
        _, page = await editor.get("/content/feedback")
        assert page[page.index('id="due-title"') : page.index('id="disliked-title"')].count("文章due") == 0
    async with database.read() as session:
        pending = await session.scalar(select(Article.pending_revision).where(Article.slug == "due"))
        reads = (await session.scalars(select(ArticleRead))).all()
    assert pending == 2 and len(reads) == 1


async def test_with_nothing_to_do_it_says_so(database: Database, clock: VirtualClock) -> None:
    tokens, app = await staff(database, Role.EDITOR), insight_app(database, clock)
    async with visiting(app, tokens["editor"]) as editor:
        _, page = await editor.get("/content/feedback")
    for words in ("没有反复被问却没答上的问题", "没有要复核的文章", "没有评价明显偏低的文章", "都有人打开"):
        assert words in page
