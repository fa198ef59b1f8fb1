"""Binding: the code, its limits, and silence about who exists."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from uuid import UUID, uuid4

from care.binding import service as binding
from care.binding.models import BindingAttempt
from care.binding.service import Bound, Expired, Locked, Started, TooMany, Wrong
from care.patients import service as patients
from care.patients.models import Patient, PatientStatus, Relation
from store.clock import VirtualClock
from store.database import Database
from tests.care.conftest import World


async def _start(
    database: Database,
    clock: VirtualClock,
    contact: UUID,
    name: str = "王秀兰",
    record: str | None = "D0000001",
    id_last4: str | None = None,
) -> Started:
    async with database.write() as session:
        started = await binding.start(
            session,
            contact_id=contact,
            name=name,
            record_number=record,
            id_last4=id_last4,
            relation=Relation.MOTHER,
            label="妈妈",
            now=clock.now(),
        )
    assert isinstance(started, Started)
    return started


async def _confirm(
    database: Database, clock: VirtualClock, contact: UUID, challenge: UUID, code: str
) -> Bound | Wrong | Expired | Locked:
    async with database.write() as session:
        return await binding.confirm(session, challenge, code, contact_id=contact, now=clock.now())


def _code(started: Started) -> str:
    assert started.outgoing is not None
    return started.outgoing.code


def _wrong(code: str) -> str:
    return f"{(int(code) + 1) % 10**6:06d}"


async def test_the_right_code_binds(database: Database, world: World, clock: VirtualClock) -> None:
    contact = uuid4()
    started = await _start(database, clock, contact, record="d000 0001")
    assert started.outgoing is not None
    assert started.outgoing.phone == "+8619900000001"
    assert len(started.outgoing.code) == 6
    code = _code(started)
    assert await _confirm(database, clock, contact, started.challenge_id, _wrong(code)) == Wrong(4)
    bound = await _confirm(database, clock, contact, started.challenge_id, f" {code} ")
    assert bound == Bound(world.wang, Relation.MOTHER, new=True)
    assert await _confirm(database, clock, contact, started.challenge_id, code) == Expired()
    async with database.read() as session:
        [linked] = await patients.patients_of_contact(session, contact)
        assert (linked.patient.id, linked.relation, linked.label) == (world.wang, Relation.MOTHER, "妈妈")
    async with database.write() as session:
        assert await binding.unbind(
            session, contact_id=contact, patient_id=world.wang, actor="patient", now=clock.now()
        )
    async with database.read() as session:
        assert await patients.patients_of_contact(session, contact) == []


async def test_by_the_last_four_of_the_identity_number(
    database: Database, world: World, clock: VirtualClock
) -> None:
    started = await _start(database, clock, uuid4(), record=None, id_last4="0024")
    assert started.outgoing is not None
    other = await _start(database, clock, uuid4(), record=None, id_last4="0046")
    assert other.outgoing is None, "the four must belong to the name"


async def test_a_miss_looks_the_same_and_no_code_opens_it(
    database: Database, world: World, clock: VirtualClock
) -> None:
    contact = uuid4()
    real = await _start(database, clock, contact)
    for name, record in (("王秀兰", "D9999999"), ("王秀芬", "D0000001")):
        missed = await _start(database, clock, uuid4(), name=name, record=record)
        assert missed.outgoing is None
        assert missed.expires_at == real.expires_at
    stranger = uuid4()
    missed = await _start(database, clock, stranger, record="D9999999")
    answers = [await _confirm(database, clock, stranger, missed.challenge_id, "000000") for _ in range(6)]
    assert answers == [Wrong(4), Wrong(3), Wrong(2), Wrong(1), Locked(), Locked()]


async def test_five_wrong_tries_lock_even_for_the_right_code(
    database: Database, world: World, clock: VirtualClock
) -> None:
    contact = uuid4()
    started = await _start(database, clock, contact)
    code = _code(started)
    answers = await asyncio.gather(
        *(_confirm(database, clock, contact, started.challenge_id, _wrong(code)) for _ in range(8))
    )
    assert sorted(map(str, answers)) == sorted(
        map(str, [Wrong(4), Wrong(3), Wrong(2), Wrong(1), Locked(), Locked(), Locked(), Locked()])
    )
    assert await _confirm(database, clock, contact, started.challenge_id, code) == Locked()


async def test_expiry_other_contact_and_replacement(
    database: Database, world: World, clock: VirtualClock
) -> None:
    contact = uuid4()
    first = await _start(database, clock, contact)
    assert await _confirm(database, clock, uuid4(), first.challenge_id, _code(first)) == Expired()
    second = await _start(database, clock, contact)
    assert await _confirm(database, clock, contact, first.challenge_id, _code(first)) == Expired()
    clock.advance(timedelta(minutes=10))
    assert await _confirm(database, clock, contact, second.challenge_id, _code(second)) == Expired()


async def test_a_contact_may_start_five_times_a_day(
    database: Database, world: World, clock: VirtualClock
) -> None:
    contact = uuid4()
    begun = clock.now()
    for _ in range(5):
        await _start(database, clock, contact, record="D9999999")
        clock.advance(timedelta(hours=1))
    async with database.write() as session:
        sixth = await binding.start(
            session, contact_id=contact, name="王秀兰", record_number="D0000001", now=clock.now()
        )
    assert sixth == TooMany(begun + timedelta(hours=24))
    clock.advance(timedelta(hours=20))
    assert (await _start(database, clock, contact)).outgoing is not None


async def test_a_phone_on_record_is_not_flooded(
    database: Database, world: World, clock: VirtualClock
) -> None:
    sent = [(await _start(database, clock, uuid4())).outgoing is not None for _ in range(7)]
    assert sent == [True] * 5 + [False] * 2


async def test_nobody_binds_to_the_dead(database: Database, world: World, clock: VirtualClock) -> None:
    async with database.write() as session:
        row = await session.get_one(Patient, world.wang)
        await patients.set_status(session, row, PatientStatus.DIED, at=clock.now(), actor="staff:1")
    assert (await _start(database, clock, uuid4())).outgoing is None


async def test_who_leaves_leaves_no_code_behind(
    database: Database, world: World, clock: VirtualClock
) -> None:
    """The code on its way opens nothing any more, and the tries still count."""
    contact, other = uuid4(), uuid4()
    started, kept = await _start(database, clock, contact), await _start(database, clock, other)
    async with database.write() as session:
        await binding.forget(session, contact, clock.now())
    assert await _confirm(database, clock, contact, started.challenge_id, _code(started)) == Expired()
    async with database.read() as session:
        row = await session.get_one(BindingAttempt, started.challenge_id)
        assert (row.status, row.label_sealed, row.code_hash) == ("replaced", None, "")
    assert isinstance(await _confirm(database, clock, other, kept.challenge_id, _code(kept)), Bound)
