"""What is left, for who came too late: one search a moment for everybody who lost the same place, and never one who is gone."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import event, update

from care.appointments import service, shared, slots
from care.appointments.views import Held
from care.hospital.models import Practitioner
from store.clock import VirtualClock
from store.database import Database
from tests.care.conftest import World


async def _asked(
    database: Database, clock: VirtualClock, lost: UUID, department: UUID
) -> tuple[list[str], int]:
    """Each half-day offered with its places, and how many statements that took."""
    said: list[str] = []

    def note(*seen: Any) -> None:
        said.append(seen[2])

    async with database.read() as session:
        event.listen(database.reader.sync_engine, "before_cursor_execute", note)
        try:
            left = await shared.half_days_left(session, lost, now=clock.now(), department_id=department)
        finally:
            event.remove(database.reader.sync_engine, "before_cursor_execute", note)
    return [f"{one.first.practitioner}{one.left}" for one in left], len(
        [one for one in said if "slot" in one]
    )


async def _first_two(database: Database, clock: VirtualClock, doctor: UUID) -> list[UUID]:
    async with database.read() as session:
        found = await slots.find_slots(session, now=clock.now(), practitioner_id=doctor, limit=2)
    return [one.slot_id for one in found]


async def test_who_lost_the_same_place_shares_one_search(
    database: Database, world: World, clock: VirtualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shared, "MOMENT", 3600.0)
    lost, other = await _first_two(database, clock, world.li)
    before, statements = await _asked(database, clock, lost, world.eye)
    assert before == ["李敏6", "赵强6"] and statements > 0
    async with database.write() as session:
        held = await service.hold(session, slot_id=other, patient_id=world.wang, now=clock.now())
        assert isinstance(held, Held)
    assert await _asked(database, clock, lost, world.eye) == (before, 0)
    assert await _asked(database, clock, other, world.eye) == (["李敏5", "赵强6"], statements), (
        "another place"
    )
    assert (await _asked(database, clock, lost, world.men))[1] > 0, "another question"
    clock.advance(timedelta(seconds=1))
    assert (await _asked(database, clock, lost, world.eye))[0] == ["李敏5", "赵强6"], "another second"


async def test_a_moment_later_it_is_asked_again(
    database: Database, world: World, clock: VirtualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    [lost, _] = await _first_two(database, clock, world.li)
    _, statements = await _asked(database, clock, lost, world.eye)
    monkeypatch.setattr(shared, "MOMENT", 0.0)
    assert (await _asked(database, clock, lost, world.eye))[1] == statements


async def test_the_soonest_places_of_who_has_left_hide_nobodys(
    database: Database, world: World, clock: VirtualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(slots, "_PER_HALF_DAY", 1)
    async with database.write() as session:
        await session.execute(update(Practitioner).where(Practitioner.id == world.li).values(active=False))
    async with database.read() as session:
        found = await slots.find_half_days(session, now=clock.now(), department_id=world.eye, limit=1)
    assert [one.first.practitioner for one in found] == ["赵强"]
