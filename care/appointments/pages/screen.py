"""The big screen itself: public by its address, names masked; and calendar files behind theirs. Nobody is signed in here."""

from __future__ import annotations

from datetime import datetime

from fastapi import APIRouter, HTTPException, Request
from starlette.responses import Response

from care.appointments.feeds import files, links
from care.appointments.pages.shared import day_said, words
from care.appointments.queue import screens
from care.appointments.queue import service as queue
from care.appointments.queue.models import QueueScreen
from care.desk.pages.desk import Desk
from care.hospital import service as hospital
from care.hospital.models import HealthcareService
from web.shell import render

NEXT = 4
"""So many who are next are shown a doctor; more cannot be read from the last row of chairs."""
FILE = "text/calendar; charset=utf-8"


def public_router(desk: Desk) -> APIRouter:
    """`/screen/<token>` and `/cal/<token>.ics`."""
    router = APIRouter(include_in_schema=False)

    async def _show(request: Request, token: str, template: str) -> Response:
        now = desk.clock.now()
        local = desk.clock.local()
        async with desk.database.read("screen") as session:
            screen = await screens.find(session, token)
            if screen is None:
                raise HTTPException(404, words("errors", "no_screen"))
            department = await hospital.department(session, screen.department_id)
            rows = await queue.board(session, screen.department_id, local.date())
        if screens.is_stale(screen, now):
            await _alive(screen, now)
        return render(
            request,
            f"clinics/{template}",
            token=token,
            words=words,
            place=_head(department, screen),
            rows=rows,
            most=NEXT,
            shown_name=screens.shown_name,
            day=day_said(local.date()),
            clock=local.strftime("%H:%M"),
        )

    async def _alive(screen: QueueScreen, now: datetime) -> None:
        async with desk.database.write("screen seen") as session:
            await screens.alive(session, screen.id, now)

    @router.get("/screen/{token}")
    async def screen(request: Request, token: str) -> Response:
        return await _show(request, token, "screen.html")

    @router.get("/screen/{token}/now")
    async def screen_now(request: Request, token: str) -> Response:
        """The part the screen fetches again and again."""
        return await _show(request, token, "screen-now.html")

    @router.get("/cal/{token}.ics")
    async def calendar_file(token: str) -> Response:
        now = desk.clock.now()
        async with desk.database.read("calendar file") as session:
            link = await links.find(session, token)
            if link is None:
                raise HTTPException(404, words("errors", "no_link"))
            if link.appointment_id is not None:
                body = files.of_visit(await files.visit(session, link.appointment_id), words, now)
            else:
                doctor = link.practitioner_id
                held = await files.half_days(session, doctor, desk.clock.local().date()) if doctor else []
                body = files.of_doctor(held, words, now)
        return Response(body, media_type=FILE, headers={"Cache-Control": "no-store"})

    return router


def _head(department: HealthcareService | None, screen: QueueScreen) -> str:
    """A sensitive department is called by its place, as everywhere in public."""
    if department is None:
        return screen.name
    return department.place if department.sensitive else department.name
