"""The roster: who stands where, holes, a week copied, a shift handed over by signature; its pages in HTTP."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

from fastapi import FastAPI
from sqlalchemy import select

from care.alerts import service as alerts
from care.alerts.models import Alert
from care.desk import service as desk
from care.desk.models import TaskKind
from care.desk.pages.desk import Desk
from care.duty import handovers, roster
from care.duty.models import Handover, Position, Shift
from care.duty.pages import roster_router
from care.duty.service import on_duty
from store.clock import VirtualClock
from store.database import Database
from tests.care.alerts.ward import Ward
from tests.care.alerts.ward import ward as ward
from tests.channels.ops.site import staff, visiting
from tests.factories.messages import WECHAT, conversation
from web.shell import install_shell
from web.signin.models import Role, StaffUser
from web.signin.pages import signin_router

MONDAY = date(2026, 11, 23)


def local(day: int, hour: int, minute: int = 0) -> datetime:
    return datetime(2026, 11, day, hour, minute, tzinfo=ZoneInfo("Asia/Shanghai"))


async def put(ward: Ward, name: str, *spans: tuple[datetime, datetime], position: Position) -> str:
    async with ward.database.write() as session:
        return await roster.put_on(
            session,
            position=position,
            staff_id=ward.people[name],
            spans=spans,
            department_id=None,
            by=ward.people[name],
            now=ward.clock.now(),
        )


def test_a_night_shift_ends_the_next_day(clock: VirtualClock) -> None:
    assert roster.span(clock, MONDAY, time(20), time(8)) == (local(23, 20), local(24, 8))
    assert roster.span(clock, MONDAY, time(0), time(0)) == (local(23, 0), local(24, 0))


async def test_shifts_are_put_on_once_and_by_who_may(ward: Ward) -> None:
    await ward.staff(anna=Role.NURSE, doctor=Role.DOCTOR)
    day, night = (local(23, 8), local(23, 16)), (local(23, 16), local(24, 0))
    assert await put(ward, "anna", day, night, position=Position.NURSE) == "done"
    late = (local(23, 15), local(23, 17))
    assert await put(ward, "anna", late, position=Position.NURSE) == "overlaps"
    assert await put(ward, "anna", late, position=Position.DOCTOR) == "wrong_role"
    assert await put(ward, "doctor", late, position=Position.NURSE) == "wrong_role"
    async with ward.database.read() as session:
        at = [len(await on_duty(session, local(23, hour))) for hour in (7, 8, 15, 16, 23)]
        assert at == [0, 1, 1, 1, 1]
        assert len(await on_duty(session, local(24, 0))) == 0, "the end is excluded"


async def test_holes_are_what_nobody_covers(ward: Ward, clock: VirtualClock) -> None:
    await ward.staff(anna=Role.NURSE, bea=Role.NURSE)
    await put(ward, "anna", (local(23, 8), local(23, 16)), position=Position.NURSE)
    await put(ward, "bea", (local(23, 15), local(24, 0)), position=Position.NURSE)
    async with ward.database.read() as session:
        shifts = await roster.of_week(session, clock, MONDAY)
    found = [
        (one.starts_at, one.ends_at)
        for one in roster.holes(shifts, local(23, 0), local(24, 2))
        if one.position is Position.NURSE
    ]
    assert found == [(local(23, 0), local(23, 8)), (local(24, 0), local(24, 2))]
    assert len(roster.holes([], local(23, 0), local(24, 0))) == len(Position)


async def test_last_week_is_copied_once_without_who_left(ward: Ward, clock: VirtualClock) -> None:
    await ward.staff(anna=Role.NURSE, gone=Role.NURSE)
    for name in ("anna", "gone"):
        await put(ward, name, (local(23, 8), local(23, 16)), position=Position.NURSE)
    async with ward.database.write() as session:
        (await session.get_one(StaffUser, ward.people["gone"])).active = False
    for expected in (1, 0):
        async with ward.database.write() as session:
            copied = await roster.copy_week(
                session, clock, MONDAY + roster.WEEK, by=ward.people["anna"], now=clock.now()
            )
            assert copied == expected
    async with ward.database.read() as session:
        (copy,) = await roster.of_week(session, clock, MONDAY + roster.WEEK)
    assert (copy.staff_id, copy.starts_at) == (ward.people["anna"], local(30, 8))


async def test_a_signature_takes_over_what_the_giver_had_in_hand(ward: Ward, clock: VirtualClock) -> None:
    await ward.staff(early=Role.NURSE, late=Role.NURSE)
    early, late, now = ward.people["early"], ward.people["late"], clock.now()
    mine, done = await ward.rings(), await ward.rings()
    _, talk = await conversation(ward.database, clock, WECHAT)
    async with ward.database.write() as session:
        await alerts.acknowledge(session, mine.id, staff_id=early, now=now)
        await alerts.close(session, done.id, staff_id=early, now=now)
        await desk.take(session, talk.id, staff_id=early, now=now)
        await desk.open_task(session, TaskKind.CALL, dedup_key="c", now=now, due_at=now - timedelta(hours=1))
    async with ward.database.write() as session:
        row = await handovers.give(session, early, "3床家属晚上来", now)
    assert row.held["alerts"] == [str(mine.id)] and row.held["conversations"] == [str(talk.id)]
    assert row.held["late_tasks"] == 1

    async def sign(by: UUID) -> bool:
        async with ward.database.write() as session:
            return await handovers.sign(session, row.id, staff_id=by, now=clock.now())

    assert not await sign(early), "not one's own"
    assert await sign(late)
    assert not await sign(late), "once"
    async with ward.database.read() as session:
        assert (await session.get_one(Alert, mine.id)).owner_id == late
        assert (await session.get_one(Alert, done.id)).owner_id == early
        held = await desk.in_charge(session, talk.id)
        kept = (await session.scalars(select(Handover))).one()
    assert held is not None and held.staff_id in (late, None)
    assert (kept.signed_by, kept.note) == (late, "3床家属晚上来")


async def test_the_pages(database: Database, clock: VirtualClock) -> None:
    tokens = await staff(database, Role.NURSE, Role.DOCTOR)
    app = FastAPI()
    app.state.database, app.state.clock = database, clock
    install_shell(app)
    app.include_router(signin_router())
    app.include_router(roster_router(Desk(database, clock)))
    async with database.read() as session:
        nurse = (await session.scalars(select(StaffUser.id).where(StaffUser.username == "nurse"))).one()
    form = {"week": "2026-11-23", "position": "nurse", "begins": "08:00", "ends": "20:00"}
    async with visiting(app, tokens["nurse"]) as visitor:
        _, page = await visitor.get("/desk/roster?week=2026-11-23")
        assert "这一周还有3段没人值班" in page and "没有人" in page
        status, _ = await visitor.post("/desk/roster/add", **form, person=str(nurse))
        assert status == 422, "no day was chosen"
        status, to = await visitor.post("/desk/roster/add", **form, person=str(nurse), day="0")
        assert (status, to) == (303, "/desk/roster?week=2026-11-23&said=added")
        _, page = await visitor.get(to)
        assert "nurse先生" in page and "08:00–20:00" in page and "没人值班" in page
        status, _ = await visitor.post("/desk/roster/add", **form, person=str(nurse), day="0")
        assert status == 422, "twice the same"
        async with database.read() as session:
            shift = (await session.scalars(select(Shift))).one()
        _, to = await visitor.post(f"/desk/roster/{shift.id}/remove", week="2026-11-23")
        status, page = await visitor.get(to)
        assert "恢复刚取消的班" in page
        was = f"nurse|{nurse}|{shift.starts_at.isoformat()}|{shift.ends_at.isoformat()}|"
        _, to = await visitor.post("/desk/roster/restore", week="2026-11-23", shift=was)
        assert to.endswith("said=restored")
        _, to = await visitor.post("/desk/roster/restore", week="2026-11-23", shift="nurse|x|y|z|")
        assert to.endswith("said=gone")
        _, to = await visitor.post("/desk/roster/copy", week="2026-11-30")
        assert to == "/desk/roster?week=2026-11-30&said=copied&n=1"
        _, to = await visitor.post("/desk/roster/handover", note="夜里留意")
        assert to == "/desk/roster/handover?said=given"
    async with visiting(app, tokens["doctor"]) as visitor:
        _, page = await visitor.get("/desk/roster/handover")
        assert "夜里留意" in page and "接班签收" in page
        async with database.read() as session:
            given = (await session.scalars(select(Handover.id))).one()
        _, to = await visitor.post(f"/desk/roster/handover/{given}/sign")
        assert to.endswith("said=signed")
        _, page = await visitor.get(to)
        assert "没有等人接的班" in page
