"""`/desk/roster`: the week's shifts, who is on now, where nobody stands; `/desk/roster/handover`: handing a shift over."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Form, Query, Request
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.responses import Response

from care.alerts.pages.lines import Filters, lines
from care.alerts.pages.routes import words as alert_words
from care.desk.pages.desk import NURSES, Desk, Nurse, show
from care.duty import handovers, roster
from care.duty.models import Position
from care.duty.service import on_duty
from care.hospital import service as hospital
from web.security import csrf_protect
from web.shell import add_templates, back_to
from web.signin import staffing
from web.signin.models import StaffUser
from web.words import Words

add_templates("duty", Path(__file__).parent / "templates")
words = Words(Path(__file__).parents[2] / "data" / "seed" / "roster_words.yml")
HERE, HANDOVER = "/desk/roster", "/desk/roster/handover"
NOTE_LONGEST = 2000
Week = Annotated[date | None, Query()]


def roster_router(desk: Desk) -> APIRouter:
    """The pages and their buttons, for whoever works the desk; every change is in the audit trail."""
    router = APIRouter(prefix=HERE, include_in_schema=False, dependencies=[Depends(csrf_protect)])
    clock = desk.clock

    def this_monday() -> date:
        return roster.monday_of(clock.local().date())

    async def page(
        request: Request, week: date | None, status: int = 200, problem: str = "", **form: Any
    ) -> Response:
        monday, now = roster.monday_of(week or clock.local().date()), clock.now()
        begin, end = roster.bounds(clock, monday)
        async with desk.database.read("roster") as session:
            shifts = await roster.of_week(session, clock, monday)
            running = await on_duty(session, now)
            people = await _people(session)
            names = await staffing.names(session, {one.staff_id for one in [*shifts, *running]})
            departments = await hospital.departments(session)
        gaps = roster.holes(shifts, max(begin, now), end) if end > now else []
        said = request.query_params.get("said", "") if status == 200 else ""
        return show(
            desk,
            request,
            "duty/roster.html",
            status,
            words=words,
            said=words.known("said").get(said, "").format(n=request.query_params.get("n", "")),
            undo=request.query_params.get("undo", "") if said == "removed" else "",
            problem=problem,
            form=form,
            monday=monday,
            days=[monday + timedelta(days=number) for number in range(7)],
            today=clock.local().date(),
            this_monday=this_monday(),
            before=monday - roster.WEEK,
            after=monday + roster.WEEK,
            shifts=shifts,
            gaps=gaps,
            running=running,
            names=names,
            people=people,
            departments=departments,
            department_names={one.id: one.name for one in departments},
            positions=list(Position),
        )

    @router.get("")
    async def view(request: Request, _staff: Nurse, week: Week = None) -> Response:
        return await page(request, week)

    @router.post("/add")
    async def add(
        request: Request,
        staff: Nurse,
        week: Annotated[date, Form()],
        position: Annotated[Position, Form()],
        person: Annotated[UUID, Form()],
        begins: Annotated[str, Form(max_length=8)] = "",
        ends: Annotated[str, Form(max_length=8)] = "",
        department: Annotated[str, Form(max_length=40)] = "",
        day: Annotated[list[int] | None, Form()] = None,
    ) -> Response:
        given = {
            "position": position,
            "person": person,
            "begins": begins,
            "ends": ends,
            "department": department,
            "day": day or [],
        }
        monday = roster.monday_of(week)
        days = sorted({number for number in day or [] if 0 <= number <= 6})
        if not days:
            return await page(request, monday, 422, words("problems", "no_days"), **given)
        try:
            from_to = time.fromisoformat(begins), time.fromisoformat(ends)
            where = UUID(department) if department else None
        except ValueError:
            return await page(request, monday, 422, words("problems", "wrong_time"), **given)
        spans = [roster.span(clock, monday + timedelta(days=number), *from_to) for number in days]
        async with desk.database.write("roster add") as session:
            done = await roster.put_on(
                session,
                position=position,
                staff_id=person,
                spans=spans,
                department_id=where,
                by=staff.id,
                now=clock.now(),
            )
        if done != "done":
            return await page(request, monday, 422, words("problems", done), **given)
        return back_to(HERE, week=monday.isoformat(), said="added")

    @router.post("/copy")
    async def copy(staff: Nurse, week: Annotated[date, Form()]) -> Response:
        monday = roster.monday_of(week)
        async with desk.database.write("roster copy") as session:
            copied = await roster.copy_week(session, clock, monday, by=staff.id, now=clock.now())
        said = {"said": "copied", "n": str(copied)} if copied else {"said": "nothing"}
        return back_to(HERE, week=monday.isoformat(), **said)

    @router.post("/restore")
    async def restore(
        staff: Nurse, week: Annotated[date, Form()], shift: Annotated[str, Form(max_length=200)]
    ) -> Response:
        """What `remove` took off, put on again."""
        try:
            position, person, begin, end, where = shift.split("|")
            spans = [(datetime.fromisoformat(begin), datetime.fromisoformat(end))]
            if spans[0][0].tzinfo is None or spans[0][1].tzinfo is None or spans[0][0] >= spans[0][1]:
                raise ValueError(shift)
            async with desk.database.write("roster restore") as session:
                done = await roster.put_on(
                    session,
                    position=Position(position),
                    staff_id=UUID(person),
                    spans=spans,
                    department_id=UUID(where) if where else None,
                    by=staff.id,
                    now=clock.now(),
                )
        except ValueError:
            done = "overlaps"
        said = "restored" if done == "done" else "gone"
        return back_to(HERE, week=roster.monday_of(week).isoformat(), said=said)

    @router.post("/{shift_id}/remove")
    async def remove(staff: Nurse, shift_id: UUID, week: Annotated[date, Form()]) -> Response:
        async with desk.database.write("roster remove") as session:
            was = await roster.take_off(session, shift_id, by=staff.id, now=clock.now())
        here = roster.monday_of(week).isoformat()
        if was is None:
            return back_to(HERE, week=here, said="gone")
        parts = [was.position, was.staff_id, was.starts_at.isoformat(), was.ends_at.isoformat()]
        undo = "|".join([*map(str, parts), str(was.department_id or "")])
        return back_to(HERE, week=here, said="removed", undo=undo)

    @router.get("/handover")
    async def hand_over(request: Request, staff: Nurse) -> Response:
        now = clock.now()
        async with desk.database.write("handover") as session:
            held = await handovers.held_by(session, staff.id, now)
            found = await lines(session, staff, Filters(), now)
            waiting, past = await handovers.waiting(session, now), await handovers.past(session)
            still = await handovers.gone_since(session, waiting)
            people = {one.given_by for one in [*waiting, *past]} | {one.signed_by for one in past}
            names = await staffing.names(session, people)
        said = request.query_params.get("said", "")
        return show(
            desk,
            request,
            "duty/handover.html",
            words=words,
            alert_words=alert_words,
            said=words.known("said").get(said, ""),
            held=held,
            lines=found,
            waiting=waiting,
            past=past,
            still=still,
            names=names,
            me=staff.id,
        )

    @router.post("/handover")
    async def give(staff: Nurse, note: Annotated[str, Form(max_length=NOTE_LONGEST)] = "") -> Response:
        async with desk.database.write("give handover") as session:
            await handovers.give(session, staff.id, note, clock.now())
        return back_to(HANDOVER, said="given")

    @router.post("/handover/{handover_id}/sign")
    async def sign(staff: Nurse, handover_id: UUID) -> Response:
        async with desk.database.write("sign handover") as session:
            done = await handovers.sign(session, handover_id, staff_id=staff.id, now=clock.now())
        return back_to(HANDOVER, said="signed" if done else "not_signed")

    return router


async def _people(session: AsyncSession) -> list[StaffUser]:
    rows = await session.scalars(select(StaffUser).where(StaffUser.active).order_by(StaffUser.display_name))
    return [one for one in rows if set(NURSES) & set(one.roles)]
