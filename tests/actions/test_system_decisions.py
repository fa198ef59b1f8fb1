"""What the hospital's system decides reaches the patient once, with the ways on in the same message."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from uuid import UUID

import pytest
from sqlalchemy import select

from actions.services import Services
from actions.systems.telling import tell_decisions
from actions.systems.waiting import tell_waiting
from care.appointments import decided, outside, service, slots
from care.appointments.models import Appointment, Slot, Status
from care.desk.models import DeskTask
from care.patients.models import Patient
from care.systems import messages, settling
from care.systems.found import take_found
from care.systems.models import Direction
from care.systems.outward import Outward
from care.systems.port import Accepted, Found, Refused
from care.systems.waiting import STILL_AFTER
from channels.outbox.models import OutboundMessage
from channels.reply import Reply
from store.clock import VirtualClock
from store.database import Database
from tests.actions.conftest import Talk, World, readable

Talker = Callable[..., Awaitable[Talk]]
HIS = "his"


@pytest.fixture(autouse=True)
def a_system_outside() -> Iterator[None]:
    before = outside.current()
    outside.install(Outward(HIS))
    yield
    outside.install(before)


async def booked(database: Database, talk: Talk) -> UUID:
    """Booked in the chat, as far as it is our say."""
    assert await talk.say("约李敏") == ["booking.when"]
    assert await talk.say("1") == ["booking.confirm"]
    assert await talk.say("1") == ["systems.pending"]
    async with database.read() as session:
        row = (await session.scalars(select(Appointment).where(Appointment.status == Status.PENDING))).one()
    return row.id


async def decide(database: Database, clock: VirtualClock, key: str, said: Accepted | Refused) -> None:
    """The system answers the message under `key`."""
    async with database.write() as session:
        row = await messages.by_key(session, HIS, Direction.OUT, key)
        assert row is not None
        if isinstance(said, Accepted):
            await settling.accepted(session, row, said, clock.now())
        else:
            await settling.refused(session, row, said, clock.now())
        row.status = "accepted" if isinstance(said, Accepted) else "refused"


async def told(services: Services, channel: str = "wechat") -> list[Reply]:
    """Everything said of decisions by now; telling again says nothing twice."""
    for _ in range(2):
        async with services.database.write() as session:
            await tell_decisions(session, services, "acc")
    async with services.database.read() as session:
        query = select(OutboundMessage).where(OutboundMessage.dedup_key.startswith("system:"))
        replies = [
            Reply.from_json(one.reply) for one in await session.scalars(query.order_by(OutboundMessage.id))
        ]
    for reply in replies:
        readable(reply, channel)
    return replies


async def test_accepted_is_said(
    talker: Talker, services: Services, database: Database, world: World, clock: VirtualClock
) -> None:
    mine = await booked(database, await talker(张伟="self"))
    assert await told(services) == []
    await decide(database, clock, f"book:{mine}", Accepted("a1"))
    [reply] = await told(services)
    assert (reply.key, reply.params["doctor"], reply.options) == ("systems.booked", "李敏", ())


@pytest.mark.parametrize("channel", ["wechat", "sms"])
async def test_refused_offers_other_times_that_can_be_tapped(
    talker: Talker, services: Services, database: Database, world: World, clock: VirtualClock, channel: str
) -> None:
    talk = await talker(channel, 张伟="self")
    mine = await booked(database, talk)
    async with database.read() as session:
        slot = (await session.get_one(Appointment, mine)).slot_id
    await decide(database, clock, f"book:{mine}", Refused("full"))
    [reply] = await told(services, channel)
    assert reply.key == "systems.refused"
    assert slot.hex not in [option.params.get("slot_id") for option in reply.options]
    assert await talk.tap(reply.options[0].intent, **reply.options[0].params) == ["booking.confirm"]
    assert await talk.say("1") == ["systems.pending"]


async def test_what_it_cancels_or_moves_is_said(
    talker: Talker, services: Services, database: Database, world: World, clock: VirtualClock
) -> None:
    mine = await booked(database, await talker(张伟="self"))
    await decide(database, clock, f"book:{mine}", Accepted("a1"))
    async with database.write() as session:
        row = await session.get_one(Appointment, mine)
        later = (
            await session.scalars(
                select(Slot).where(Slot.practitioner_id == row.practitioner_id, Slot.start > row.start)
            )
        ).first()
        assert later is not None
        await take_found(session, HIS, Found("a1", "booked", later.start, etag="2"), clock.now())
    moved = (await told(services))[-1]
    assert (moved.key, [one.id for one in moved.options]) == ("systems.moved", ["confirm", "cancel", "move"])
    async with database.write() as session:
        await take_found(session, HIS, Found("a1", "cancelled", etag="3"), clock.now())
    gone = (await told(services))[-1]
    assert (gone.key, gone.options[-1].intent) == ("systems.cancelled", "book_appointment")


async def test_a_move_that_failed_and_a_cancelling_that_failed(
    talker: Talker, services: Services, database: Database, world: World, clock: VirtualClock
) -> None:
    talk = await talker(张伟="self")
    mine = await booked(database, talk)
    await decide(database, clock, f"book:{mine}", Accepted("a1"))
    await talk.tap("reschedule_appointment", appointment_id=mine.hex)
    await talk.say("1", "reschedule_appointment")
    assert (await talk.say("1"))[-1] == "systems.pending_move"
    async with database.read() as session:
        new = (await session.scalars(select(Appointment.id).where(Appointment.replaces_id == mine))).one()
    await decide(database, clock, f"move:{new}", Refused("full"))
    failed = (await told(services))[-1]
    assert (failed.key, bool(failed.params["old"])) == ("systems.not_moved", True)
    async with database.read() as session:
        assert (await session.get_one(Appointment, mine)).status == Status.BOOKED


@pytest.mark.parametrize("channel", ["wechat", "sms"])
async def test_while_the_system_is_away_the_truth_is_told(
    talker: Talker, services: Services, database: Database, world: World, clock: VirtualClock, channel: str
) -> None:
    """The list says what is not confirmed, cancelling that it is not done there yet, and who has waited in vain hears that people look."""
    talk = await talker(channel, 张伟="self")
    mine = await booked(database, talk)
    assert await talk.say("我的预约", "check_appointment") == ["appointments.list"]
    said = talk.last.params["rows" if channel == "wechat" else "when_short"]
    assert "医院还没确认" in said
    readable(talk.last, channel)

    async with database.write() as session:
        await decided.stuck(session, mine, clock.now())
    [reply] = await told(services, channel)
    assert (reply.key, reply.options) == ("systems.stuck", ())

    async with database.write() as session:
        row = await messages.by_key(session, HIS, Direction.OUT, f"book:{mine}")
        assert row is not None
        row.status, row.said_at = "uncertain", clock.now()  # it may have been heard
    await talk.tap("cancel_appointment", appointment_id=mine.hex)
    assert await talk.say("8" if channel == "sms" else "确认取消") == ["systems.cancelling"]
    readable(talk.last, channel)


@pytest.mark.parametrize("channel", ["wechat", "sms"])
async def test_who_waits_for_long_hears_once_that_it_is_not_forgotten(
    talker: Talker, services: Services, database: Database, world: World, clock: VirtualClock, channel: str
) -> None:
    talk = await talker(channel, 张伟="self")
    mine = await booked(database, talk)

    async def still() -> list[OutboundMessage]:
        async with database.write() as session:
            await tell_waiting(session, services, "acc")
        async with database.read() as session:
            query = select(OutboundMessage).where(OutboundMessage.dedup_key.startswith("system:still:"))
            return list(await session.scalars(query))

    assert await still() == []
    clock.advance(STILL_AFTER)
    [word] = await still()
    reply = Reply.from_json(word.reply)
    assert (reply.key, reply.options, word.purpose) == ("systems.still_waiting", (), "service_notice")
    readable(reply, channel)
    assert len(await still()) == 1, "once"

    # Decided before it has left (it was night, say): it does not leave any more.
    await decide(database, clock, f"book:{mine}", Accepted("a1"))
    assert [one.key for one in await told(services, channel)][-1] == "systems.booked"
    [word] = await still()
    assert (word.status, word.reason) == ("suppressed", "system_answered")


async def test_who_waits_for_a_move_hears_that_the_old_visit_stands(
    talker: Talker, services: Services, database: Database, world: World, clock: VirtualClock
) -> None:
    talk = await talker(张伟="self")
    mine = await booked(database, talk)
    await decide(database, clock, f"book:{mine}", Accepted("a1"))
    clock.advance(2 * STILL_AFTER)
    await talk.tap("reschedule_appointment", appointment_id=mine.hex)
    await talk.say("1", "reschedule_appointment")
    assert (await talk.say("1"))[-1] == "systems.pending_move"
    clock.advance(STILL_AFTER)
    async with database.write() as session:
        assert await tell_waiting(session, services, "acc") == 1
    async with database.read() as session:
        query = select(OutboundMessage).where(OutboundMessage.dedup_key.startswith("system:still:"))
        reply = Reply.from_json((await session.scalars(query)).one().reply)
    assert (reply.key, bool(reply.params["old"])) == ("systems.still_waiting_move", True)
    readable(reply, "wechat")


async def test_who_cannot_be_written_to_is_called(
    services: Services, database: Database, world: World, clock: VirtualClock
) -> None:
    async with database.write() as session:
        patient = await session.get_one(Patient, world.people["张伟"])
        patient.phone = None  # type: ignore[assignment]
        [slot] = await slots.find_slots(
            session, now=clock.now(), practitioner_id=world.doctors["李敏"], limit=1
        )
        held = await service.hold(session, slot_id=slot.slot_id, patient_id=patient.id, now=clock.now())
        done = await service.confirm(session, held.hold_id, now=clock.now(), created_via="staff")  # type: ignore[union-attr]
        mine = done.appointment.appointment_id  # type: ignore[union-attr]
    await decide(database, clock, f"book:{mine}", Refused("full"))
    assert await told(services) == []
    async with database.read() as session:
        task = (await session.scalars(select(DeskTask))).one()
    assert task.note is not None and task.note.startswith("医院系统没有约上")
