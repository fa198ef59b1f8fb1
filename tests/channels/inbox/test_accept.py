"""Taking messages in: once, in order, for good, and what each grants."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest
from sqlalchemy import func, select, text

from channels.contacts.models import Contact, Conversation, SendingWindow
from channels.inbox.models import InboundMessage, Quarantined
from channels.inbox.service import Inbox
from channels.inbox.spool import Spool
from store.clock import VirtualClock
from store.database import Database
from tests.factories.messages import SMS, WECHAT, inbound, received


@pytest.fixture
def woken() -> list[int]:
    return []


@pytest.fixture
def inbox(database: Database, clock: VirtualClock, tmp_path, woken: list[int]) -> Inbox:  # type: ignore[no-untyped-def]
    return Inbox(database, clock, Spool(tmp_path / "spool"), wake=lambda: woken.append(1))


async def one(database: Database, model: type) -> object:
    async with database.read() as session:
        return (await session.scalars(select(model))).one()


async def test_a_message_is_stored_before_it_is_acknowledged(
    inbox: Inbox, database: Database, clock: VirtualClock, woken: list[int]
) -> None:
    [accepted] = await inbox.accept([inbound("想看眼睛", raw={"MsgType": "text"})])
    [row] = await received(database)
    assert (str(row.id), accepted.duplicate) == (accepted.inbound_id, False)
    assert (row.text, row.raw, row.status, row.seq) == ("想看眼睛", {"MsgType": "text"}, "received", 1)
    talk = await one(database, Conversation)
    assert isinstance(talk, Conversation)
    assert (talk.due_at, talk.inbound_seq) == (clock.now(), 1)
    assert woken == [1]
    async with database.read() as session:
        raw = (await session.execute(text("SELECT text_sealed FROM inbound_message"))).scalar_one()
    assert "眼睛".encode() not in raw


async def test_a_repeat_changes_nothing(inbox: Inbox, database: Database, clock: VirtualClock) -> None:
    message = inbound("想看眼睛")
    [first] = await inbox.accept([message])
    clock.advance(timedelta(minutes=1))
    [again] = await inbox.accept([message])
    assert (again.inbound_id, again.duplicate) == (first.inbound_id, True)
    assert len(await received(database)) == 1
    talk = await one(database, Conversation)
    assert isinstance(talk, Conversation)
    assert (talk.inbound_seq, talk.due_at) == (1, clock.now() - timedelta(minutes=1))


async def test_a_repeat_inside_one_batch_is_stored_once(inbox: Inbox, database: Database) -> None:
    message = inbound("a", SMS)
    accepted = await inbox.accept([message, inbound("b", SMS), message])
    assert [one.duplicate for one in accepted] == [False, False, True]
    assert [row.text for row in await received(database)] == ["a", "b"]


async def test_repeats_delivered_at_once_are_stored_once(inbox: Inbox, database: Database) -> None:
    message = inbound("想看眼睛")
    accepted = await asyncio.gather(*(inbox.accept([message]) for _ in range(8)))
    assert sum(not one.duplicate for [one] in accepted) == 1
    assert len({one.inbound_id for [one] in accepted}) == 1
    assert [row.seq for row in await received(database)] == [1]


async def test_the_same_key_of_another_account_is_another_message(inbox: Inbox, database: Database) -> None:
    await inbox.accept([inbound("a", vendor_key="1"), inbound("b", SMS, vendor_key="1")])
    await inbox.accept([inbound("c", vendor_key="1", account_id="second")])
    assert len(await received(database)) == 3


async def test_messages_of_a_conversation_are_numbered_without_a_gap(
    inbox: Inbox, database: Database
) -> None:
    await asyncio.gather(*(inbox.accept([inbound(f"第{n}条", SMS)]) for n in range(20)))
    rows = await received(database)
    assert [row.seq for row in rows] == list(range(1, 21))
    assert {row.text for row in rows} == {f"第{n}条" for n in range(20)}


async def test_batches_of_the_same_people_in_another_order_both_arrive(
    inbox: Inbox, database: Database
) -> None:
    """Two callbacks that carry the same phones the other way round must not wait for each other for ever."""
    phones = [f"+86199000001{n:02}" for n in range(6)]
    await inbox.accept([inbound("x", SMS, address=phone) for phone in phones])
    batches = [
        [inbound(f"{turn}", SMS, address=phone) for phone in (phones if turn % 2 else reversed(phones))]
        for turn in range(8)
    ]
    await asyncio.gather(*(inbox.accept(batch) for batch in batches))
    assert len(await received(database)) == 6 * 9


@pytest.mark.parametrize(
    ("values", "remaining", "seconds"),
    [
        ({}, 5, 48 * 3600),
        ({"kind": "media", "event": "image"}, 5, 48 * 3600),
        ({"option_ref": "x:y"}, 3, 60),
        ({"kind": "event", "event": "click", "event_key": "BOOK"}, 3, 60),
        ({"kind": "event", "event": "subscribe"}, 3, 60),
    ],
)
async def test_what_a_patient_does_opens_the_window(
    inbox: Inbox,
    database: Database,
    clock: VirtualClock,
    values: dict[str, str],
    remaining: int,
    seconds: int,
) -> None:
    await inbox.accept([inbound(**values)])  # type: ignore[arg-type]
    window = await one(database, SendingWindow)
    assert isinstance(window, SendingWindow)
    assert window.remaining == remaining
    assert window.expires_at == clock.now() + timedelta(seconds=seconds)


async def test_a_repeat_grants_nothing_and_sms_knows_no_window(
    inbox: Inbox, database: Database, clock: VirtualClock
) -> None:
    message = inbound()
    await inbox.accept([message])
    async with database.write() as session:
        window = (await session.scalars(select(SendingWindow))).one()
        window.remaining = 1
    await inbox.accept([message])
    await inbox.accept([inbound("x", SMS)])
    stored = await one(database, SendingWindow)
    assert isinstance(stored, SendingWindow)
    assert stored.remaining == 1
    await inbox.accept([inbound("noch eins")])
    stored = await one(database, SendingWindow)
    assert isinstance(stored, SendingWindow)
    assert stored.remaining == 5


async def test_who_unfollows_is_known_and_who_comes_back_too(inbox: Inbox, database: Database) -> None:
    async def status() -> str:
        contact = await one(database, Contact)
        assert isinstance(contact, Contact)
        return contact.status

    await inbox.accept([inbound(kind="event", event="subscribe")])
    assert await status() == "active"
    await inbox.accept([inbound(kind="event", event="unsubscribe")])
    assert await status() == "unfollowed"
    await inbox.accept([inbound("我又来了")])
    assert await status() == "active"


@pytest.mark.parametrize("channel", [WECHAT, SMS])
@pytest.mark.parametrize(
    "said",
    [
        "字" * 5000,
        "\x00\x01\x1b[31m",
        "\u202e\u2066x\u2069",
        "👨‍👩‍👧‍👦🏥",
        "<xml><a>&lt;![CDATA[x]]></a></xml>",
        "'; DROP TABLE inbound_message; --",
        "\ud7ff\ue000\U0010ffff",
        "",
    ],
)
async def test_whatever_was_written_is_kept_as_it_was(
    inbox: Inbox, database: Database, channel: object, said: str
) -> None:
    await inbox.accept([inbound(said, channel)])  # type: ignore[arg-type]
    assert [row.text for row in await received(database)] == [said]


async def test_half_an_emoji_does_not_lose_the_rest(inbox: Inbox, database: Database) -> None:
    """A vendor's JSON may hold one half of a surrogate pair."""
    await inbox.accept([inbound("头疼\ud83d", SMS, raw={"content": "头疼\ud83d"})])
    [row] = await received(database)
    assert (row.text, row.raw) == ("头疼?", {"content": "头疼?"})


async def test_long_keys_of_menus_and_events_are_cut(inbox: Inbox, database: Database) -> None:
    await inbox.accept([inbound(kind="event", event="view", event_key="u" * 900, option_ref="r" * 900)])
    [row] = await received(database)
    assert (len(row.event_key), len(row.option_ref)) == (128, 128)


async def test_what_nobody_could_read_is_kept_for_people(inbox: Inbox, database: Database) -> None:
    await inbox.quarantine(WECHAT, "hospital", b"<xml>\xff\xfe", "not_xml" * 60)
    row = await one(database, Quarantined)
    assert isinstance(row, Quarantined)
    assert row.body.startswith("<xml>")
    assert len(row.reason) == 200
    async with database.read() as session:
        assert await session.scalar(select(func.count()).select_from(InboundMessage)) == 0
