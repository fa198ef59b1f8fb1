"""A clinic is closed: each patient is told once where they can be reached, with other times in the same message."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import date, timedelta
from uuid import UUID, uuid4

from sqlalchemy import select

from actions.appointments.closing import tell_due
from actions.services import Services
from care.appointments import service as appointments
from care.appointments import slots
from care.appointments.closures import service as closures
from care.appointments.closures.models import ClosureNotice, Owed, Reason
from care.appointments.closures.service import UNDO_FOR, Wanted
from care.appointments.models import Appointment, Status
from care.appointments.views import Booked, Held
from care.desk.models import DeskTask, TaskKind
from care.patients import service as patients
from channels.outbox.models import OutboundMessage
from channels.reply import Reply
from store.clock import VirtualClock
from store.database import Database
from tests.actions.conftest import Talk, World, readable

Talker = Callable[..., Awaitable[Talk]]
TUESDAY = date(2026, 11, 24)
SMS_ACCOUNT = "acc"


async def book(database: Database, clock: VirtualClock, doctor: UUID, patient: UUID) -> UUID:
    async with database.write() as session:
        [one] = await slots.find_slots(session, now=clock.now(), practitioner_id=doctor, limit=1)
        held = await appointments.hold(session, slot_id=one.slot_id, patient_id=patient, now=clock.now())
        assert isinstance(held, Held)
        booked = await appointments.confirm(session, held.hold_id, now=clock.now(), created_via="staff")
        assert isinstance(booked, Booked)
        return booked.appointment.appointment_id


async def close(
    database: Database, clock: VirtualClock, world: World, doctor: str, substitute: str | None = None
) -> UUID:
    async with database.write() as session:
        wanted = Wanted(
            department_id=world.departments["眼科"],
            first_day=TUESDAY,
            last_day=TUESDAY,
            reason=Reason.ILLNESS,
            practitioner_id=world.doctors[doctor],
            substitute_id=world.doctors[substitute] if substitute else None,
        )
        row = await closures.close(session, wanted, staff_id=uuid4(), clock=clock)
    clock.advance(UNDO_FOR)
    return row.id


async def told(services: Services) -> int:
    async with services.database.write() as session:
        return await tell_due(session, services, SMS_ACCOUNT, services.clock.now())


async def queued(database: Database) -> list[OutboundMessage]:
    async with database.read() as session:
        return list(await session.scalars(select(OutboundMessage).order_by(OutboundMessage.id)))


async def test_the_patient_is_told_once_and_the_place_is_given_up(
    talker: Talker, services: Services, database: Database, world: World, clock: VirtualClock
) -> None:
    await talker(张伟="self")
    mine = await book(database, clock, world.doctors["李敏"], world.people["张伟"])
    await close(database, clock, world, "李敏")
    assert await told(services) == 1
    assert await told(services) == 0
    [message] = await queued(database)
    reply = Reply.from_json(message.reply)
    readable(reply, "wechat")
    assert (reply.key, message.purpose) == ("closure.cancelled", "service_notice")
    assert [option.intent for option in reply.options] == ["book_appointment"] * 3
    async with database.read() as session:
        row = await session.get_one(Appointment, mine)
        notice = (await session.scalars(select(ClosureNotice))).one()
    assert (row.status, notice.state, notice.outbound_key) == (Status.CANCELLED, Owed.TOLD, message.dedup_key)


async def test_a_tap_on_an_offered_time_holds_just_that_one(
    talker: Talker, services: Services, database: Database, world: World, clock: VirtualClock
) -> None:
    talk = await talker(张伟="self", 赵小满="child")
    await book(database, clock, world.doctors["李敏"], world.people["张伟"])
    await close(database, clock, world, "李敏")
    await told(services)
    [message] = await queued(database)
    offered = Reply.from_json(message.reply).options[0]
    assert await talk.tap(offered.intent, **offered.params) == ["booking.confirm"]
    assert talk.last.params["name"] == "张伟"
    assert await talk.say("1") == ["booking.booked"]
    async with database.read() as session:
        live = select(Appointment).where(Appointment.status == Status.BOOKED)
        [new] = await session.scalars(live)
    assert new.slot_id.hex == offered.params["slot_id"]
    async with database.read() as session:
        notice = (await session.scalars(select(ClosureNotice))).one()
        seen = await closures.progress(session, notice.closure_id)
    assert seen is not None
    assert (seen.total, seen.rebooked) == (1, 1)


async def test_a_tap_that_comes_too_late_is_offered_what_is_left(
    talker: Talker, services: Services, database: Database, world: World, clock: VirtualClock
) -> None:
    talk = await talker(张伟="self")
    await book(database, clock, world.doctors["李敏"], world.people["张伟"])
    await close(database, clock, world, "李敏")
    await told(services)
    [message] = await queued(database)
    offered = Reply.from_json(message.reply).options[0]
    async with database.write() as session:
        slot_id = UUID(offered.params["slot_id"])
        held = await appointments.hold(
            session, slot_id=slot_id, patient_id=world.people["李静"], now=clock.now()
        )
        assert isinstance(held, Held)
    assert await talk.tap(offered.intent, **offered.params) == ["booking.when_gone"]


async def test_several_patients_are_offered_different_places(
    services: Services, database: Database, world: World, clock: VirtualClock
) -> None:
    for name in ("张伟", "李静", "王秀兰"):
        await book(database, clock, world.doctors["李敏"], world.people[name])
    await close(database, clock, world, "李敏")
    assert await told(services) == 3
    offered = [
        option.params["slot_id"]
        for message in await queued(database)
        for option in Reply.from_json(message.reply).options
        if "slot_id" in option.params
    ]
    assert len(offered) == len(set(offered)) >= 4


async def test_who_is_bound_to_nothing_is_told_on_the_phone_on_record_by_sms(
    services: Services, database: Database, world: World, clock: VirtualClock
) -> None:
    await book(database, clock, world.doctors["李敏"], world.people["王秀兰"])
    await close(database, clock, world, "李敏")
    await told(services)
    [message] = await queued(database)
    assert message.channel == "sms"
    readable(Reply.from_json(message.reply), "sms")


async def test_who_cannot_be_written_to_is_called(
    services: Services, database: Database, world: World, clock: VirtualClock
) -> None:
    async with database.write() as session:
        patient = await patients.get(session, world.people["王秀兰"])
        assert patient is not None
        patient.phone = patient.phone_hash = None
    await book(database, clock, world.doctors["李敏"], world.people["王秀兰"])
    await close(database, clock, world, "李敏")
    await told(services)
    assert await queued(database) == []
    async with database.read() as session:
        [task] = await session.scalars(select(DeskTask))
        notice = (await session.scalars(select(ClosureNotice))).one()
    assert (task.kind, notice.state) == (TaskKind.CALL, Owed.CALL)


async def test_who_cancelled_meanwhile_hears_nothing(
    services: Services, database: Database, world: World, clock: VirtualClock
) -> None:
    mine = await book(database, clock, world.doctors["李敏"], world.people["王秀兰"])
    await close(database, clock, world, "李敏")
    async with database.write() as session:
        await appointments.cancel(session, mine, now=clock.now())
    await told(services)
    assert await queued(database) == []
    async with database.read() as session:
        assert (await session.scalars(select(ClosureNotice.state))).one() == Owed.KEPT


async def test_another_doctor_same_time_same_place(
    talker: Talker, services: Services, database: Database, world: World, clock: VirtualClock
) -> None:
    await talker(channel="sms", 李静="self")
    mine = await book(database, clock, world.doctors["李敏"], world.people["李静"])
    await close(database, clock, world, "李敏", substitute="赵强")
    await told(services)
    [message] = await queued(database)
    reply = Reply.from_json(message.reply)
    readable(reply, "wechat")
    assert (reply.key, reply.params["substitute"]) == ("closure.substituted", "赵强")
    async with database.read() as session:
        row = await session.get_one(Appointment, mine)
    assert (row.status, row.practitioner_id) == (Status.BOOKED, world.doctors["赵强"])
    assert row.start - clock.now() < timedelta(days=8)
