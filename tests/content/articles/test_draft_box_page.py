"""The button 存入公众号草稿箱: shown for what is signed, heard by the simulator, its refusals said in words."""

from __future__ import annotations

from pathlib import Path

from channels.simulator.faults import Fault
from content.articles import service
from store.clock import VirtualClock
from store.database import Database
from tests.channels.ops.site import TOKEN, staff, visiting
from tests.content.articles.site import articles_app
from tests.content.articles.test_draftbox import desk
from tests.factories.articles import doc

ASK = 'data-ask="draft-box"'


async def test_the_button_makes_a_draft(database: Database, clock: VirtualClock, tmp_path: Path) -> None:
    async with desk(database, clock, tmp_path) as at:
        tokens = await staff(database)
        async with database.write("test") as session:
            await service.create(session, "unsigned", doc(), staff=at.staff["editor"], now=clock.now())
        app = articles_app(database, clock, {at.box.account_id: at.box})
        async with visiting(app, tokens["nurse"]) as nurse:
            assert ASK not in (await nurse.get("/content/articles/t2dm-first"))[1]
        async with visiting(app, tokens["editor"]) as editor:
            page = (await editor.get("/content/articles/t2dm-first"))[1]
            assert ASK in page
            assert ASK not in (await editor.get("/content/articles/unsigned"))[1]
            assert "存入过草稿箱" not in page
            path, form = "/content/articles/t2dm-first/draft-box", {"number": "1", "account": "main"}
            assert (await editor.post(path, csrf=False, **form))[0] == 403
            assert (await editor.post(path, **form | {"account": "other"}))[0] == 404
            assert at.drafts() == []
            assert await editor.post(path, **form) == (303, "/content/articles/t2dm-first?said=boxed")
            assert [one["title"] for one in at.drafts()] == [doc().title]
            page = (await editor.get("/content/articles/t2dm-first?said=boxed"))[1]
            assert "已存入公众号草稿箱" in page
            assert "存入过草稿箱" in page

            at.wired.sim.faults.add(Fault("errcode", value=45009, path="draft/add"))
            headers = {"HX-Request": "true"}
            async with editor._session.post(
                path, data=form | {"csrf_token": TOKEN}, headers=headers
            ) as answer:
                assert answer.status == 200
                assert "今天的调用次数已用完" in await answer.text()
