"""The day's word to the responsible doctor: one a day, of so many and nothing else; another way or another person where it fails."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from uuid import UUID

import pytest
from sqlalchemy import select, update

from care.access.models import CareTeamMember, TeamRole
from care.duty.models import Position
from care.followup.lost import Sweep
from care.followup.models import Loss
from care.followup.word import DailyWord
from care.hospital.models import DayKind
from care.hospital.workdays import set_day
from care.reach.models import StaffNotice, StaffReach
from store.audit import AuditRow
from store.clock import VirtualClock
from store.database import Database
from tests.care.alerts.ward import Ward
from tests.care.conftest import World
from tests.care.followup.test_lost import OLD, START, Writes, chronic
from web.signin.models import Role


class House:
    """Two overdue patients of the doctor's, noticed at four in the morning."""

    def __init__(self, database: Database, clock: VirtualClock, world: World) -> None:
        self.database, self.clock, self.world = database, clock, world
        self.ward = Ward(database, clock)
        self.word = DailyWord(database, clock, 8)

    async def begin(self) -> None:
        self.clock.freeze(START)
        await self.ward.staff(doctor=Role.DOCTOR, nurse=Role.NURSE)
        for who in (self.world.wang, self.world.lijing):
            await chronic(self.database, self.world, who, OLD)
            async with self.database.write() as session:
                member = {
                    "patient_id": who,
                    "staff_id": self.ward.people["doctor"],
                    "since": self.clock.now(),
                }
                session.add(CareTeamMember(role=TeamRole.DOCTOR, **member))
        await Sweep(self.database, self.clock, Writes()).run()

    def at(self, hour: int, minute: int = 0, days: int = 0) -> None:
        day = datetime(2026, 11, 23) + timedelta(days=days, hours=hour, minutes=minute)
        self.clock.freeze(self.clock.to_utc(day))

    async def words(self) -> list[tuple[str, str, int]]:
        """(to, channel, of how many), in order."""
        names = {who: name for name, who in self.ward.people.items()}
        async with self.database.read() as session:
            rows = await session.scalars(select(StaffNotice).order_by(StaffNotice.created_at, StaffNotice.id))
            return [(names[one.staff_id], one.channel, one.number) for one in rows]

    async def failed(self) -> None:
        async with self.database.write() as session:
            await session.execute(update(StaffNotice).values(status="failed", due_at=None))

    async def unreachable(self, *people: str) -> None:
        async with self.database.write() as session:
            ids = [self.ward.people[one] for one in people]
            values = {"phone_since": None, "wecom_since": None}
            await session.execute(update(StaffReach).where(StaffReach.staff_id.in_(ids)).values(values))


@pytest.fixture
async def house(database: Database, clock: VirtualClock, world: World) -> House:
    found = House(database, clock, world)
    await found.begin()
    return found


async def test_one_word_a_day_from_the_set_hour_of_a_working_day(house: House) -> None:
    async with house.database.write() as session:
        await set_day(session, house.clock.local().date(), DayKind.OFF, "院庆")
    house.at(9)
    assert await house.word.once() == 0, "a day off"
    house.at(7, 59, days=1)
    assert await house.word.once() == 0
    house.at(8, 0, days=1)
    assert await house.word.once() == 1
    assert await house.words() == [("doctor", "wecom", 2)]
    await chronic(house.database, house.world, house.world.zhang, OLD)
    async with house.database.write() as session:
        session.add(
            CareTeamMember(
                patient_id=house.world.zhang,
                staff_id=house.ward.people["doctor"],
                role=TeamRole.DOCTOR,
                since=house.clock.now(),
            )
        )
    await Sweep(house.database, house.clock, Writes()).run()
    assert await house.word.once() == 0, "told today already"
    house.at(8, 0, days=2)
    assert await house.word.once() == 1
    assert (await house.words())[1:] == [("doctor", "wecom", 1)]
    async with house.database.read() as session:
        kept = (
            await session.scalars(select(AuditRow.detail).where(AuditRow.action == "followup.word"))
        ).first()
        assert kept == {"channel": "wecom", "patients": 2, "own": 2}


async def test_two_at_once_write_one(house: House) -> None:
    other = Database(house.database.url.render_as_string(hide_password=False))
    house.at(8)
    try:
        words = [house.word, DailyWord(other, house.clock, 8)]
        assert sum(await asyncio.gather(*(one.once() for one in words * 2))) == 1
    finally:
        await other.close()
    assert await house.words() == [("doctor", "wecom", 2)]


async def test_refused_by_one_way_it_goes_the_other_and_then_to_who_is_on_duty(house: House) -> None:
    house.at(8)
    await house.ward.on_roster("nurse", Position.HEAD_NURSE)
    told = []
    for _ in range(5):
        await house.word.once()
        told.append((await house.words())[-1][:2])
        await house.failed()
    ways = [("doctor", "wecom"), ("doctor", "sms"), ("nurse", "wecom"), ("nurse", "sms")]
    assert told == [*ways, ways[-1]], "each way once; then nobody is left"
    assert len(await house.words()) == 4
    async with house.database.read() as session:
        assert {one.word_id for one in await session.scalars(select(Loss))} == {None}


@pytest.mark.parametrize(("gone", "to"), [(("doctor",), "nurse"), (("doctor", "nurse"), None)])
async def test_without_a_way_of_ones_own(house: House, gone: tuple[str, ...], to: str | None) -> None:
    await house.unreachable(*gone)
    house.at(8)
    for _ in range(2):
        await house.word.once()
    assert await house.words() == ([(to, "wecom", 2)] if to else [])
    async with house.database.read() as session:
        rows: list[tuple[object, UUID | None]] = [
            (one.word_at, one.word_id) for one in await session.scalars(select(Loss))
        ]
        assert all(at == house.clock.now() and (word is not None) is bool(to) for at, word in rows)
    if to is None:  # somebody proves a number at last
        async with house.database.write() as session:
            mine = StaffReach.staff_id == house.ward.people["doctor"]
            await session.execute(update(StaffReach).where(mine).values(phone_since=house.clock.now()))
        assert await house.word.once() == 0
        house.at(8, days=1)
        assert await house.word.once() == 1
        assert await house.words() == [("doctor", "sms", 2)]
