"""`/desk/alerts`, its live part, and what is done about an alert. `/desk` shows the same part."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Form, Query, Request
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.responses import JSONResponse, Response

from care.alerts import service
from care.alerts.models import Alert, Outcome
from care.alerts.pages.lines import Filters, Show, lines, summary
from care.desk.pages.desk import NURSES, Desk, Nurse, show
from care.duty.service import on_duty
from web.security import csrf_protect
from web.shell import add_templates, back_to
from web.signin.cookies import safe_next
from web.signin.models import StaffUser
from web.words import Words, query_of

add_templates("alerts", Path(__file__).parents[1] / "templates")
words = Words(Path(__file__).parents[3] / "data" / "seed" / "alert_words.yml")
NOTE_LONGEST = 1000
Note = Annotated[str, Form(max_length=NOTE_LONGEST)]
Back = Annotated[str, Form(max_length=200)]


def _filters(
    show: Annotated[Show, Query()] = "open", severity: Annotated[str, Query(max_length=10)] = ""
) -> Filters:
    return Filters(show, severity if severity in words.known("severities") else "")


def alerts_router(desk: Desk) -> APIRouter:
    """The page and its buttons."""
    router = APIRouter(prefix="/desk/alerts", include_in_schema=False, dependencies=[Depends(csrf_protect)])

    async def part(
        request: Request, staff: StaffUser, filters: Filters, template: str, **more: Any
    ) -> Response:
        now = desk.clock.now()
        async with desk.database.write("desk alerts") as session:
            found = await lines(session, staff, filters, now)
            colleagues = await _colleagues(session, desk) if found else []
        return show_alerts(
            desk, request, template, lines=found, filters=filters, colleagues=colleagues, now=now, **more
        )

    @router.get("")
    async def page(
        request: Request, staff: Nurse, filters: Annotated[Filters, Depends(_filters)]
    ) -> Response:
        said, undo = request.query_params.get("said", ""), request.query_params.get("undo", "")
        return await part(
            request,
            staff,
            filters,
            "alerts/page.html",
            said=words.known("said").get(said, ""),
            undo=undo if said == "closed" and _is_id(undo) else "",
        )

    @router.get("/list")
    async def live(
        request: Request, staff: Nurse, filters: Annotated[Filters, Depends(_filters)]
    ) -> Response:
        return await part(request, staff, filters, "alerts/list.html")

    @router.get("/now")
    async def waiting(_staff: Nurse) -> Response:
        """For the badge and the sound on every page of the desk: how many wait, and which opened last. Names nobody."""
        async with desk.database.read("desk alerts now") as session:
            count = await summary(session)
            newest = await session.scalar(select(func.max(Alert.opened_at)).where(Alert.status == "open"))
        return JSONResponse(
            {"open": sum(count.values()), "newest": newest.isoformat() if newest else "", **count}
        )

    @router.post("/{alert_id}/acknowledge")
    async def acknowledge(staff: Nurse, alert_id: UUID, back: Back = "") -> Response:
        async with desk.database.write("acknowledge alert") as session:
            done = await service.acknowledge(session, alert_id, staff_id=staff.id, now=desk.clock.now())
        return _back(back, "acknowledged" if done else "taken")

    @router.post("/{alert_id}/assign")
    async def assign(staff: Nurse, alert_id: UUID, to: Annotated[UUID, Form()], back: Back = "") -> Response:
        async with desk.database.write("assign alert") as session:
            if to not in [one.id for one, _ in await _colleagues(session, desk)]:
                return _back(back, "nobody")
            done = await service.assign(session, alert_id, to, staff_id=staff.id, now=desk.clock.now())
        return _back(back, "assigned" if done else "gone")

    @router.post("/{alert_id}/note")
    async def note(staff: Nurse, alert_id: UUID, note: Note = "", back: Back = "") -> Response:
        if not note.strip():
            return _back(back, "no_words")
        async with desk.database.write("note on alert") as session:
            done = await service.note(session, alert_id, note, staff_id=staff.id, now=desk.clock.now())
        return _back(back, "noted" if done else "gone")

    @router.post("/{alert_id}/close")
    async def close(
        staff: Nurse, alert_id: UUID, outcome: Annotated[Outcome, Form()], note: Note = "", back: Back = ""
    ) -> Response:
        if outcome is Outcome.OTHER and not note.strip():
            return _back(back, "why_closed")
        async with desk.database.write("close alert") as session:
            done = await service.close(
                session,
                alert_id,
                staff_id=staff.id,
                now=desk.clock.now(),
                note=note.strip() or None,
                outcome=outcome,
            )
        return _back(back, "closed", undo=str(alert_id)) if done else _back(back, "gone")

    @router.post("/{alert_id}/reopen")
    async def reopen(staff: Nurse, alert_id: UUID, back: Back = "") -> Response:
        async with desk.database.write("reopen alert") as session:
            done = await service.reopen(session, alert_id, staff_id=staff.id, now=desk.clock.now())
        return _back(back, "reopened" if done else "too_late")

    return router


def show_alerts(desk: Desk, request: Request, template: str, **values: Any) -> Response:
    """`template` with the alerts' words."""
    return show(desk, request, template, alert_words=words, query_of=query_of, **values)


async def _colleagues(session: AsyncSession, desk: Desk) -> list[tuple[StaffUser, bool]]:
    """Nurses and doctors an alert may be given to; those on duty first."""
    running = {one.staff_id for one in await on_duty(session, desk.clock.now())}
    rows = await session.scalars(select(StaffUser).where(StaffUser.active).order_by(StaffUser.display_name))
    mine = [one for one in rows if set(NURSES) & set(one.roles)]
    return sorted(((one, one.id in running) for one in mine), key=lambda pair: not pair[1])


def _back(path: str, said: str, **more: str) -> Response:
    """To the list the button stood in, with its filters."""
    path = safe_next(path)
    if not path.startswith("/desk"):
        path = "/desk/alerts"
    if path == "/desk" or path.startswith("/desk?"):
        path = "/desk/alerts"
    path, _, query = path.partition("?")
    kept = dict(part.split("=", 1) for part in query.split("&") if "=" in part)
    kept = {name: value for name, value in kept.items() if name in ("show", "severity")}
    return back_to(path, **kept, said=said, **more)


def _is_id(text: str) -> bool:
    try:
        UUID(text)
    except ValueError:
        return False
    return True
