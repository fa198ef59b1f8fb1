"""A call is opened once, rung by somebody, and ends with what happened."""

from __future__ import annotations

from datetime import date

from care.followup import service
from care.followup.models import CallStatus, FollowUpCall
from store.clock import VirtualClock
from store.database import Database
from tests.care.conftest import World

DAY = date(2026, 11, 23)


async def opened(database: Database, clock: VirtualClock, patient: object, key: str = "k1") -> FollowUpCall:
    async with database.write() as session:
        call, _ = await service.open_call(
            session,
            patient,  # type: ignore[arg-type]
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
