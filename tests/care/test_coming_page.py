"""/desk/unconfirmed: whom to ring, the half-day closed with one press and taken back, a department's own days."""

from __future__ import annotations

from datetime import date, datetime, time
from uuid import UUID

from fastapi import FastAPI
from sqlalchemy import select

from care.appointments import service, slots
from care.appointments.coming import service as coming
from care.appointments.coming.models import ReminderLead, Told, VisitReminder
from care.appointments.coming.pages import ComingDesk, coming_router
from care.appointments.models import Appointment, Status
from care.appointments.views import Booked, Held
from care.patients.models import Patient
from store.audit import AuditRow
from store.clock import VirtualClock
from store.database import Database
from tests.care.conftest import World
from tests.channels.ops.site import TOKEN, Visitor, staff, visiting
from web.build import build
from web.shell import install_shell
from web.signin.models import Role
from web.signin.pages import signin_router

TUESDAY = date(2026, 11, 24)


def app_of(database: Database, clock: VirtualClock) -> FastAPI:
    build()
    app = FastAPI()
    app.state.database, app.state.clock = database, clock
    install_shell(app)
    app.include_router(signin_router())
    app.include_router(coming_router(ComingDesk(database, clock, (3, 1), 0.25)))
    return app


async def reminded(database: Database, clock: VirtualClock, world: World, patient: UUID) -> UUID:
    """Booked with 李敏 on Tuesday, reminded long enough ago."""
    async with database.write() as session:
        [one, *_] = await slots.find_slots(session, now=clock.now(), practitioner_id=world.li)
        held = await service.hold(session, slot_id=one.slot_id, patient_id=patient, now=clock.now())
        assert isinstance(held, Held)
        done = await service.confirm(session, held.hold_id, now=clock.now(), created_via="staff")
        assert isinstance(done, Booked)
        mine = done.appointment.appointment_id
        at = clock.now() - coming.ANSWER_WITHIN
        session.add(VisitReminder(appointment_id=mine, step="d3", patient_id=patient, state=Told.TOLD, at=at))
    return mine


async def test_the_list_its_calls_and_the_end_of_a_half_day(
    database: Database, clock: VirtualClock, world: World
) -> None:
    mine = await reminded(database, clock, world, world.wang)
    other = await reminded(database, clock, world, world.lijing)
    secret = await reminded(database, clock, world, world.zhang)
    async with database.write() as session:
        (await session.get_one(Patient, world.zhang)).confidential = True
    clock.freeze(clock.to_utc(datetime.combine(date(2026, 11, 23), time(10))))
    tokens = await staff(database, Role.NURSE, Role.EDITOR)
    app = app_of(database, clock)
    async with visiting(app, tokens["editor"]) as editor:
        assert (await editor.get("/desk/unconfirmed"))[0] == 403
    async with visiting(app, tokens["nurse"]) as nurse:
        status, page = await nurse.get("/desk/unconfirmed")
        assert status == 200
        assert "王秀兰" in page and "19900000001" in page and "保密患者" in page
        assert "张伟" not in page and "19900000003" not in page
        async with database.read() as session:
            seen = select(AuditRow.subject).where(AuditRow.action == "read")
            assert set(await session.scalars(seen)) == {f"patient:{world.wang}", f"patient:{world.lijing}"}
        assert "没人接" in await _post(nurse, f"/{mine}/rung", outcome="no_answer")
        assert "已记：会来" in await _post(nurse, f"/{mine}/rung", outcome="coming")
        assert "没有改：患者刚刚已经确认会来" in await _post(nurse, f"/{mine}/rung", outcome="cancelled")
        assert "已取消预约" in await _post(nurse, f"/{other}/rung", outcome="cancelled")
        assert "这个预约已经变了" in await _post(nurse, f"/{other}/rung", outcome="coming")
        assert "请选一个电话结果" in await _post(nurse, f"/{mine}/rung", outcome="shouted")
        assert (await nurse._session.post(
            f"/desk/unconfirmed/{secret}/rung", data={"csrf_token": TOKEN, "outcome": "coming"}
        )).status == 403  # fmt: skip
        _, page = await nurse.get("/desk/unconfirmed")
        assert "王秀兰" not in page and "李静" not in page

        clock.freeze(clock.to_utc(datetime.combine(TUESDAY, time(13, 5))))
        _, page = await nurse.get("/desk/unconfirmed")
        assert "2 人没有报到" in page
        half = {"doctor": str(world.li), "day": TUESDAY.isoformat(), "part": "morning"}
        page = await _post(nurse, "/missed", **half)
        assert "已记为未到" in page and "撤回" in page
        assert await _statuses(database) == {
            mine: Status.NOSHOW,
            secret: Status.NOSHOW,
            other: Status.CANCELLED,
        }
        assert "没有要记的人" in await _post(nurse, "/missed", **half)
        assert "已撤回" in await _post(nurse, "/missed/undo", **half)
        assert (await _statuses(database))[mine] == Status.BOOKED

        eye = str(world.eye)
        assert "天数请写数字" in await _post(nurse, "/leads", department=eye, days="三天")
        page = await _post(nurse, "/leads", department=eye, days="7,3,1")
        assert "眼科：提前 7、3、1 天" in page
        await _post(nurse, "/leads", department=eye, days="")
        async with database.read() as session:
            assert (await session.scalars(select(ReminderLead))).all() == []


async def _post(nurse: Visitor, path: str, **fields: str) -> str:
    """The page it leads back to."""
    async with nurse._session.post(
        f"/desk/unconfirmed{path}", data={"csrf_token": TOKEN, **fields}
    ) as answer:
        assert answer.status == 200
        return str(await answer.text())


async def _statuses(database: Database) -> dict[UUID, str]:
    async with database.read() as session:
        return {row.id: row.status for row in await session.scalars(select(Appointment))}
