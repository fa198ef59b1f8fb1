"""`/account/reach`: where a member of staff is told of alerts when away from the screen."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, Depends, Form, HTTPException, Request
from starlette.responses import Response

from care.patients.identity import mask_phone
from care.reach import proving
from care.reach.proving import Channel
from store.clock import Clock
from store.database import Database
from web.security import csrf_protect
from web.shell import add_templates, back_to, render
from web.signin.access import CurrentStaff
from web.signin.cookies import address_of
from web.signin.limiter import limiter_of
from web.signin.models import StaffUser
from web.words import Words

add_templates("reach", Path(__file__).parent / "templates")
words = Words(Path(__file__).parents[2] / "data" / "seed" / "reach_words.yml")
HERE = "/account/reach"


def reach_router(database: Database, clock: Clock, *, wecom: bool) -> APIRouter:
    """The page and its buttons, for every member of staff. `wecom`: the hospital has it."""
    router = APIRouter(prefix=HERE, include_in_schema=False, dependencies=[Depends(csrf_protect)])

    @router.get("")
    async def page(request: Request, staff: CurrentStaff) -> Response:
        return await _page(request, staff)

    @router.post("/confirm")
    async def confirm(
        request: Request, staff: CurrentStaff, code: Annotated[str, Form(max_length=12)] = ""
    ) -> Response:
        if not await limiter_of(request.app).allow(address_of(request), staff.username):
            return await _page(request, staff, 429, words("problems", "too_often"))
        async with database.write("staff reach confirmed") as session:
            said = await proving.confirm(session, staff.id, code, clock.now())
        if said == "right":
            return back_to(HERE, said="proven")
        return await _page(request, staff, 422, words("problems", said))

    @router.post("/{channel}")
    async def ask(
        request: Request,
        staff: CurrentStaff,
        channel: Channel,
        address: Annotated[str, Form(max_length=80)] = "",
    ) -> Response:
        if channel == "wecom" and not wecom:
            raise HTTPException(404)
        async with database.write("staff reach") as session:
            said = await proving.ask(session, staff.id, channel, address, clock.now())
        if said == "sent":
            return back_to(HERE, said="sent")
        return await _page(
            request, staff, 422, words("problems", f"{channel}_{said}" if said == "wrong" else said)
        )

    @router.post("/{channel}/forget")
    async def forget(staff: CurrentStaff, channel: Channel) -> Response:
        async with database.write("staff reach forgotten") as session:
            await proving.forget(session, staff.id, channel, clock.now())
        return back_to(HERE, said="forgotten")

    async def _page(request: Request, staff: StaffUser, status: int = 200, problem: str = "") -> Response:
        async with database.read("staff reach") as session:
            reach = await proving.reach_of(session, staff.id)
        now = clock.now()
        asked = reach is not None and reach.code_hash is not None and (reach.code_until or now) > now
        said = request.query_params.get("said", "") if status == 200 else ""
        return render(
            request,
            "reach/page.html",
            status,
            reach=reach,
            words=words,
            problem=problem,
            said=words.known("said").get(said, ""),
            phone=mask_phone(reach.phone) if reach is not None and reach.phone_since else "",
            asked=reach.code_for if asked and reach is not None else "",
            wecom=wecom,
        )

    return router
