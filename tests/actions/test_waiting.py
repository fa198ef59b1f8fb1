"""候补 in the conversation: joined where nothing is free, offered, taken with one tap, left; on both channels."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import timedelta

import pytest
from sqlalchemy import select

from actions.appointments.waiting import tell
from actions.services import Services
from care.appointments.models import Appointment, Slot, SlotHold
from care.appointments.waitlist import service as waitlist
from care.appointments.waitlist.models import Waiting, WaitlistEntry
from channels.outbox.models import OutboundMessage
from channels.reply import Reply
from store.clock import VirtualClock
from store.database import Database
from tests.actions.conftest import Talk, World, readable
from tests.actions.test_booking import booked, fill

Talker = Callable[..., Awaitable[Talk]]


async def offers(services: Services) -> int:
    async with services.database.write() as session:
        return await tell(session, services)


async def told(database: Database) -> list[Reply]:
    async with database.read() as session:
        rows = await session.scalars(select(OutboundMessage).order_by(OutboundMessage.id))
        return [Reply.from_json(one.reply) for one in rows]


async def free_one(database: Database, world: World, doctor: str) -> None:
    async with database.write() as session:
        rows = await session.scalars(
            select(Slot).where(Slot.practitioner_id == world.doctors[doctor]).order_by(Slot.start.desc())
        )
        rows.all()[0].taken -= 1


async def entry(database: Database) -> WaitlistEntry:
    async with database.read() as session:
        return (await session.scalars(select(WaitlistEntry))).one()


@pytest.mark.parametrize("channel", ["wechat", "sms"])
async def test_joined_offered_and_taken_with_one_tap(
    talker: Talker, services: Services, database: Database, world: World, clock: VirtualClock, channel: str
) -> None:
    talk = await talker(channel, 张伟="self")
    await fill(database, world, "李敏")
    assert await talk.say("约李敏") == ["booking.when_doctor_full"]
    number = 1 + next(n for n, one in enumerate(talk.labels) if "候补" in one)
    assert await talk.say(str(number)) == ["waitlist.joined"]
    assert talk.last.params["what"] == "李敏"
    assert talk.form is None
    assert await offers(services) == 0
    await free_one(database, world, "李敏")
    assert await offers(services) == 1
    assert await offers(services) == 0
    [offer] = await told(database)
    readable(offer, channel)
    assert offer.key == "waitlist.offer"
    take = offer.options[0]
    assert await talk.tap(take.intent, **take.params) == ["booking.booked"]
    [row] = await booked(database)
    assert (row.practitioner_id, row.contact_id is not None) == (world.doctors["李敏"], True)
    assert (await entry(database)).status == Waiting.BOOKED
    async with database.read() as session:
        assert (await session.scalars(select(SlotHold))).all() == []


async def test_a_tap_after_the_offer_ran_out_is_offered_what_there_is(
    talker: Talker, services: Services, database: Database, world: World, clock: VirtualClock
) -> None:
    talk = await talker(张伟="self")
    await fill(database, world, "李敏")
    await talk.say("约李敏")
    await talk.say("候补")
    await free_one(database, world, "李敏")
    await offers(services)
    [offer] = await told(database)
    clock.advance(waitlist.OFFER_FOR + timedelta(hours=14))
    async with database.write() as session:
        await waitlist.run_out(session, clock)
    take = offer.options[0]
    [key] = await talk.tap(take.intent, **take.params)
    assert key.startswith("booking.when")
    async with database.read() as session:
        assert (await session.scalars(select(Appointment))).all() == []


async def test_who_wants_it_no_more_says_so_and_the_next_is_asked(
    talker: Talker, services: Services, database: Database, world: World
) -> None:
    talk = await talker(张伟="self")
    await fill(database, world, "李敏")
    await talk.say("约李敏")
    await talk.say("候补")
    assert talk.labels == ["不候补了"]
    assert await talk.say("1") == ["waitlist.left"]
    assert (await entry(database)).status == Waiting.LEFT
    await free_one(database, world, "李敏")
    assert await offers(services) == 0


async def test_what_one_waits_for_is_told_with_the_appointments(
    talker: Talker, database: Database, world: World
) -> None:
    talk = await talker(张伟="self")
    await fill(database, world, "李敏")
    await talk.say("约李敏")
    await talk.say("候补")
    assert await talk.say("我的预约", intent="check_appointment") == ["waitlist.standing"]
    assert talk.labels == ["不候补了"]


@pytest.mark.parametrize(
    ("said", "intent"), [("取消候补", "cancel_appointment"), ("不候补了", "check_appointment")]
)
async def test_the_line_is_left_by_word_and_no_appointment_is(
    talker: Talker, database: Database, world: World, said: str, intent: str
) -> None:
    talk = await talker("sms", 张伟="self")
    await talk.say("周二下午赵强")
    assert await talk.say("1") == ["booking.booked"]
    await fill(database, world, "李敏")
    await talk.say("约李敏")
    await talk.say("没号的话有人退了告诉我一声", "cancel_appointment")
    assert (await entry(database)).status == Waiting.WAITING
    assert await talk.say(said, intent) == ["waitlist.left"]
    assert (await entry(database)).status == Waiting.LEFT


async def test_somebody_elses_entry_is_not_answered(
    talker: Talker, database: Database, world: World, services: Services
) -> None:
    talk = await talker(张伟="self")
    await fill(database, world, "李敏")
    await talk.say("约李敏")
    await talk.say("候补")
    standing = await entry(database)
    stranger = await talker("sms", 李静="self")
    assert await stranger.tap("book_appointment", entry_id=standing.id.hex, leave=True) == [
        "waitlist.over_already"
    ]
    assert (await entry(database)).status == Waiting.WAITING
