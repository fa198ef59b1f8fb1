"""The queue tells: who is called, who is nearly called, who was called in vain. Each once a visit, never who has been seen."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from sqlalchemy import select, update

from actions.appointments.told import tell_counter
from actions.services import Services
from care.appointments import counter, slots
from care.appointments.queue import service as queue
from care.appointments.queue import telling
from care.appointments.queue.service import Line, line_of
from care.appointments.queue.telling import Word
from care.appointments.views import Booked, Held
from care.desk.models import DeskTask, TaskKind
from care.hospital.models import HealthcareService
from channels.outbox.models import OutboundMessage
from channels.reply import Reply
from server.people import CareDesk
from store.clock import VirtualClock
from store.database import Database
from tests.actions.conftest import Talk, World, readable

Talker = Callable[..., Awaitable[Talk]]
NURSE = uuid4()
NAMES = ("王秀兰", "李静", "张伟")


@pytest.fixture
async def line(database: Database, world: World, clock: VirtualClock) -> tuple[Line, list[UUID]]:
    """Three in Dr Li's line, checked in, in this order."""
    mine = []
    async with database.write() as session:
        for name in NAMES:
            [one] = await slots.find_slots(
                session, now=clock.now(), practitioner_id=world.doctors["李敏"], limit=1
            )
            held = await counter.keep(session, one.slot_id, world.people[name], now=clock.now())
            assert isinstance(held, Held)
            done = await counter.book(session, held.hold_id, staff_id=NURSE, now=clock.now())
            assert isinstance(done, Booked)
            mine.append(done.appointment)
    clock.advance(mine[0].start - timedelta(minutes=10) - clock.now())
    async with database.write() as session:
        for view in mine:
            ticket = await queue.check_in(session, view.appointment_id, now=clock.now())
            assert ticket is not None
    return line_of(ticket), [view.appointment_id for view in mine]


async def _call(database: Database, line: Line, seen: UUID | None, clock: VirtualClock) -> None:
    async with database.write() as session:
        assert await queue.call_next(session, line, seen=seen, by=NURSE, now=clock.now()) is not None


async def _heard(database: Database, services: Services, ahead: int = 1) -> list[tuple[str, str, str]]:
    """What is queued after the worker has looked: key, name, status; in the order it was queued."""
    async with database.write() as session:
        await tell_counter(session, services, "acc", ahead)
    async with database.read() as session:
        rows = await session.scalars(
            select(OutboundMessage)
            .where(OutboundMessage.dedup_key.startswith("queue:"))
            .order_by(OutboundMessage.id)
        )
        found = [(Reply.from_json(one.reply), one) for one in rows]
    for reply, one in found:
        readable(reply, one.channel)
        assert (one.priority, one.purpose, one.expires_at is not None) == (0, "service_notice", True)
    return [(reply.key, reply.params["name"], one.status) for reply, one in found]


async def test_called_soon_and_in_vain_each_once(
    talker: Talker,
    services: Services,
    database: Database,
    clock: VirtualClock,
    line: tuple[Line, list[UUID]],
) -> None:
    await talker(王秀兰="mother", 李静="self")
    where, (a, b, c) = line
    await _call(database, where, None, clock)
    first = [("queue.called", "王秀兰", "queued"), ("queue.soon_next", "李静", "queued")]
    wei = ("queue.soon", "张伟", "queued")  # by SMS, the phone on record
    assert await _heard(database, services) == [*first, wei]
    assert await _heard(database, services) == [*first, wei], "once"
    async with database.write() as session:
        assert await queue.call_again(session, a, now=clock.now())
        assert await queue.pass_over(session, a, by=NURSE, now=clock.now())
    missed = ("queue.passed", "王秀兰", "queued")
    assert await _heard(database, services) == [
        ("queue.called", "王秀兰", "suppressed"),
        first[1],
        wei,
        missed,
    ]
    async with database.write() as session:
        assert await queue.put_back(session, a, now=clock.now())
        assert await queue.done(session, c, now=clock.now()), "seen out of turn"
    await _call(database, where, None, clock)
    assert await _heard(database, services) == [
        ("queue.called", "王秀兰", "suppressed"),
        ("queue.soon_next", "李静", "suppressed"),
        ("queue.soon", "张伟", "suppressed"),
        ("queue.passed", "王秀兰", "suppressed"),
        ("queue.called", "李静", "queued"),
        ("queue.soon_next", "王秀兰", "queued"),
    ]
    await _call(database, where, b, clock)
    keys = await _heard(database, services)
    assert [key for key, _, _ in keys].count("queue.called") == 2, (
        "who is called anew is not told a second time"
    )
    assert keys[4] == ("queue.called", "李静", "suppressed"), "who has been seen hears nothing"


async def test_whoever_was_seen_before_the_worker_came_hears_nothing(
    talker: Talker,
    services: Services,
    database: Database,
    clock: VirtualClock,
    line: tuple[Line, list[UUID]],
) -> None:
    await talker(王秀兰="self")
    where, (a, b, _) = line
    await _call(database, where, None, clock)
    await _call(database, where, a, clock)
    async with database.write() as session:
        assert await queue.done(session, b, now=clock.now())
    assert [name for _, name, _ in await _heard(database, services, 0)] == ["张伟"]


async def test_nobody_rings_up_for_a_word_from_the_queue(
    talker: Talker,
    services: Services,
    database: Database,
    clock: VirtualClock,
    line: tuple[Line, list[UUID]],
) -> None:
    await talker(王秀兰="self")
    where, (a, _, _) = line
    await _call(database, where, None, clock)
    await _heard(database, services)
    async with database.write() as session:
        message = (await telling.heard(session, Word.CALLED, [a]))[a]
        await CareDesk().undeliverable(session, message, "refused", clock.now())
        calls = select(DeskTask.id).where(DeskTask.kind == TaskKind.CALL)
        assert (await session.scalars(calls)).all() == []
        message.expires_at = clock.now() + timedelta(days=1)
        await CareDesk().undeliverable(session, message, "refused", clock.now())
        assert len((await session.scalars(calls)).all()) == 1


async def test_a_department_without_a_room_is_a_place(
    talker: Talker,
    services: Services,
    database: Database,
    clock: VirtualClock,
    line: tuple[Line, list[UUID]],
) -> None:
    talk = await talker(王秀兰="mother")
    where, _ = line
    async with database.write() as session:
        await session.execute(update(HealthcareService).values(room=""))
    await _call(database, where, None, clock)
    assert (await _heard(database, services))[0] == ("queue.called_there", "王秀兰", "queued")
    assert await talk.say("还要等多久", "ask_queue") == ["queue.called_there"]
