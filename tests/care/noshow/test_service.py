"""History by SQL, the night's training, scores of what is to come, and the page."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from fastapi import FastAPI
from sqlalchemy import insert, select

from care.appointments import service as appointments
from care.appointments import slots
from care.appointments.coming.models import ComingVisit
from care.appointments.models import Appointment, Slot, Status
from care.appointments.noshow import model, service
from care.appointments.noshow.models import NoshowModel, Verdict
from care.appointments.noshow.pages import NoshowDesk, noshow_router
from care.appointments.noshow.worker import NoshowWorker
from care.appointments.views import Booked, Held
from store.audit import AuditRow
from store.clock import VirtualClock
from store.database import Database
from store.ids import new_id
from tests.care.conftest import World
from tests.care.noshow.test_model import history
from tests.channels.ops.site import staff, visiting
from web.build import build
from web.shell import install_shell
from web.signin.models import Role
from web.signin.pages import signin_router


async def past(database: Database, world: World, patient: UUID, start: datetime, status: Status) -> None:
    async with database.write() as session:
        slot = (await session.scalars(select(Slot).where(Slot.practitioner_id == world.li).limit(1))).one()
        row: dict[str, Any] = {
            "id": new_id(), "status": status, "patient_id": patient, "slot_id": slot.id, "practitioner_id": world.li,
            "department_id": world.eye, "start": start, "day": start.date(), "part": "morning", "fee_fen": 1800,
            "created_via": "seed", "created_at": start - timedelta(days=3), "changed_at": start, "kind": "general",
        }  # fmt: skip
        await session.execute(insert(Appointment), [row])


async def booked(database: Database, clock: VirtualClock, world: World, patient: UUID) -> UUID:
    async with database.write() as session:
        [one, *_] = await slots.find_slots(session, now=clock.now(), practitioner_id=world.li)
        held = await appointments.hold(session, slot_id=one.slot_id, patient_id=patient, now=clock.now())
        assert isinstance(held, Held)
        done = await appointments.confirm(session, held.hold_id, now=clock.now(), created_via="staff")
        assert isinstance(done, Booked)
        return done.appointment.appointment_id


async def test_each_visit_of_the_past_knows_only_what_was_before_it(
    database: Database, world: World, clock: VirtualClock
) -> None:
    now = clock.now()
    for days, status in (
        (40, Status.NOSHOW),
        (30, Status.CANCELLED),
        (20, Status.FULFILLED),
        (10, Status.NOSHOW),
    ):
        await past(database, world, world.wang, now - timedelta(days=days), status)
    await past(database, world, world.lijing, now - timedelta(days=15), Status.FULFILLED)
    await booked(database, clock, world, world.wang)
    async with database.read() as session:
        found = await service.history(session, now)
    told = [(one.missed_before, one.kept_before, gone) for one, gone in found]
    assert told == [(0, 0, True), (1, 0, False), (0, 0, False), (1, 1, True)], "cancelled ones say nothing"
    assert {round((one.start - one.booked_at).days) for one, _ in found} == {3}


async def test_the_night_trains_and_says_that_it_is_too_little(
    database: Database, world: World, clock: VirtualClock
) -> None:
    worker = NoshowWorker(database, clock, on=True)
    clock.freeze(clock.to_utc(datetime(2026, 11, 23, 2, 59)))
    assert not await worker.nightly()
    clock.freeze(clock.to_utc(datetime(2026, 11, 23, 3, 0)))
    assert (await worker.nightly(), await worker.nightly()) == (True, False)
    clock.advance(timedelta(days=1))
    assert await worker.nightly()
    async with database.read() as session:
        rows = list(await session.scalars(select(NoshowModel)))
        assert {row.verdict for row in rows} == {Verdict.TOO_LITTLE}


async def test_visits_to_come_are_scored_and_shown_to_staff_with_the_reason(
    database: Database, world: World, clock: VirtualClock
) -> None:
    now = clock.now()
    for days in (30, 20):
        await past(database, world, world.wang, now - timedelta(days=days), Status.NOSHOW)
    likely = await booked(database, clock, world, world.wang)
    other = await booked(database, clock, world, world.lijing)
    fitted = model.fit(history(8_000))

    async def scores() -> dict[UUID, float | None]:
        async with database.read() as session:
            return {row.appointment_id: row.risk for row in await session.scalars(select(ComingVisit))}

    async with database.write() as session:
        assert await service.score(session, await service.keep(session, fitted, now), now) == 2
    found = await scores()
    assert (found[likely] or 0) > 2 * (found[other] or 1)
    build()
    app = FastAPI()
    app.state.database, app.state.clock = database, clock
    install_shell(app)
    app.include_router(signin_router())
    app.include_router(noshow_router(NoshowDesk(database, clock, True, found[likely] or 0)))
    tokens = await staff(database, Role.NURSE, Role.EDITOR)
    async with visiting(app, tokens["editor"]) as editor:
        assert (await editor.get("/insight/no-show"))[0] == 403
    async with visiting(app, tokens["nurse"]) as nurse:
        status, page = await nurse.get("/insight/no-show")
    assert status == 200
    assert "够准，正在使用" in page and "以前有过约了没来" in page and "<circle" in page
    assert "王秀兰" in page and "李静" not in page
    async with database.read() as session:
        seen = select(AuditRow.subject).where(AuditRow.action == "read")
        assert list(await session.scalars(seen)) == [f"patient:{world.wang}"]
    await NoshowWorker(database, clock, on=False).train()
    assert set((await scores()).values()) == {None}, "switched off, nobody has a score"
