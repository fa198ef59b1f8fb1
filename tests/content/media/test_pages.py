"""The library's pages without scripts: taken in, found, described anew, shown where used, taken out; refusals in words."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import aiohttp
import pytest
from sqlalchemy import select

from content.articles import service as articles
from content.media import images
from content.media.models import MediaAsset
from content.media.service import Shelf
from store.clock import VirtualClock
from store.database import Database
from tests.channels.ops.site import TOKEN, Visitor, staff, visiting
from tests.content.media.site import media_app
from tests.factories.articles import doc, people
from tests.factories.pictures import picture
from web.signin.models import Role

WORDS = {"alt": "一盘蔬菜", "source": "本院营养科", "licence": "own", "name": "餐盘"}


@pytest.fixture
async def editor(database: Database, clock: VirtualClock, tmp_path: Path) -> AsyncIterator[Visitor]:
    token = (await staff(database, Role.EDITOR))["editor"]
    async with visiting(media_app(database, clock, Shelf(tmp_path)), token) as visitor:
        yield visitor


async def upload(
    visitor: Visitor, raw: bytes, *, csrf: bool = True, htmx: bool = False, **words: str
) -> tuple[int, str, str]:
    """Status, where it leads, the page."""
    data = aiohttp.FormData({**WORDS, **words, **({"csrf_token": TOKEN} if csrf else {})})
    data.add_field("file", raw, filename="plate.jpg", content_type="image/jpeg")
    headers = {"HX-Request": "true"} if htmx else {}
    async with visitor._session.post(
        "/content/media", data=data, headers=headers, allow_redirects=False
    ) as answer:
        leads = answer.headers.get("Location", answer.headers.get("HX-Redirect", ""))
        return answer.status, leads, await answer.text()


async def only(database: Database) -> MediaAsset:
    async with database.read() as session:
        return (await session.scalars(select(MediaAsset))).one()


async def test_taken_in_found_and_described_anew(editor: Visitor, database: Database) -> None:
    assert "还没有图片" in (await editor.get("/content/media"))[1]
    assert (await upload(editor, picture()))[:2] == (303, "/content/media?said=added")
    kept = await only(database)
    for query, there in (("", True), ("?q=营养", True), ("?q=血压", False), ("?unused=true", True)):
        assert (str(kept.id) in (await editor.get(f"/content/media{query}"))[1]) is there, query
    assert f'data-picture="{kept.id}"' in (await editor.get("/content/media/pick?q=餐盘"))[1]
    saved = await editor.post(
        f"/content/media/{kept.id}", alt="半盘蔬菜", source="营养科", licence="cc0", name=""
    )
    assert saved == (303, f"/content/media/{kept.id}?said=changed")
    again = await only(database)
    assert (again.alt, again.source, again.licence, again.name) == ("半盘蔬菜", "营养科", "cc0", "")
    assert "半盘蔬菜" in (await editor.get(f"/content/media/{kept.id}"))[1]


@pytest.mark.parametrize(
    ("raw", "words", "said"),
    [
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", {}, "不认识这种文件"),
        (b"", {}, "不认识这种文件"),
        (picture(), {"alt": " "}, "请填写替代文字"),
        (picture(), {"source": ""}, "请填写图片来源"),
        (picture(), {"licence": "stolen"}, "请选择图片的授权方式"),
    ],
)
async def test_what_is_refused_keeps_what_was_written(
    editor: Visitor, database: Database, raw: bytes, words: dict[str, str], said: str
) -> None:
    status, _, page = await upload(editor, raw, **words)
    assert status == 422
    assert said in page
    assert 'value="餐盘"' in page
    status, leads, part = await upload(editor, raw, htmx=True, **words)
    assert (status, leads, said in part, "<form" in part) == (200, "", True, False)
    async with database.read() as session:
        assert (await session.scalars(select(MediaAsset))).all() == []


async def test_more_than_a_picture_is_not_read(editor: Visitor) -> None:
    status, _, page = await upload(editor, b"x" * (images.MOST_BYTES + 128 * 1024))
    assert (status, "图片超过 10 MB" in page) == (413, True)

    async def unending() -> AsyncIterator[bytes]:
        yield b"csrf_token="

    async with editor._session.post("/content/media", data=unending()) as answer:
        assert answer.status == 422


async def test_from_elsewhere_nothing_is_taken(editor: Visitor) -> None:
    assert (await upload(editor, picture(), csrf=False))[0] == 403


async def test_the_same_picture_is_kept_once(
    editor: Visitor, database: Database, clock: VirtualClock
) -> None:
    await upload(editor, picture())
    clock.advance(timedelta(minutes=1))
    status, leads, _ = await upload(editor, picture(), alt="另一句话")
    kept = await only(database)
    assert (status, leads) == (303, f"/content/media/{kept.id}?said=again")
    assert kept.alt == "另一句话"


async def test_deleted_only_while_no_text_shows_it(
    editor: Visitor, database: Database, clock: VirtualClock, tmp_path: Path
) -> None:
    await upload(editor, picture())
    kept = await only(database)
    made = await people(database, prefix="m-")
    async with database.write("article") as session:
        text: Any = doc(title="餐盘法", body=f"## 怎么吃\n\n![](/media/{kept.id})\n")
        await articles.create(session, "plate", text, staff=made["editor"], now=clock.now())
    page = (await editor.get(f"/content/media/{kept.id}"))[1]
    assert re.search(r'href="/content/articles/plate">餐盘法</a> <span[^>]*>草稿', page)
    assert "删除图片" not in page
    status, _ = await editor.post(f"/content/media/{kept.id}/delete")
    assert status == 409
    async with database.write("article") as session:
        article = await articles.get(session, "plate")
        await articles.discard(session, article, staff=made["editor"], now=clock.now())
    assert list(tmp_path.rglob("*.jpg"))
    assert (await editor.post(f"/content/media/{kept.id}/delete"))[1] == "/content/media?said=removed"
    assert not list(tmp_path.rglob("*.jpg"))
    assert (await editor.get(f"/content/media/{kept.id}"))[0] == 404
    assert (await editor.post(f"/content/media/{UUID(int=1)}/delete"))[0] == 404
