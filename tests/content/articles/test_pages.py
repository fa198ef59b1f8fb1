"""The articles' desk without scripts: list, write, review, history, recall; what goes wrong is said in words."""

from __future__ import annotations

import re
from typing import Any

import aiohttp
from fastapi import FastAPI

from content.articles import drafts, service
from content.articles.doc import ArticleDoc, Audience, Variation
from content.articles.pages.editing import form_of
from content.articles.pages.written import Written
from store.clock import VirtualClock
from store.database import Database
from tests.channels.ops.site import TOKEN, Visitor, staff, visiting
from tests.content.articles.site import articles_app
from tests.factories.articles import RULES, doc
from web.security import CSRF_HEADER


async def site(database: Database, clock: VirtualClock) -> tuple[FastAPI, dict[str, str]]:
    return articles_app(database, clock), await staff(database)


async def call(visitor: Visitor, path: str, **body: Any) -> tuple[int, Any]:
    """As the page's script asks."""
    session: aiohttp.ClientSession = visitor._session
    headers = {CSRF_HEADER: TOKEN, "Accept": "application/json"}
    async with session.post(f"/content/articles{path}", json=body, headers=headers) as answer:
        return answer.status, await answer.json()


def form(**values: Any) -> dict[str, Any]:
    return form_of(doc(**values))


async def begun(visitor: Visitor, slug: str = "t2dm-first", **values: Any) -> None:
    """An article with a finished draft, version 2."""
    made = await visitor.post("/content/articles/new", title="新文章", slug=slug, topic="diabetes")
    assert made == (303, f"/content/articles/{slug}/edit")
    assert (await visitor.get(f"/content/articles/{slug}/edit"))[0] == 200
    status, answer = await call(visitor, f"/{slug}/save", doc=form(**values), version=1)
    assert (status, answer["version"]) == (200, 2)


async def signed(app: FastAPI, tokens: dict[str, str], slug: str) -> None:
    """Every stage, each by somebody of its own."""
    for role, stage in zip(("clinical_reviewer", "nurse", "doctor"), RULES.stages, strict=True):
        async with visiting(app, tokens[role]) as visitor:
            _, page = await visitor.get(f"/content/articles/{slug}")
            digest = re.search(r'name="digest" value="(\w+)"', page)
            assert digest, role
            data = aiohttp.FormData({"csrf_token": TOKEN, "digest": digest[1]})
            for check in stage.checks:
                data.add_field("checks", check)
            path = f"/content/articles/{slug}/sign"
            async with visitor._session.post(path, data=data, allow_redirects=False) as answer:
                assert answer.status == 303, await answer.text()


async def test_the_form_gives_back_the_very_document() -> None:
    whole = doc(review_by=None)
    assert Written.model_validate(form_of(whole)).doc() == whole


async def test_an_empty_desk_says_so(database: Database, clock: VirtualClock) -> None:
    app, tokens = await site(database, clock)
    async with visiting(app, tokens["editor"]) as visitor:
        status, page = await visitor.get("/content/articles")
        assert status == 200
        assert "没有符合条件的文章" in page
        assert (await visitor.get("/content/articles/none"))[0] == 404


async def test_written_signed_by_three_and_published(database: Database, clock: VirtualClock) -> None:
    app, tokens = await site(database, clock)
    async with visiting(app, tokens["editor"]) as visitor:
        await begun(visitor)
        assert (await visitor.post("/content/articles/t2dm-first/submit", version="1"))[1].endswith(
            "said=newer"
        )
        submitted = await visitor.post("/content/articles/t2dm-first/submit", version="2", note="第一次写")
        assert submitted == (303, "/content/articles/t2dm-first?said=submitted")
        assert (await visitor.get("/content/articles/t2dm-first/edit"))[0] == 303
    async with visiting(app, tokens["clinical_reviewer"]) as visitor:
        assert "等您签署的 1 篇" in (await visitor.get("/content/articles"))[1]
    await signed(app, tokens, "t2dm-first")
    async with database.read() as session:
        live = await service.live(session, "t2dm-first", service.today_of(clock))
    assert live is not None
    assert live.doc == doc()
    async with visiting(app, tokens["editor"]) as visitor:
        page = (await visitor.get("/content/articles?state=published"))[1]
        assert "新确诊糖尿病先弄懂这几件事" in page
        assert "没有符合条件" in (await visitor.get("/content/articles?state=draft"))[1]


async def test_what_is_unfinished_is_not_handed_in(database: Database, clock: VirtualClock) -> None:
    app, tokens = await site(database, clock)
    async with visiting(app, tokens["editor"]) as visitor:
        await begun(visitor, body="## 疗效\n\n本院根治糖尿病，治愈率第一。", sources=())
        _, looked = await call(visitor, "/t2dm-first/preview", doc=form(body="本院根治糖尿病", sources=()))
        errors = {(one["field"], one["code"]) for one in looked["findings"] if one["severity"] == "error"}
        assert ("sources", "no_source") in errors
        assert any(field == "body" for field, _ in errors)
        status, _ = await visitor.post("/content/articles/t2dm-first/submit", version="2")
        assert status == 409


async def test_nothing_unsafe_comes_out_of_the_preview(database: Database, clock: VirtualClock) -> None:
    app, tokens = await site(database, clock)
    nasty = '## 甲\n\n<script>alert(1)</script><img src="https://spy.example/p.gif" onerror="x()">文字\n'
    async with visiting(app, tokens["editor"]) as visitor:
        await begun(visitor)
        _, looked = await call(visitor, "/t2dm-first/preview", doc=form(body=nasty))
        for channel in ("page", "wechat"):
            assert "文字" in looked[channel]
            assert not re.search(r"script|spy\.example|onerror", looked[channel])


async def test_two_editors_lose_no_words(database: Database, clock: VirtualClock) -> None:
    app, tokens = await site(database, clock)
    async with visiting(app, tokens["editor"]) as one, visiting(app, tokens["clinical_reviewer"]) as other:
        await begun(one)
        assert "正在编辑这篇文章" in (await other.get("/content/articles/t2dm-first/edit"))[1]
        status, answer = await call(other, "/t2dm-first/save", doc=form(summary="我改的"), version=2)
        assert status == 409
        assert "正在编辑" in answer["detail"]
        assert (await other.post("/content/articles/t2dm-first/lock/take"))[0] == 303
        assert (await call(other, "/t2dm-first/save", doc=form(summary="我改的"), version=2))[0] == 200
        status, answer = await call(one, "/t2dm-first/save", doc=form(summary="我也改了"), version=2)
        assert status == 409
        kept = answer["kept"]
        _, page = await one.get(f"/content/articles/t2dm-first/states?look={kept}")
        assert "没能保存上的文字" in page
        assert "我也改" in re.sub(r"<[^>]+>", "", page)


async def test_undo_and_redo(database: Database, clock: VirtualClock) -> None:
    app, tokens = await site(database, clock)
    async with visiting(app, tokens["editor"]) as visitor:
        await begun(visitor)
        saved = await call(visitor, "/t2dm-first/save", doc=form(summary="第二句"), version=2, kind="saved")
        assert saved[1]["version"] == 3
        _, back = await call(visitor, "/t2dm-first/step/undo", version=3)
        assert back["doc"]["summary"] == doc().summary
        _, again = await call(visitor, "/t2dm-first/step/redo", version=back["version"])
        assert again["doc"]["summary"] == "第二句"
        status, answer = await call(visitor, "/t2dm-first/step/redo", version=again["version"])
        assert (status, answer["detail"]) == (404, "没有可以重做的了")


async def test_a_shapeless_document_is_refused_in_words(database: Database, clock: VirtualClock) -> None:
    app, tokens = await site(database, clock)
    async with visiting(app, tokens["editor"]) as visitor:
        await begun(visitor)
        for wrong in ({"title": 7}, {"sources": "无"}, {"unknown": 1}, {"body": "长" * 200_000}):
            status, answer = await call(visitor, "/t2dm-first/save", doc={**form(), **wrong}, version=2)
            assert status == 422, wrong
            assert "格式不对" in answer["detail"]
    async with database.read() as session:
        draft = await drafts.find(session, (await service.get(session, "t2dm-first")).id)
    assert draft is not None
    assert ArticleDoc.from_json(draft.doc) == doc()


async def test_sent_back_rolled_back_and_recalled(database: Database, clock: VirtualClock) -> None:
    app, tokens = await site(database, clock)
    async with visiting(app, tokens["editor"]) as editor:
        await begun(editor)
        await editor.post("/content/articles/t2dm-first/submit", version="2")
        await signed(app, tokens, "t2dm-first")
        assert (await editor.get("/content/articles/t2dm-first/edit"))[0] == 200
        assert (await call(editor, "/t2dm-first/save", doc=form(summary="改过。"), version=1))[0] == 200
        await editor.post("/content/articles/t2dm-first/submit", version="2")
        async with visiting(app, tokens["clinical_reviewer"]) as reviewer:
            _, page = await reviewer.get("/content/articles/t2dm-first")
            found = re.search(r'name="digest" value="(\w+)"', page)
            assert found
            assert (await reviewer.post("/content/articles/t2dm-first/return", digest=found[1]))[0] == 409
            done = await reviewer.post("/content/articles/t2dm-first/return", digest=found[1], remark="太短")
            assert done[1].endswith("said=returned")
        _, page = await editor.get("/content/articles/t2dm-first/compare?old=1&new=2")
        assert "<ins>" in page
        done = await editor.post("/content/articles/t2dm-first/roll-back", number="2")
        assert done[1].endswith("said=rolled_back")
        assert (await editor.post("/content/articles/t2dm-first/recall", reason=""))[0] == 409
        done = await editor.post("/content/articles/t2dm-first/recall", reason="数字写错")
        assert done[1].endswith("said=recalled")
        assert "数字写错" in (await editor.get("/content/articles/t2dm-first"))[1]
        assert (await editor.get("/content/articles/t2dm-first/recipients"))[0] == 403
    async with visiting(app, tokens["doctor"]) as doctor:
        assert "还没有人收到过" in (await doctor.get("/content/articles/t2dm-first/recipients"))[1]
    async with database.read() as session:
        assert await service.live(session, "t2dm-first", service.today_of(clock)) is None


async def test_comments_are_settled_and_opened_again(database: Database, clock: VirtualClock) -> None:
    app, tokens = await site(database, clock)
    async with visiting(app, tokens["editor"]) as visitor:
        await begun(visitor)
        await visitor.post("/content/articles/t2dm-first/comments", text="这里要不要写西瓜", quote="水果")
        _, page = await visitor.get("/content/articles/t2dm-first")
        assert "这里要不要写西瓜" in page
        found = re.search(r"/comments/([\w-]+)/settle", page)
        assert found
        path = f"/content/articles/t2dm-first/comments/{found[1]}/settle"
        assert (await visitor.post(path, done="true"))[0] == 303
        assert "已处理" in (await visitor.get("/content/articles/t2dm-first"))[1]
        assert (await visitor.post(path, done="false"))[0] == 303
        assert "已处理" not in (await visitor.get("/content/articles/t2dm-first"))[1]


async def test_who_may_what(database: Database, clock: VirtualClock) -> None:
    app, tokens = await site(database, clock)
    async with visiting(app, tokens["editor"]) as visitor:
        await begun(visitor)
    for role in ("operator", "auditor"):
        async with visiting(app, tokens[role]) as visitor:
            assert (await visitor.get("/content/articles"))[0] == 403
    async with visiting(app, tokens["nurse"]) as visitor:
        assert (await visitor.get("/content/articles/t2dm-first"))[0] == 200
        assert (await visitor.get("/content/articles/t2dm-first/edit"))[0] == 403
        assert (await visitor.post("/content/articles/new", title="x", slug="x", topic="diabetes"))[0] == 403
    async with visiting(app) as visitor:
        assert (await visitor.get("/content/articles"))[0] in (302, 303)


async def test_the_preview_is_seen_with_a_readers_eyes(database: Database, clock: VirtualClock) -> None:
    app, tokens = await site(database, clock)
    pregnant = Variation("孕妇", Audience(sex="female", weeks=(12, 28)), "孕期每餐称重。", "饮食")
    written = form(variations=(pregnant,))
    async with visiting(app, tokens["editor"]) as visitor:
        await begun(visitor, variations=(pregnant,))
        for reader, theirs in ((0, False), (1, True), (2, False)):
            _, looked = await call(visitor, "/t2dm-first/preview", doc=written, reader=reader)
            for channel in ("page", "wechat"):
                assert ("孕期每餐称重" in looked[channel]) is theirs, (reader, channel)
                assert ("七分饱" in looked[channel]) is not theirs
        assert (await visitor._session.post("/content/articles/t2dm-first/preview", json={})).status == 403
