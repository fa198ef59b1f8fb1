"""An article into 草稿箱, over the wire to the simulator, pictures and all."""

from __future__ import annotations

import asyncio
import io
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import func, select

from channels.simulator.faults import Fault
from channels.wechat.errors import VendorError
from channels.wechat.materials import DraftArticle, add_cover, add_draft, upload_picture
from content.articles import draftbox, recall, service, workflow
from content.articles.draftbox import DraftBox
from content.articles.errors import ArticleError
from content.media import service as media
from content.media.models import MediaAtWeChat
from content.media.service import Described, Shelf
from store.clock import VirtualClock
from store.database import Database
from tests.channels.simulator.test_wechat_line import CONFIG, Line, line
from tests.channels.simulator.theirs import their_client
from tests.factories.articles import BODY, doc, people, published
from tests.factories.pictures import picture
from web.signin.models import StaffUser


@dataclass
class Desk:
    wired: Line
    box: DraftBox
    staff: dict[str, StaffUser]
    pictures: list[UUID]

    @property
    def kept(self) -> Any:
        return self.wired.sim.materials

    def drafts(self) -> list[dict[str, Any]]:
        return [one for articles in self.kept.drafts.values() for one in articles]

    async def put(self, slug: str = "t2dm-first") -> str:
        return (await self.box.put(slug, 1, staff=self.staff["editor"])).vendor_id


@asynccontextmanager
async def desk(database: Database, clock: VirtualClock, tmp_path: Path, **values: Any) -> AsyncIterator[Desk]:
    """A published article with two pictures, and an account with an empty draft box."""
    staff, shelf, ids = await people(database, prefix="box-"), Shelf(tmp_path), []
    for form, mode, size in (("JPEG", "RGB", (800, 800)), ("PNG", "RGBA", (40, 40))):
        clean = await media.prepare(picture(form, size, mode=mode, noise=form == "JPEG"))
        async with database.write("pictures") as session:
            described = Described(f"图{len(ids) + 1}", "本院营养科", "own")
            asset = await media.add(session, shelf, clean, described, staff=None, now=clock.now())
            ids.append(asset.id)
    body = f"{BODY}\n![](/media/{ids[0]})\n\n![盘子](/media/{ids[1]})\n"
    async with database.write("article") as session:
        await published(session, staff, clock, **{"body": body, **values})
    async with line(CONFIG) as wired:
        box = DraftBox(database, clock, shelf, wired.client, "https://hospital.example/a/{slug}")
        yield Desk(wired, box, staff, ids)


async def test_a_draft_has_its_pictures_styles_and_cover(
    database: Database, clock: VirtualClock, tmp_path: Path
) -> None:
    async with desk(database, clock, tmp_path) as at:
        vendor_id = await at.put()
        (draft,) = at.drafts()
        assert list(at.kept.drafts) == [vendor_id]
        assert (draft["title"], draft["author"], draft["digest"]) == (
            doc().title,
            doc().author,
            doc().summary,
        )
        assert draft["content_source_url"] == "https://hospital.example/a/t2dm-first"
        shown = re.findall(r'<img[^>]*src="([^"]+)"', draft["content"])
        assert len(shown) == 2
        assert set(shown) <= set(at.kept.pictures)
        assert all(len(at.kept.pictures[url]) < 1 << 20 for url in shown)
        assert 'alt="图1"' in draft["content"]
        assert 'alt="盘子"' in draft["content"]
        assert " class=" not in draft["content"]
        assert at.kept.kept[draft["thumb_media_id"]][0] == "image"
        async with database.read() as session:
            article = await service.get(session, "t2dm-first")
            assert [row[:2] for row in await draftbox.put_before(session, article.id)] == [(1, "main")]


async def test_pictures_are_uploaded_once(database: Database, clock: VirtualClock, tmp_path: Path) -> None:
    async with desk(database, clock, tmp_path) as at:
        await at.put()
        before = (len(at.kept.pictures), len(at.kept.kept))
        await at.put()
        assert (len(at.kept.pictures), len(at.kept.kept)) == before
        assert len(at.drafts()) == 2
        async with database.read() as session:
            assert await session.scalar(select(func.count()).select_from(MediaAtWeChat)) == 3


async def test_a_cover_the_account_has_lost_is_uploaded_again(
    database: Database, clock: VirtualClock, tmp_path: Path
) -> None:
    async with desk(database, clock, tmp_path) as at:
        await at.put()
        at.kept.kept.clear()
        await at.put()
        assert at.drafts()[1]["thumb_media_id"] in at.kept.kept


async def test_an_article_without_pictures_has_a_plain_cover(
    database: Database, clock: VirtualClock, tmp_path: Path
) -> None:
    async with desk(database, clock, tmp_path, body=BODY) as at:
        await at.put()
        assert len(at.kept.kept) == 1
        assert at.kept.pictures.keys() - {url for url in at.kept.pictures if "wx_fmt" in url} == set()


async def test_only_what_is_signed_goes(database: Database, clock: VirtualClock, tmp_path: Path) -> None:
    async with desk(database, clock, tmp_path) as at:
        async with database.write("test") as session:
            by = {"staff": at.staff["editor"], "now": clock.now()}
            unsigned = await service.create(session, "unsigned", doc(), **by)
            await workflow.submit(session, unsigned, **by)
            gone = await service.get(session, "t2dm-first")
            await recall.recall(session, gone, reason="有误", **by)
        for slug in ("unsigned", "t2dm-first"):
            with pytest.raises(ArticleError) as caught:
                await at.put(slug)
            assert caught.value.code == "not_approved"
        assert at.drafts() == []


@pytest.mark.parametrize(
    ("fault", "code", "said"),
    [
        (Fault("errcode", value=45009, path="draft/add"), "wechat_refused", "今天的调用次数已用完"),
        (Fault("errcode", value=53404, path="draft/add"), "wechat_refused", "53404"),
        (Fault("html", path="draft/add"), "wechat_unclear", "看一眼"),
    ],
)
async def test_what_wechat_says_is_told(
    database: Database, clock: VirtualClock, tmp_path: Path, fault: Fault, code: str, said: str
) -> None:
    async with desk(database, clock, tmp_path) as at:
        at.wired.sim.faults.add(fault)
        with pytest.raises(ArticleError, match=said) as caught:
            await at.put()
        assert caught.value.code == code


async def test_an_account_out_of_reach_takes_nothing(
    database: Database, clock: VirtualClock, tmp_path: Path
) -> None:
    async with desk(database, clock, tmp_path) as at:
        at.wired.client.account = replace(at.wired.client.account, base_url="http://127.0.0.1:9")
        with pytest.raises(ArticleError) as caught:
            await at.put()
        assert caught.value.code == "wechat_away"


# --- the vendor's rules ---


def code(answer: Any) -> int:
    assert isinstance(answer, VendorError), answer
    return answer.code


async def cover(wired: Line) -> str:
    answer = await add_cover(wired.client, picture(), "image/jpeg")
    assert isinstance(answer, dict)
    return str(answer["media_id"])


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"title": "题" * 33}, 45003),
        ({"author": "名" * 17}, 45110),
        ({"digest": "摘" * 129}, 45004),
        ({"content": "字" * 20_000}, 45002),
        ({"content": ""}, 44004),
        ({"source_url": "https://a.example/" + "x" * 1024}, 40039),
        ({"thumb_media_id": "nothing"}, 40007),
    ],
)
async def test_drafts_keep_to_the_vendors_limits(change: dict[str, str], expected: int) -> None:
    async with line(CONFIG) as wired:
        good = DraftArticle("题" * 32, "字" * 19_999, await cover(wired), "名" * 16, "摘" * 128)
        assert isinstance(await add_draft(wired.client, good), dict)
        assert code(await add_draft(wired.client, replace(good, **change))) == expected


async def test_uploads_keep_to_the_vendors_limits() -> None:
    async with line(replace(CONFIG, material_images=1)) as wired:
        client = wired.client
        assert code(await upload_picture(client, picture("GIF", mode="P"), "image/gif")) == 40005
        large = picture("PNG", (1200, 1200), noise=True)
        assert len(large) > 1 << 20
        assert code(await upload_picture(client, large, "image/png")) == 40009
        assert code(await add_cover(client, b"text", "image/jpeg")) == 40005
        await cover(wired)
        assert code(await add_cover(client, picture(), "image/jpeg")) == 45001


async def test_scripts_and_outside_pictures_are_taken_out_by_the_vendor() -> None:
    async with line(CONFIG) as wired:
        mine = await upload_picture(wired.client, picture(), "image/jpeg")
        assert isinstance(mine, dict)
        content = f'<p onclick="x()">字</p><script>x()</script><img src="{mine["url"]}"><img src="https://a.example/b.png">'
        await add_draft(wired.client, DraftArticle("题", content, await cover(wired)))
        ((draft,),) = wired.sim.materials.drafts.values()
        assert draft["content"] == f'<p>字</p><img src="{mine["url"]}">'


async def test_wechatpys_client_agrees() -> None:
    async with line(CONFIG) as wired:

        def talk() -> None:
            client = their_client(wired.sim_url, CONFIG)
            file = io.BytesIO(picture())
            file.name = "a.jpg"
            media_id = client.material.add("image", file)["media_id"]
            file = io.BytesIO(picture())
            file.name = "a.jpg"
            assert client.media.upload_image(file).startswith("http://mmbiz.qpic.cn/")
            one = {"title": "题", "content": "字", "thumb_media_id": media_id}
            made = client.post("draft/add", data={"articles": [one]})["media_id"]
            assert client.post("draft/get", data={"media_id": made})["news_item"][0]["title"] == "题"
            assert client.get("draft/count")["total_count"] == 1
            client.post("draft/delete", data={"media_id": made})
            assert client.get("draft/count")["total_count"] == 0

        await asyncio.to_thread(talk)
