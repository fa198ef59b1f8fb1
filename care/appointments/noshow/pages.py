"""`/insight/no-show`: how well the model judges, what it goes by, and which visits it worries about."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from fastapi import APIRouter, Request
from starlette.responses import Response

from care.access import service as access
from care.appointments.coming.service import EARLIER
from care.appointments.noshow import service
from care.desk.pages.desk import Desk, Nurse, show
from web.shell import add_templates
from web.words import Words

add_templates("noshow", Path(__file__).parent / "templates")
words = Words(Path(__file__).parents[3] / "data" / "seed" / "noshow_words.yml")
PAGE = "noshow"
"""This page in the audit trail."""


@dataclass(frozen=True, slots=True)
class NoshowDesk(Desk):
    """`on`: whether visits are scored; `high`: from this chance on they are asked about earlier."""

    on: bool
    high: float


def noshow_router(desk: NoshowDesk) -> APIRouter:
    """One page, read only."""
    router = APIRouter(include_in_schema=False)

    @router.get("/insight/no-show")
    async def seen(request: Request, staff: Nurse) -> Response:
        now = desk.clock.now()
        async with desk.database.write("noshow page") as session:
            trained = await service.latest(session)
            rows = await service.likely(session, desk.high, now)
            people = [one[1] for one in rows]
            hidden = await access.hidden(session, staff.id, people, now=now)
            shown = [one.id for one in people if one.id not in hidden]
            await access.seen(session, staff, shown, PAGE, now=now)
        return show(
            desk,
            request,
            "noshow/noshow.html",
            words=words,
            on=desk.on,
            high=desk.high,
            earlier=EARLIER,
            trained=trained,
            rows=rows,
            hidden=hidden,
        )

    return router
