"""Changes of a schedule: looked at without a trace, done with the slots, taken back unless changed again."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import func, select

from care.appointments import slots
from care.appointments.models import Schedule, ScheduleException, Slot
from care.appointments.scheduling import forms, service
from care.appointments.scheduling.models import ScheduleChange, What
from care.appointments.scheduling.saying import words
from care.appointments.scheduling.service import Edit, ScheduleError
from care.appointments.scheduling.states import state
from store.audit import AuditRow
from store.clock import VirtualClock
from store.database import Database
from store.ids import new_id
from tests.care.conftest import World

STAFF = new_id()
FORM = {
    "weekday": "3", "starts": "13:30", "ends": "16:30", "slot_minutes": "15", "capacity": "1", "overbook": "1", "fee": "18.5",
    "kind": "expert", "min_age": "", "max_age": "14", "sex": "", "location_id": "", "valid_from": "", "valid_to": "",
    "on_holidays": "follow",
}  # fmt: skip


async def free_of(session: Any, clock: VirtualClock, world: World) -> int:
    return len(await slots.find_slots(session, now=clock.now(), practitioner_id=world.li, limit=99))


async def test_a_new_clinic_is_looked_at_made_and_taken_back(
    database: Database, clock: VirtualClock, world: World
) -> None:
    after = forms.clinic(FORM, world.li, world.eye)
    edit = Edit(What.CLINIC, str(new_id()), after, world.li)
    async with database.write() as session:
        seen = await service.preview(session, clock, edit, STAFF, ahead=7)
        assert (seen.added, seen.removed) == (12, 0)
    async with database.write() as session:
        assert await session.scalar(select(func.count()).select_from(Schedule)) == 3, "a look leaves nothing"
        assert await free_of(session, clock, world) == 6
        row, done = await service.change(session, clock, edit, STAFF, ahead=7)
        assert done == seen
        assert await free_of(session, clock, world) == 18
    async with database.write() as session:
        one = (await slots.find_slots(session, now=clock.now(), kinds=["expert"], limit=1))[0]
        assert (one.fee_fen, one.kind, one.limits.max_age) == (1850, "expert", 14)
        assert await service.undo(session, clock, row.id, STAFF, ahead=7) is not None
        assert await free_of(session, clock, world) == 6
        assert await service.undo(session, clock, row.id, STAFF, ahead=7) is None, "once"
        trail = select(AuditRow.action).where(AuditRow.action.startswith("schedule."))
        assert list(await session.scalars(trail)) == ["schedule.change", "schedule.undo"]


async def test_what_was_changed_again_is_not_taken_back(
    database: Database, clock: VirtualClock, world: World
) -> None:
    async with database.write() as session:
        clinic = (await service.clinics(session, world.li))[0]
        key = str(clinic.id)
        before = await state(session, What.CLINIC, key)
        assert before is not None
        first, _ = await service.change(
            session, clock, Edit(What.CLINIC, key, {**before, "fee_fen": 900}, world.li), STAFF
        )
        second, _ = await service.change(
            session, clock, Edit(What.CLINIC, key, {**before, "fee_fen": 700}, world.li), STAFF
        )
        assert await service.undo(session, clock, first.id, STAFF, ahead=7) is None
        assert await service.undo(session, clock, second.id, STAFF, ahead=7) is not None
        assert await service.undo(session, clock, first.id, STAFF, ahead=7) is not None
        assert await state(session, What.CLINIC, key) == before


async def test_a_doctor_is_never_in_two_places(database: Database, clock: VirtualClock, world: World) -> None:
    form = {**FORM, "weekday": "1", "starts": "09:30", "ends": "11:30"}
    async with database.write() as session:
        edit = Edit(What.CLINIC, str(new_id()), forms.clinic(form, world.li, world.eye), world.li)
        with pytest.raises(ScheduleError, match="overlaps"):
            await service.change(session, clock, edit, STAFF, ahead=7)
        assert await session.scalar(select(func.count()).select_from(ScheduleChange)) == 0


async def test_an_exception_and_its_end(database: Database, clock: VirtualClock, world: World) -> None:
    async with database.write() as session:
        day = await session.scalar(select(func.min(Slot.day)).where(Slot.practitioner_id == world.li))
        assert day is not None
        form = {"day": day.isoformat(), "clinic": "", "how": "closed", "reason": "外出"}
        after = forms.exception(form, world.li, {}, clock.local().date())
        edit = Edit(What.EXCEPTION, str(new_id()), after, world.li)
        _, done = await service.change(session, clock, edit, STAFF, ahead=7)
        assert done.removed == 6 and await free_of(session, clock, world) == 0
        again = Edit(What.EXCEPTION, str(new_id()), after, world.li)
        with pytest.raises(ScheduleError, match="exception_there"):
            await service.change(session, clock, again, STAFF, ahead=7)
        _, back = await service.change(
            session, clock, Edit(What.EXCEPTION, edit.key, None, world.li), STAFF, ahead=7
        )
        assert back.added == 6 and await free_of(session, clock, world) == 6
        assert await session.scalar(select(func.count()).select_from(ScheduleException)) == 0


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        ({"starts": "8点"}, "hours"),
        ({"ends": "13:00"}, "hours"),
        ({"slot_minutes": "200"}, "slot_minutes"),
        ({"capacity": "0"}, "capacity"),
        ({"capacity": ""}, "capacity"),
        ({"overbook": "-1"}, "overbook"),
        ({"fee": "十块"}, "fee"),
        ({"fee": "NaN"}, "fee"),
        ({"min_age": "15"}, "ages"),
        ({"kind": "none"}, "kind"),
        ({"valid_from": "2026-12-01", "valid_to": "2026-11-01"}, "days_backward"),
        ({"weekday": "7"}, "weekday"),
    ],
)
def test_a_wrong_field_is_named(wrong: dict[str, str], why: str) -> None:
    with pytest.raises(ScheduleError, match=f"^{why}$"):
        forms.clinic({**FORM, **wrong}, STAFF, STAFF)
    assert why in words.known("errors"), "and there are words for it"
