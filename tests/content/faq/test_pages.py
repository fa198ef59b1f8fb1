"""The editors' pages: what was asked in vain becomes an entry that is found, joins one, or needs no answer."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI
from sqlalchemy import select

from content.faq.models import FaqEntry
from content.faq.questions.models import QuestionGroup
from store.audit import AuditRow
from store.clock import VirtualClock
from store.database import Database
from tests.channels.ops.site import Visitor, staff, visiting
from tests.content.faq.people import asked
from tests.content.faq.site import GOOD, faq_app
from web.signin.models import Role


async def site(database: Database, clock: VirtualClock) -> tuple[FastAPI, str]:
    app = faq_app(database, clock)
    return app, (await staff(database, Role.EDITOR))["editor"]


async def entries(database: Database) -> list[FaqEntry]:
    async with database.read() as session:
        return list(await session.scalars(select(FaqEntry).order_by(FaqEntry.changed_at, FaqEntry.slug)))


async def group_id(database: Database) -> str:
    async with database.read() as session:
        found = await session.scalar(select(QuestionGroup.id).order_by(QuestionGroup.people.desc()).limit(1))
        return str(found)


async def made(visitor: Visitor, **values: Any) -> str:
    status, location = await visitor.post("/content/faq/new", **{**GOOD, "action": "publish", **values})
    assert status == 303, location
    return location.removeprefix("/content/faq/").split("?")[0]


async def test_an_empty_list_says_so(database: Database, clock: VirtualClock) -> None:
    app, token = await site(database, clock)
    async with visiting(app, token) as visitor:
        assert "还没有没答上的问题" in (await visitor.get("/content/questions"))[1]
        assert "没有符合条件的条目" in (await visitor.get("/content/faq"))[1]
        assert "没有相近的条目" in (await visitor.get("/content/faq/near"))[1]


async def test_questions_become_an_entry_that_is_found(database: Database, clock: VirtualClock) -> None:
    app, token = await site(database, clock)
    await asked(database, clock.now(), "医院里有充电宝可以借吗", by="a")
    await asked(database, clock.now(), "哪里可以借充电宝", by="b")
    async with visiting(app, token) as visitor:
        assert (await visitor.post("/content/questions/group"))[0] == 303
        _, page = await visitor.get("/content/questions")
        assert "医院里有充电宝可以借吗" in page
        assert "共 2 次" in page
        path = f"/content/questions/{await group_id(database)}/entry"
        _, form = await visitor.get(path)
        assert 'value="医院里有充电宝可以借吗？"' in form
        assert "哪里可以借充电宝" in form
        status, _ = await visitor.post(path, **{**GOOD, "action": "publish"})
        assert status == 303
        (entry,) = await entries(database)
        assert (entry.status, entry.category, len(entry.similar)) == ("published", "院内服务", 4)
        await app.state.index.refresh()
        (hit, *_) = await app.state.index.search("充电宝去哪里借")
        assert hit.entry_id == entry.slug
        assert "医院里有充电宝" not in (await visitor.get("/content/questions"))[1]
        assert "医院里有充电宝" in (await visitor.get("/content/questions?state=answered"))[1]


async def test_what_breaks_a_rule_is_said_and_not_saved(database: Database, clock: VirtualClock) -> None:
    app, token = await site(database, clock)
    async with visiting(app, token) as visitor:
        bad = {**GOOD, "action": "publish", "sms": "请拨打13812345678，关注公众号。", "answer": "下午9:00来"}
        status, _ = await visitor.post("/content/faq/new", **bad)
        assert status == 422
        assert await entries(database) == []


async def test_a_draft_may_be_unfinished_and_is_not_found(database: Database, clock: VirtualClock) -> None:
    app, token = await site(database, clock)
    async with visiting(app, token) as visitor:
        status, _ = await visitor.post("/content/faq/new", question="有充电宝吗？", action="draft")
        assert status == 303
        (entry,) = await entries(database)
        assert entry.status == "draft"
        await app.state.index.refresh()
        assert list(await app.state.index.search("有充电宝吗")) == []
        status, _ = await visitor.post(f"/content/faq/{entry.slug}", **{**GOOD, "action": "publish"})
        assert status == 303
        await app.state.index.refresh()
        assert (await app.state.index.search("有充电宝吗"))[0].entry_id == entry.slug
        assert (await visitor.post(f"/content/faq/{entry.slug}/withdraw"))[0] == 303
        await app.state.index.refresh()
        assert list(await app.state.index.search("有充电宝吗")) == []


async def test_nearly_the_same_question_is_shown_before_it_is_saved(
    database: Database, clock: VirtualClock
) -> None:
    app, token = await site(database, clock)
    async with visiting(app, token) as visitor:
        first = await made(visitor)
        await app.state.index.refresh()
        twice = {**GOOD, "question": "医院里可以借充电宝么？", "similar": "", "action": "publish"}
        assert (await visitor.post("/content/faq/new", **twice))[0] == 422
        second = await made(visitor, **{**twice, "seen": first})
        await app.state.index.refresh()
        _, page = await visitor.get("/content/faq/near")
        assert first in page
        assert second in page
        assert (await visitor.post("/content/faq/merge", keep=first, drop=second))[1].endswith("said=merged")
        await app.state.index.refresh()
        assert "没有相近的条目" in (await visitor.get("/content/faq/near"))[1]
    kept = {entry.slug: entry for entry in await entries(database)}
    assert kept[second].status == "withdrawn"
    assert "医院里可以借充电宝么？" in kept[first].similar


async def test_questions_can_join_an_entry(database: Database, clock: VirtualClock) -> None:
    app, token = await site(database, clock)
    async with visiting(app, token) as visitor:
        slug = await made(visitor)
        await app.state.index.refresh()
        await asked(database, clock.now(), "我叫张伟，手机没电能充吗", by="a")
        await asked(database, clock.now(), "手机没电能在医院充吗", by="b")
        await visitor.post("/content/questions/group")
        _, page = await visitor.get("/content/questions")
        assert "也许已经有答案" in page
        assert "张伟" not in page
        status, location = await visitor.post(
            f"/content/questions/{await group_id(database)}/assign", slug=slug
        )
        assert (status, location) == (303, "/content/questions?said=assigned")
    (entry,) = await entries(database)
    assert "手机没电能在医院充吗" in entry.similar
    assert not any("＊" in text for text in entry.similar)


async def test_no_answer_needed_can_be_undone(database: Database, clock: VirtualClock) -> None:
    app, token = await site(database, clock)
    await asked(database, clock.now(), "你们医院食堂的厨师是谁")
    async with visiting(app, token) as visitor:
        await visitor.post("/content/questions/group")
        group = await group_id(database)
        _, location = await visitor.post(f"/content/questions/{group}/dismiss")
        _, page = await visitor.get(location)
        assert "撤销" in page
        assert "厨师" not in page
        await visitor.post(f"/content/questions/{group}/reopen")
        assert "厨师" in (await visitor.get("/content/questions"))[1]


async def test_reading_is_on_record(database: Database, clock: VirtualClock) -> None:
    app, token = await site(database, clock)
    async with visiting(app, token) as visitor:
        await visitor.get("/content/questions")
    async with database.read() as session:
        (row,) = list(await session.scalars(select(AuditRow).where(AuditRow.action == "read")))
    assert row.subject == "unanswered_questions"
    assert row.actor.startswith("staff:")
