"""A call is opened once, rung by somebody, and ends with what happened."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from uuid import UUID

from sqlalchemy import select

from care.consents.models import ConsentNow, Purpose
from care.desk.models import DeskTask
from care.followup import calling, service
from care.followup.calling import Redial
from care.followup.models import CallOutcome, CallStatus, FollowUpCall, Loss
from care.followup.worker import FollowUpWorker
from channels.contacts.models import Contact
from store.clock import VirtualClock
from store.database import Database
from store.ids import new_id
from tests.care.conftest import World

DAY = date(2026, 11, 23)


async def opened(database: Database, clock: VirtualClock, patient: UUID, key: str = "k1") -> FollowUpCall:
    async with database.write() as session:
        call, _ = await service.open_call(
            session,
            patient,
            key=key,
            due_on=DAY,
            script="discharge",
            source="plan",
            now=clock.now(),
        )
        return call


async def test_a_call_is_opened_once_and_dropped_with_its_reason(
    database: Database, clock: VirtualClock, world: World
) -> None:
    call = await opened(database, clock, world.wang)
    again = await opened(database, clock, world.wang)
    assert call.id == again.id
    async with database.write() as session:
        assert await service.drop(session, patient_id=world.wang, reason="died", now=clock.now()) == 1
        assert await service.drop(session, patient_id=world.wang, reason="moved", now=clock.now()) == 0
    async with database.read() as session:
        row = await service.get(session, call.id)
        assert row is not None and (row.status, row.reason) == (CallStatus.DROPPED, "died")
        assert row.script == "discharge"
        assert [one.kind for one in await service.steps(session, [call.id])] == ["opened", "dropped"]


REDIAL = Redial(3, "aliyun")
NURSE, COLLEAGUE = new_id(), new_id()


async def ring(
    database: Database, clock: VirtualClock, call: FollowUpCall, outcome: CallOutcome, by: UUID = NURSE
) -> bool:
    async with database.write() as session:
        return await calling.ended(session, call.id, outcome, "", by=by, clock=clock, redial=REDIAL)


async def settled(database: Database, clock: VirtualClock) -> int:
    return await FollowUpWorker(database, clock, REDIAL).once()


async def stored(database: Database, call: FollowUpCall) -> FollowUpCall:
    async with database.read() as session:
        return await session.get_one(FollowUpCall, call.id)


async def loss_of(database: Database, patient: UUID) -> tuple[str, str] | None:
    async with database.read() as session:
        row = await session.scalar(select(Loss).where(Loss.patient_id == patient))
        return (row.stage, row.reason) if row else None


async def test_nobody_answers_on_three_half_days_and_the_patient_is_unreachable(
    database: Database, clock: VirtualClock, world: World
) -> None:
    clock.freeze(datetime(2026, 11, 23, 1, 0, tzinfo=UTC))  # Monday 09:00 in China
    call = await opened(database, clock, world.wang)
    nexts = []
    for _ in range(3):
        assert await ring(database, clock, call, CallOutcome.NO_ANSWER)
        clock.advance(timedelta(minutes=2))
        assert await settled(database, clock) == 1
        row = await stored(database, call)
        nexts.append(clock.local_naive(row.next_at))
        if row.status == CallStatus.OPEN:
            assert row.owner_id is None
            clock.freeze(row.next_at)
    assert [f"{one:%a %H:%M}" for one in nexts[:2]] == ["Mon 14:00", "Tue 08:30"]
    assert (row.status, row.reason, row.attempts) == (CallStatus.DONE, "unreachable", 3)
    assert await loss_of(database, world.wang) == ("lost", "unreachable")
    assert not await ring(database, clock, call, CallOutcome.CONNECTED)


async def test_refusing_withdraws_the_consent_after_a_minute_unless_it_is_taken_back(
    database: Database, clock: VirtualClock, world: World
) -> None:
    call, other = await opened(database, clock, world.wang), await opened(database, clock, world.wang, "k2")
    assert await ring(database, clock, call, CallOutcome.REFUSED)
    assert await settled(database, clock) == 0
    async with database.write() as session:
        assert not await calling.undo(session, call.id, by=COLLEAGUE, now=clock.now())
        assert await calling.undo(session, call.id, by=NURSE, now=clock.now())
    clock.advance(timedelta(minutes=2))
    assert await settled(database, clock) == 0
    assert (await stored(database, call)).status == CallStatus.TAKEN

    assert await ring(database, clock, call, CallOutcome.REFUSED)
    clock.advance(timedelta(minutes=2))
    assert await settled(database, clock) == 1
    assert await settled(database, clock) == 0
    async with database.read() as session:
        held = await session.get(ConsentNow, (world.wang, Purpose.FOLLOW_UP))
        assert held is not None and not held.granted
    assert (await stored(database, other)).reason == "refused"
    assert await loss_of(database, world.wang) == ("lost", "refused")
    async with database.write() as session:
        assert not await calling.undo(session, call.id, by=NURSE, now=clock.now())


async def test_a_wrong_number_is_stopped_and_somebody_corrects_it(
    database: Database, clock: VirtualClock, world: World
) -> None:
    call = await opened(database, clock, world.wang)
    assert await ring(database, clock, call, CallOutcome.WRONG_NUMBER)
    clock.advance(timedelta(minutes=2))
    await settled(database, clock)
    async with database.read() as session:
        contact = (await session.scalars(select(Contact))).one()
        assert (contact.address, contact.status) == ("+8619900000001", "wrong_number")
        task = (await session.scalars(select(DeskTask))).one()
        assert (task.kind, task.patient_id) == ("correction", world.wang)
    assert await loss_of(database, world.wang) == ("lost", "wrong_number")


async def test_a_call_is_one_persons_and_is_handed_over_with_a_word(
    database: Database, clock: VirtualClock, world: World
) -> None:
    call = await opened(database, clock, world.wang)
    now = clock.now()
    async with database.write() as session:
        assert await calling.take(session, call.id, NURSE, now)
        assert await calling.take(session, call.id, NURSE, now)
        assert not await calling.take(session, call.id, COLLEAGUE, now)
    assert not await ring(database, clock, call, CallOutcome.CONNECTED, by=COLLEAGUE)
    async with database.write() as session:
        assert await calling.give(session, call.id, COLLEAGUE, "下午再打", by=NURSE, now=now)
    assert await ring(database, clock, call, CallOutcome.CONNECTED, by=COLLEAGUE)
    async with database.read() as session:
        kinds = [(one.kind, one.note) for one in await service.steps(session, [call.id])]
    assert kinds == [("opened", None), ("taken", None), ("passed", "下午再打"), ("called", None)]


async def test_a_call_left_lying_goes_back_to_everybody(
    database: Database, clock: VirtualClock, world: World
) -> None:
    lying, handed = (
        await opened(database, clock, world.wang),
        await opened(database, clock, world.zhang, "k2"),
    )
    async with database.write() as session:
        assert await calling.take(session, lying.id, NURSE, clock.now())
        assert await calling.give(session, handed.id, COLLEAGUE, "", by=NURSE, now=clock.now())
    clock.advance(timedelta(minutes=119))
    assert await settled(database, clock) == 0
    clock.advance(timedelta(minutes=2))
    assert await settled(database, clock) == 1
    back = await stored(database, lying)
    assert (back.status, back.owner_id) == (CallStatus.OPEN, None)
    assert (await stored(database, handed)).owner_id == COLLEAGUE
    clock.advance(timedelta(hours=22))
    assert await settled(database, clock) == 1
    async with database.read() as session:
        steps = await service.steps(session, [lying.id])
        assert [(one.kind, one.note) for one in steps][-1] == ("back", "idle")
