"""What is taken into the library, what is kept of it, who shows it, and how it is served."""

from __future__ import annotations

import io
import zlib
from pathlib import Path
from uuid import UUID

import aiohttp
import pytest
from fastapi import FastAPI
from PIL import Image
from sqlalchemy import select

from content.articles import drafts, service
from content.articles.errors import ArticleError, NotFound
from content.media import images, uses
from content.media import service as media
from content.media.models import MediaAsset
from content.media.service import Described, Shelf
from content.media.serving import media_router
from store.audit import AuditRow
from store.clock import VirtualClock
from store.database import Database
from tests.channels.simulator.serving import serve
from tests.factories.articles import doc, people, published
from tests.factories.pictures import PLACE, picture
from web.signin.models import StaffUser

GOOD = Described("一盘蔬菜占了半个盘子", "本院营养科", "own", "餐盘")


async def taken(
    database: Database, clock: VirtualClock, shelf: Shelf, staff: StaffUser, raw: bytes = b""
) -> MediaAsset:
    clean = await media.prepare(raw or picture())
    async with database.write("test") as session:
        return await media.add(session, shelf, clean, GOOD, staff=staff, now=clock.now())


@pytest.mark.parametrize(
    ("form", "mode", "kept"),
    [
        ("JPEG", "RGB", "image/jpeg"),
        ("PNG", "RGB", "image/jpeg"),
        ("PNG", "RGBA", "image/png"),
        ("WEBP", "RGB", "image/jpeg"),
        ("GIF", "P", "image/jpeg"),
    ],
)
def test_only_the_pixels_are_kept(form: str, mode: str, kept: str) -> None:
    raw = picture(form, mode=mode)
    clean = images.clean(raw)
    assert clean.content_type == kept
    assert PLACE.encode() not in clean.content
    assert b"<script>" not in clean.content
    with Image.open(io.BytesIO(clean.content)) as again:
        assert (dict(again.getexif()), again.size) == ({}, (clean.width, clean.height))
    turned = (200, 320) if form in ("JPEG", "PNG", "WEBP") else (320, 200)
    assert (clean.width, clean.height) == turned


def _bomb() -> bytes:
    """A PNG that says it is 60,000 pixels each way."""

    def chunk(name: bytes, body: bytes) -> bytes:
        return len(body).to_bytes(4, "big") + name + body + zlib.crc32(name + body).to_bytes(4, "big")

    head = (60_000).to_bytes(4, "big") * 2 + b"\x08\x00\x00\x00\x00"
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(bytes(100)))


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        (b"<svg xmlns='http://www.w3.org/2000/svg'><script/></svg>", "file_kind"),
        (b"%PDF-1.7", "file_kind"),
        (b"", "file_kind"),
        (picture()[:200], "file_kind"),
        (b"\xff\xd8\xff" + bytes(images.MOST_BYTES), "file_large"),
        (_bomb(), "file_pixels"),
    ],
)
async def test_what_is_no_picture_is_refused(raw: bytes, code: str) -> None:
    with pytest.raises(ArticleError) as caught:
        await media.prepare(raw)
    assert caught.value.code == code


def test_large_pictures_become_smaller() -> None:
    clean = images.clean(picture(size=(4000, 3000), noise=True))
    assert max(clean.width, clean.height) == images.WIDEST
    small, kind = images.shrunk(clean.content, 60_000)
    assert (len(small) < 60_000, kind) == (True, "image/jpeg")
    assert images.shrunk(small, 60_000) == (small, "image/jpeg")
    with Image.open(io.BytesIO(images.plain_cover())) as cover:
        assert cover.size == (900, 383)


async def test_a_picture_needs_words_source_and_licence(
    database: Database, clock: VirtualClock, tmp_path: Path
) -> None:
    staff = await people(database)
    clean = await media.prepare(picture())
    for described, code in (
        (Described(" ", "本院", "own"), "alt_needed"),
        (Described("盘子", "", "own"), "source_needed"),
        (Described("盘子", "本院", "网上找的"), "license_needed"),
    ):
        with pytest.raises(ArticleError) as caught:
            async with database.write("test") as session:
                await media.add(
                    session, Shelf(tmp_path), clean, described, staff=staff["editor"], now=clock.now()
                )
        assert caught.value.code == code
    assert not list(tmp_path.rglob("*.jpg"))


async def test_the_same_picture_is_kept_once_and_found(
    database: Database, clock: VirtualClock, tmp_path: Path
) -> None:
    staff, shelf = await people(database), Shelf(tmp_path)
    one = await taken(database, clock, shelf, staff["editor"])
    again = await taken(database, clock, shelf, staff["editor2"])
    other = await taken(database, clock, shelf, staff["editor"], picture(size=(64, 64)))
    assert one.id == again.id != other.id
    assert len(list(tmp_path.rglob("*.jpg"))) == 2
    async with database.read() as session:
        assert (await media.listed(session, "蔬菜"))[1] == 2
        assert (await media.listed(session, "CT片"))[1] == 0
        shown = await media.pictures(session, {one.id, UUID(int=3)})
        assert shown[one.id].url == f"/media/{one.id}"
        assert list(shown) == [one.id]
        rows = await session.scalars(select(AuditRow.subject).where(AuditRow.action == "create"))
        assert list(rows).count(f"media:{one.id}") == 2


async def test_what_is_shown_somewhere_cannot_be_removed(
    database: Database, clock: VirtualClock, tmp_path: Path
) -> None:
    staff, shelf = await people(database), Shelf(tmp_path)
    one = await taken(database, clock, shelf, staff["editor"])
    with_it = doc(body=f"## 就医\n\n![盘子](/media/{one.id})")
    by = {"staff": staff["editor"], "now": clock.now()}
    async with database.write("test") as session:
        article = await service.create(session, "a", doc(), **by)
        await drafts.save(session, article, with_it, version=1, **by)
        await published(session, staff, clock, slug="b", body=with_it.body)
        assert await uses.where_used(session, one.id) == [("article:a", 0), ("article:b", 1)]
        assert (await media.listed(session, unused=True))[1] == 0
        with pytest.raises(ArticleError, match="2 篇") as caught:
            await media.remove(session, one.id, **by)
        assert caught.value.code == "media_used"
        await drafts.save(session, article, doc(), version=2, **by)
        assert await uses.where_used(session, one.id) == [("article:b", 1)]
    other = await taken(database, clock, shelf, staff["editor"], picture(size=(64, 64)))
    async with database.write("test") as session:
        gone = await media.remove(session, other.id, **by)
        with pytest.raises(NotFound):
            await media.get(session, other.id)
    shelf.discard(gone)
    assert len(list(tmp_path.rglob("*.jpg"))) == 1


async def test_pictures_are_served_as_pictures_only(
    database: Database, clock: VirtualClock, tmp_path: Path
) -> None:
    staff, shelf = await people(database), Shelf(tmp_path)
    one = await taken(database, clock, shelf, staff["editor"])
    app = FastAPI()
    app.include_router(media_router(database, shelf))
    async with serve(app) as url, aiohttp.ClientSession(url) as browser:
        async with browser.get(f"/media/{one.id}") as answer:
            assert (answer.status, answer.content_type) == (200, "image/jpeg")
            assert await answer.read() == shelf.get(one)
            assert answer.headers["X-Content-Type-Options"] == "nosniff"
            assert "immutable" in answer.headers["Cache-Control"]
            mark = answer.headers["ETag"]
        for path, headers, status in (
            (f"/media/{one.id}", {"If-None-Match": mark}, 304),
            (f"/media/{UUID(int=9)}", {}, 404),
            ("/media/..%2Fsecrets.json", {}, 404),
        ):
            async with browser.get(path, headers=headers) as answer:
                assert answer.status in (status, 422)
        shelf.discard(one)
        async with browser.get(f"/media/{one.id}") as answer:
            assert answer.status == 404
