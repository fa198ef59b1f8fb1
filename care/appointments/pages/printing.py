"""A half-day's list on paper: a page for the browser's printer, and a PDF."""

from __future__ import annotations

import asyncio
from datetime import date, datetime
from uuid import UUID

from fastapi import APIRouter, Request
from starlette.responses import Response

from care.appointments import calendar
from care.appointments.models import Part
from care.appointments.pages.shared import day_said, doctor_of, names, page, words
from care.desk.pages.desk import Desk, Nurse


def add_routes(router: APIRouter, desk: Desk) -> None:
    """`/desk/clinics/day/print` and `/desk/clinics/day.pdf`."""

    async def _list(staff: Nurse, doctor: UUID, day: date, part: Part) -> tuple[str, list[tuple[str, ...]]]:
        """The title, and (number, time, name, state) of everybody."""
        async with desk.database.write("print clinic day") as session:
            who = await doctor_of(session, doctor)
            visitors = await calendar.half_day(session, doctor, day, part)
            shown = await names(session, staff, [one.patient for one in visitors], desk)
        title = f"{who.name} {who.title} {day_said(day)}{words('parts', part.value)}"
        hidden = words("labels", "confidential")
        rows: list[tuple[str, ...]] = [
            (
                str(number),
                desk.clock.local(one.start).strftime("%H:%M"),
                shown[one.patient.id],
                "" if shown[one.patient.id] == hidden else f"＊{one.patient.record_number[-4:]}",
                words("statuses", one.status.value),
            )
            for number, one in enumerate(visitors, 1)
        ]
        return title, rows

    @router.get("/day/print")
    async def printed(request: Request, staff: Nurse, doctor: UUID, day: date, part: Part) -> Response:
        title, rows = await _list(staff, doctor, day, part)
        back = f"/desk/clinics/day?doctor={doctor}&day={day.isoformat()}&part={part.value}"
        return page(desk, request, "print.html", title=title, rows=rows, back=back, now=desk.clock.local())

    @router.get("/day.pdf")
    async def pdf(staff: Nurse, doctor: UUID, day: date, part: Part) -> Response:
        title, rows = await _list(staff, doctor, day, part)
        made = desk.clock.local()
        body = await asyncio.to_thread(_pdf, title, rows, staff.display_name, made)
        name = f"clinic-{day.isoformat()}-{part.value}.pdf"
        return Response(
            body,
            media_type="application/pdf",
            headers={"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"},
        )


def _pdf(title: str, rows: list[tuple[str, ...]], by: str, made: datetime) -> bytes:
    from web.paper import Paper  # a second of imports that only a file needs

    about = words("labels", "printed", by=by, at=made.strftime("%Y-%m-%d %H:%M"))
    paper = Paper(title, about, made, lambda page, last: f"{page}/{last}")
    paper.say(title, 16)
    if not rows:
        paper.say(words("labels", "nobody"))
        return bytes(paper.output())
    heads = tuple(words.known("columns").values())
    paper.put_table([heads, *rows], total=False)
    return bytes(paper.output())
