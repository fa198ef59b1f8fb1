"""When the database is away: an encrypted file that lasts, or no acknowledgement."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from channels.contacts.models import SendingWindow
from channels.inbox.service import Inbox
from channels.inbox.spool import Spool
from channels.ports import StorageUnavailable
from store.clock import VirtualClock
from store.crypto import Keyring
from store.database import Database
from tests.factories.messages import SMS, inbound, received

SENT = datetime(2026, 11, 22, 0, 59, tzinfo=UTC)


@pytest.fixture
def away(tmp_path: Path) -> Database:
    """A database that cannot be reached."""
    (tmp_path / "file").write_text("where the folder should be")
    return Database(f"sqlite+aiosqlite:///{tmp_path / 'file' / 'banyi.db'}")


@pytest.fixture
def spool(tmp_path: Path) -> Spool:
    return Spool(tmp_path / "spool")


async def test_messages_wait_encrypted_and_are_replayed_in_order(
    database: Database, away: Database, clock: VirtualClock, spool: Spool, tmp_path: Path
) -> None:
    woken: list[int] = []
    down = Inbox(away, clock, spool)
    for n in range(3):
        [accepted] = await down.accept([inbound(f"第{n}条", sent_at=SENT, raw={"n": n})])
        assert not accepted.duplicate
    assert spool.waiting() == 3
    for path in (tmp_path / "spool").iterdir():
        assert "条".encode() not in path.read_bytes()
    up = Inbox(database, clock, Spool(tmp_path / "spool"), wake=lambda: woken.append(1))
    assert await up.replay_spool() == 3
    rows = await received(database)
    assert [row.text for row in rows] == ["第0条", "第1条", "第2条"]
    assert rows[2].sent_at == SENT
    assert rows[2].raw == {"n": 2}
    assert (spool.waiting(), await up.replay_spool(), woken) == (0, 0, [1])


@pytest.mark.parametrize("by", ["replay", "the sender's next message"])
async def test_what_had_to_wait_keeps_the_time_it_came_in(
    database: Database, away: Database, clock: VirtualClock, spool: Spool, by: str
) -> None:
    """WeChat counts its window from then, and a digit sent before a question was put is no answer to it."""
    arrived = clock.now()
    await Inbox(away, clock, spool).accept([inbound("几点上班")])
    clock.advance(timedelta(hours=3))
    up = Inbox(database, clock, spool)
    if by == "replay":
        await up.replay_spool()
    else:
        await up.accept([inbound("在吗", SMS), inbound("在吗")])
    first = next(row for row in await received(database) if row.text == "几点上班")
    assert first.received_at == arrived
    async with database.read() as session:
        window = await session.get(SendingWindow, first.contact_id)
    assert window is not None
    lasts = timedelta(hours=48 if by == "replay" else 51)
    assert (window.remaining, window.expires_at) == (5, arrived + lasts)


async def test_what_the_vendor_sent_again_meanwhile_is_not_stored_twice(
    database: Database, away: Database, clock: VirtualClock, spool: Spool
) -> None:
    message = inbound("只要一次", SMS)
    await Inbox(away, clock, spool).accept([message])
    up = Inbox(database, clock, spool)
    await up.accept([message])
    await up.replay_spool()
    assert len(await received(database)) == 1
    assert spool.waiting() == 0


async def test_a_replay_while_the_database_is_still_away_keeps_everything(
    away: Database, clock: VirtualClock, spool: Spool, keyring: Keyring
) -> None:
    inbox = Inbox(away, clock, spool)
    await inbox.accept([inbound("a"), inbound("b")])
    assert await inbox.replay_spool() == 0
    assert spool.waiting() == 2


async def test_without_a_database_and_a_spool_nothing_is_acknowledged(
    away: Database, clock: VirtualClock, tmp_path: Path, keyring: Keyring
) -> None:
    (tmp_path / "spool").write_text("a file where the folder should be")
    with pytest.raises(StorageUnavailable):
        await Inbox(away, clock, Spool(tmp_path / "spool")).accept([inbound()])
    assert Spool(tmp_path / "spool").waiting() == 0


async def test_a_file_nobody_can_open_does_not_hold_up_the_others(
    database: Database, away: Database, clock: VirtualClock, spool: Spool, tmp_path: Path
) -> None:
    down = Inbox(away, clock, spool)
    await down.accept([inbound("a")])
    [first] = (tmp_path / "spool").glob("*.msg")
    first.write_bytes(first.read_bytes()[:-4])
    await down.accept([inbound("b")])
    up = Inbox(database, clock, spool)
    assert await up.replay_spool() == 1
    assert [row.text for row in await received(database)] == ["b"]
    assert [path.name for path in (tmp_path / "spool").iterdir()] == [first.name + ".unreadable"]


async def test_a_half_written_file_is_no_message(spool: Spool, tmp_path: Path, keyring: Keyring) -> None:
    await spool.put([inbound("a")], SENT)
    (tmp_path / "spool" / ".x.msg.part").write_bytes(b"half")
    assert spool.waiting() == 1
    assert [one.message.text for one in spool.read()] == ["a"]


async def test_what_waits_is_told_before_what_the_same_person_sends_next(
    database: Database, away: Database, clock: VirtualClock, spool: Spool
) -> None:
    down = Inbox(away, clock, spool)
    await down.accept([inbound("第一句")])
    await down.accept([inbound("别人的", SMS)])
    await down.accept([inbound("第二句")])
    up = Inbox(database, clock, spool)
    [accepted] = await up.accept([inbound("第三句")])
    rows = [row for row in await received(database) if row.channel == "wechat"]
    assert [(row.seq, row.text) for row in rows] == [(1, "第一句"), (2, "第二句"), (3, "第三句")]
    assert accepted.inbound_id == str(rows[2].id)
    assert spool.waiting() == 1
    assert await up.replay_spool() == 1


async def test_a_poisoned_file_does_not_keep_its_sender_from_being_heard(
    database: Database, away: Database, clock: VirtualClock, spool: Spool
) -> None:
    await Inbox(away, clock, spool).accept([inbound("坏的", vendor_key="x" * 255, kind="text")])
    [path] = (spool._folder or Path()).glob("*.msg")
    body = path.read_bytes()
    path.write_bytes(body[:-1] + bytes([body[-1] ^ 1]))
    up = Inbox(database, clock, spool)
    await up.accept([inbound("好的")])
    assert [row.text for row in await received(database)] == ["好的"]


async def test_where_no_lasting_volume_is_nothing_is_acknowledged_while_the_database_is_away(
    away: Database, clock: VirtualClock, keyring: Keyring
) -> None:
    spool = Spool(None)
    spool.check()
    with pytest.raises(StorageUnavailable):
        await Inbox(away, clock, spool).accept([inbound()])
    assert spool.waiting() == 0


async def test_no_lasting_volume_is_no_matter_while_the_database_is_there(
    database: Database, clock: VirtualClock
) -> None:
    [accepted] = await Inbox(database, clock, Spool(None)).accept([inbound("你好")])
    assert accepted.inbound_id
    assert len(await received(database)) == 1


def test_the_spool_is_tried_before_anything_starts(tmp_path: Path) -> None:
    folder = tmp_path / "spool"
    Spool(folder).check()
    assert list(folder.iterdir()) == []
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(StorageUnavailable, match="cannot be written"):
        Spool(tmp_path / "file").check()


async def test_the_folders_listing_tells_nobodys_address(
    away: Database, clock: VirtualClock, spool: Spool, tmp_path: Path, keyring: Keyring
) -> None:
    await Inbox(away, clock, spool).accept([inbound("a"), inbound("b", SMS)])
    names = " ".join(path.name for path in (tmp_path / "spool").iterdir())
    assert "oTest" not in names
    assert "19900000001" not in names
