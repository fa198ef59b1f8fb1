"""Media from the vendor's surface to the sealed file: fetched at once, checked, kept, discarded; or lost and said so."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from care.desk.models import DeskTask
from channels.inbox.models import InboundMessage
from channels.media import service
from channels.media.vault import Vault
from channels.media.worker import LIFE, TELL_AFTER, Policy
from channels.wechat.client import Unclear
from server.people import CarePeople
from store import crypto
from store.clock import VirtualClock
from store.database import Database
from tests.channels.media.house import AMR, JPEG, MP4, WANG, ClamdServer, media_house
from tests.factories.messages import keys, said

OTHER = "oTest_0000000000000009"


async def tasks(database: Database) -> list[DeskTask]:
    async with database.read() as session:
        return list(await session.scalars(select(DeskTask).order_by(DeskTask.created_at, DeskTask.id)))


@pytest.mark.parametrize(
    ("kind", "content", "key"),
    [
        ("image", JPEG, "media.kept_image"),
        ("video", MP4, "media.kept_video"),
        ("shortvideo", MP4, "media.kept_video"),
        ("voice", AMR, "voice.please_type"),
    ],
)
async def test_what_comes_is_kept_sealed_and_said(
    database: Database,
    clock: VirtualClock,
    people: CarePeople,
    tmp_path: Path,
    kind: str,
    content: bytes,
    key: str,
) -> None:
    async with media_house(database, clock, people, tmp_path) as house:
        await house.sim.user_media(WANG, kind, content)
        await house.settle()
        item = await house.item()
        assert (item.state, item.kind, item.size) == ("fetched", kind, len(content))
        assert item.discard_at == clock.now() + timedelta(days=30) and item.due_at is None
        [path] = house.files()
        assert content[:32] not in path.read_bytes() and path.stat().st_mode & 0o077 == 0
        assert item.path is not None and Vault(house.folder).get(item.id, item.path) == content
        assert keys(await said(database)) == [key]
        [task] = await tasks(database)
        due = ("voice", timedelta(minutes=30)) if kind == "voice" else ("media", timedelta(hours=1))
        assert (task.kind, task.due_at - clock.now()) == due


async def test_a_file_belongs_to_its_item(
    database: Database, clock: VirtualClock, people: CarePeople, tmp_path: Path
) -> None:
    async with media_house(database, clock, people, tmp_path) as house:
        for content in (JPEG, JPEG + b"other"):
            await house.sim.user_media(WANG, "image", content)
        await house.settle()
        one, other = await house.items()
        assert one.path and other.path
        (house.folder / one.path).write_bytes((house.folder / other.path).read_bytes())
        with pytest.raises(crypto.CryptoError):
            Vault(house.folder).get(one.id, one.path)


async def test_an_album_is_one_task(
    database: Database, clock: VirtualClock, people: CarePeople, tmp_path: Path
) -> None:
    async with media_house(database, clock, people, tmp_path) as house:
        for _ in range(3):
            await house.sim.user_media(WANG, "image", JPEG)
        await house.settle()
        assert len(await house.items()) == 3 and len(await tasks(database)) == 1


async def test_redelivery_opens_one_item(
    database: Database, clock: VirtualClock, people: CarePeople, tmp_path: Path
) -> None:
    async with media_house(database, clock, people, tmp_path) as house:
        await house.sim.user_media(WANG, "image", JPEG)
        await house.settle()
        async with database.write("as a worker that died after the engine's answer") as session:
            message = (await session.scalars(select(InboundMessage))).one()
            again = await service.open_item(session, message, clock.now())
        assert again is not None and again.id == (await house.item()).id


async def test_three_days_later_it_is_lost_and_the_patient_is_asked(
    database: Database, clock: VirtualClock, people: CarePeople, tmp_path: Path
) -> None:
    async with media_house(database, clock, people, tmp_path) as house:
        await house.sim.user_media(WANG, "image", JPEG)
        await house.inbox_worker.run_once()
        clock.advance(timedelta(days=3, minutes=1))
        await house.settle()
        item = await house.item()
        assert (item.state, item.reason, house.files()) == ("lost", "40007", [])
        assert keys(await said(database)) == ["media.kept_image", "media.lost"]


async def test_a_vendor_that_fails_is_asked_again_later(
    database: Database, clock: VirtualClock, people: CarePeople, tmp_path: Path
) -> None:
    async with media_house(database, clock, people, tmp_path) as house:
        await house.sim.user_media(WANG, "image", JPEG)
        await house.inbox_worker.run_once()
        real = house.media._clients
        house.media._clients = {"hospital": _Broken()}  # type: ignore[dict-item]
        waits = []
        for _ in range(TELL_AFTER):
            await house.settle()
            item = await house.item()
            assert item.state == "waiting" and item.due_at is not None
            waits.append((item.due_at - clock.now()).total_seconds())
            clock.advance(item.due_at - clock.now())
        assert waits == sorted(waits) and waits[0] < waits[-1]
        assert keys(await said(database)).count("media.lost") == 1, "told once"
        house.media._clients = real
        await house.settle()
        assert (await house.item()).state == "fetched"


async def test_after_its_life_no_more_tries(
    database: Database, clock: VirtualClock, people: CarePeople, tmp_path: Path
) -> None:
    async with media_house(database, clock, people, tmp_path) as house:
        await house.sim.user_media(WANG, "image", JPEG)
        await house.inbox_worker.run_once()
        house.media._clients = {"hospital": _Broken()}  # type: ignore[dict-item]
        clock.advance(LIFE)
        await house.settle()
        assert (await house.item()).state == "lost"


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"MZ" + bytes(300), "not image but application/x-msdownload"),
        (b"<html><script>alert(1)</script></html>" + bytes(50), "not image but unknown"),
        (MP4, "not image but video/mp4"),
        (JPEG + bytes(3000), "the medium is too large"),
    ],
)
async def test_what_is_not_what_it_says_is_refused(
    database: Database, clock: VirtualClock, people: CarePeople, tmp_path: Path, content: bytes, reason: str
) -> None:
    async with media_house(database, clock, people, tmp_path, policy=Policy(max_bytes=2000)) as house:
        await house.sim.user_media(WANG, "image", content)
        await house.settle()
        item = await house.item()
        assert (item.state, item.reason, house.files()) == ("refused", reason, [])
        assert "media.lost" in keys(await said(database))


async def test_the_scanner_decides(
    database: Database, clock: VirtualClock, people: CarePeople, tmp_path: Path
) -> None:
    async with (
        ClamdServer().up() as clamd,
        media_house(database, clock, people, tmp_path, clamd=clamd.address) as house,
    ):
        await house.sim.user_media(WANG, "image", JPEG)
        await house.settle()
        assert clamd.scanned == [JPEG] and (await house.item()).state == "fetched"
        clamd.says = "stream: Eicar-Signature FOUND"
        await house.sim.user_media(WANG, "image", JPEG + b"x")
        await house.settle()
        bad = (await house.items())[-1]
        assert (bad.state, bad.reason, bad.path) == ("refused", "infected: Eicar-Signature", None)
        assert len(house.files()) == 1


async def test_without_the_scanners_word_nothing_is_kept(
    database: Database, clock: VirtualClock, people: CarePeople, tmp_path: Path
) -> None:
    async with (
        ClamdServer("INSTREAM size limit exceeded. ERROR").up() as clamd,
        media_house(database, clock, people, tmp_path, clamd=clamd.address) as house,
    ):
        await house.sim.user_media(WANG, "image", JPEG)
        await house.settle()
        item = await house.item()
        assert item.state == "waiting" and item.due_at is not None and house.files() == []
        assert "scanner" in (item.reason or "")


async def test_files_are_discarded_when_their_time_is_over(
    database: Database, clock: VirtualClock, people: CarePeople, tmp_path: Path
) -> None:
    async with media_house(database, clock, people, tmp_path, policy=Policy(keep=timedelta(days=2))) as house:
        await house.sim.user_media(WANG, "image", JPEG)
        await house.settle()
        assert await house.media.discard_outlived() == 0
        clock.advance(timedelta(days=2))
        assert await house.media.discard_outlived() == 1
        item = await house.item()
        assert (item.state, item.path, house.files()) == ("discarded", None, [])


async def test_who_unfollows_leaves_no_file_and_no_row(
    database: Database, clock: VirtualClock, people: CarePeople, tmp_path: Path
) -> None:
    """The real files of one person go; another's stay."""
    async with media_house(database, clock, people, tmp_path) as house:
        await house.sim.user_follow(OTHER)
        for openid, kind, content in ((WANG, "image", JPEG), (WANG, "voice", AMR), (OTHER, "image", JPEG)):
            await house.sim.user_media(openid, kind, content)
        await house.settle()
        assert len(house.files()) == len(await house.items()) == 3
        await house.sim.user_unfollow(WANG)
        await house.settle()
        assert await house.media.discard_outlived() == 2
        item = await house.item()
        assert item.path is not None
        assert house.files() == [house.folder / item.path]
        assert Vault(house.folder).get(item.id, item.path) == JPEG


async def test_what_was_being_fetched_when_they_left_is_not_kept(
    database: Database,
    clock: VirtualClock,
    people: CarePeople,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The file comes after the row is gone: whoever fetched it takes it away again."""
    async with media_house(database, clock, people, tmp_path) as house:
        await house.sim.user_media(WANG, "image", JPEG)
        await house.inbox_worker.run_once()
        fetch = house.media._clients["hospital"].download_media

        async def slowly(media_id: str, most: int) -> Any:
            answer = await fetch(media_id, most)
            await house.sim.user_unfollow(WANG)
            await house.inbox_worker.run_once()
            assert await house.media.discard_outlived() == 1
            return answer

        monkeypatch.setattr(house.media._clients["hospital"], "download_media", slowly)
        assert await house.media.run_once() == 1
        assert (await house.items(), house.files()) == ([], [])


async def test_two_workers_fetch_it_once(
    database: Database, clock: VirtualClock, people: CarePeople, tmp_path: Path
) -> None:
    async with media_house(database, clock, people, tmp_path) as house:
        await house.sim.user_media(WANG, "image", JPEG)
        await house.inbox_worker.run_once()
        done = await asyncio.gather(house.media.run_once(), house.media.run_once())
        assert sum(done) == 1


async def test_what_wechat_cannot_show_is_answered_with_help(
    database: Database, clock: VirtualClock, people: CarePeople, tmp_path: Path
) -> None:
    async with media_house(database, clock, people, tmp_path) as house:
        await house.sim.user_text(WANG, "【收到不支持的消息类型，暂无法显示】")
        await house.settle()
        assert keys(await said(database)) == ["media.unsupported"]
        assert house.engine.asked == [] and await house.items() == []


class _Broken:
    """A vendor without an answer."""

    async def download_media(self, media_id: str, limit: int) -> object:
        return Unclear("HTTP 502")
