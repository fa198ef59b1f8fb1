"""`/desk` and `/desk/conversations`: what waits, who has what. `/desk/counts`: the numbers in the tabs."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.responses import JSONResponse, Response

from care.access import service as access
from care.alerts.models import Alert
from care.desk import talks, tasks
from care.desk.pages.desk import Nurse
from care.desk.pages.tasking import lines_of
from care.desk.pages.tools import Tools, groups, names_of, page, week
from care.desk.tasks import TaskFilters
from channels.reply import Reply
from web.signin.models import StaffUser

FEW = 8


def add_routes(router: APIRouter, tools: Tools) -> None:
    """The overview, the list, and the parts of both that refresh themselves."""
    desk = tools.desk

    async def listed(session: AsyncSession, staff: StaffUser) -> dict[str, Any]:
        now = tools.clock.now()
        found = await talks.talks(session, staff.id, now)
        everybody = [spoken.patient.id for one in found.everything if not one.hidden for spoken in one.people]
        await access.seen(session, staff, everybody, "conversations", now=now, live=True)
        ids = [
            of
            for one in found.everything
            for of in (one.handoff.staff_id, one.handoff.owner_id, one.handoff.for_staff)
        ]
        return {
            "talks": found,
            "names": await names_of(session, ids),
            "groups": await groups(session),
        }

    def hours() -> dict[str, Any]:
        local = tools.clock.local_naive()
        over = tools.hours.next_end(local)
        due = tools.hours.answer_by(over, tools.within) if over is not None else None
        promised = tools.promised(tools.clock.to_utc(due)) if due is not None else ""
        return {
            "week": week(tools.hours),
            "on_duty": tools.hours.on_duty(local),
            "heard": tools.say(Reply("human.off_duty", {"until": promised})) if promised else "",
            "stale_minutes": int(tools.stale_after.total_seconds() // 60),
        }

    @router.get("")
    async def overview(request: Request, staff: Nurse) -> Response:
        async with desk.database.write("desk overview") as session:
            values = await listed(session, staff)
            found = await tasks.find_tasks(session, TaskFilters(), staff.id, tools.clock.now(), FEW)
            lines = await lines_of(session, staff, found, tools.clock.now())
        return page(tools, request, staff, "overview.html", **values, lines=lines)

    @router.get("/conversations")
    async def conversations(request: Request, staff: Nurse) -> Response:
        async with desk.database.write("desk conversations") as session:
            values = await listed(session, staff)
        return page(tools, request, staff, "talks.html", **values, **hours())

    @router.get("/conversations/list")
    async def part(request: Request, staff: Nurse, short: bool = False) -> Response:
        async with desk.database.write("desk conversations part") as session:
            values = await listed(session, staff)
        return page(tools, request, staff, "short.html" if short else "list.html", **values)

    @router.get("/counts")
    async def counts(staff: Nurse) -> Response:
        """How many wait behind each tab, for this reader. Names nobody."""
        async with desk.database.read("desk counts") as session:
            calling = await talks.calling(session, staff.id)
            due = await tasks.due_tasks(session, staff.id, tools.clock.now())
            alerts = await session.scalar(select(func.count()).where(Alert.status == "open"))
        return JSONResponse(
            {"/desk/alerts": alerts or 0, "/desk/conversations": calling, "/desk/tasks": due},
            headers={"Cache-Control": "no-store"},
        )
