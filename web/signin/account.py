"""`/account`: one's own password, second factor and open sessions."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Form, HTTPException, Request
from starlette.responses import RedirectResponse, Response

from store.clock import real_now
from store.database import Database
from web.security import csrf_protect
from web.shell import render
from web.signin import service, staffing, totp
from web.signin.access import CurrentStaff, signing_in
from web.signin.cookies import address_of
from web.signin.limiter import limiter_of
from web.signin.models import StaffSession, StaffUser
from web.signin.rules import rules_of
from web.signin.service import AccountError
from web.signin.shown import browser_of, local_time, role_names, words
from web.signin.steps import accept_code, enrol_page, own_password, recovery_page
from web.texts import say

Code = Annotated[str, Form(max_length=40)]


def account_router() -> APIRouter:
    """The page and its buttons; for every member of staff."""
    router = APIRouter(prefix="/account", include_in_schema=False, dependencies=[Depends(csrf_protect)])

    @router.get("")
    async def account(request: Request, staff: CurrentStaff) -> Response:
        return await _page(request, staff)

    @router.post("/here")
    async def still_here(staff: CurrentStaff) -> Response:
        """Somebody types or reads: asking who is signed in has noted it."""
        return Response(status_code=204)

    @router.post("/password")
    async def password(
        request: Request,
        staff: CurrentStaff,
        current: Annotated[str, Form()] = "",
        password: Annotated[str, Form()] = "",
        again: Annotated[str, Form()] = "",
    ) -> Response:
        if not staff.password_hash:
            return await _page(request, staff, 422, password_problem=say("staff.by_hospital"))
        if not await limiter_of(request.app).allow(address_of(request), staff.username):
            return await _page(request, staff, 429, password_problem=say("signin.too_often"))
        if not await asyncio.to_thread(service.password_fits, staff, current):
            async with _database(request).write("own password") as session:
                await service.record_failure(session, staff, real_now())
            return await _page(request, staff, 422, password_problem=say("account.wrong_password"))
        try:
            hashed = await own_password(staff, password, again)
        except AccountError as error:
            return await _page(request, staff, 422, password_problem=str(error))
        mine = await _session(request)
        async with _database(request).write("own password") as session:
            await staffing.set_password(session, staff.id, hashed, by=staff.id, keep=mine.id, now=real_now())
        return _back("password")

    @router.get("/totp")
    async def set_up(request: Request, staff: CurrentStaff) -> Response:
        _offered(request)
        if staff.totp_since is not None:
            return RedirectResponse("/account", 303)
        return await enrol_page(request, staff, "/account/totp", next="/account")

    @router.post("/totp")
    async def enrol(request: Request, staff: CurrentStaff, code: Code = "") -> Response:
        _offered(request)
        problem, status, codes = say("signin.too_often"), 429, None
        if await limiter_of(request.app).allow(address_of(request), staff.username):
            async with _database(request).write("set up totp") as session:
                codes = await totp.enrol(session, staff.id, code, real_now())
            problem, status = say("totp.wrong"), 422
        if codes is None:
            return await enrol_page(
                request, staff, "/account/totp", next="/account", problem=problem, status=status
            )
        return recovery_page(request, codes, "/account")

    @router.post("/totp/codes")
    async def new_codes(request: Request, staff: CurrentStaff, code: Code = "") -> Response:
        if problem := await _code_problem(request, staff, code):
            return await _page(request, staff, 422, totp_problem=problem)
        async with _database(request).write("recovery codes") as session:
            codes = await totp.new_recovery_codes(session, staff.id, real_now())
        return recovery_page(request, codes, "/account")

    @router.post("/totp/off")
    async def off(request: Request, staff: CurrentStaff, code: Code = "") -> Response:
        if rules_of(request.app).totp_needed(staff):
            return await _page(request, staff, 422, totp_problem=say("totp.needed"))
        if problem := await _code_problem(request, staff, code):
            return await _page(request, staff, 422, totp_problem=problem)
        async with _database(request).write("totp off") as session:
            await totp.remove(session, staff.id, staff.id, real_now())
        return _back("totp_off")

    @router.post("/sessions/end")
    async def end_others(request: Request, staff: CurrentStaff) -> Response:
        mine, now = await _session(request), real_now()
        async with _database(request).write("end sessions") as session:
            ended = await staffing.end_sessions(session, staff.id, keep=mine.id)
            staffing.note(session, staff.id, "sessions_ended", staff.id, now, number=ended)
        return _back("sessions")

    @router.post("/sessions/{session_id}/end")
    async def end_one(staff: CurrentStaff, session_id: UUID, request: Request) -> Response:
        async with _database(request).write("end session") as session:
            ended = await staffing.end_sessions(session, staff.id, only=session_id)
            if ended:
                staffing.note(session, staff.id, "sessions_ended", staff.id, real_now(), number=ended)
        return _back("sessions")

    return router


def _database(request: Request) -> Database:
    database: Database = request.app.state.database
    return database


def _offered(request: Request) -> None:
    if rules_of(request.app).totp == "off":
        raise HTTPException(404)


async def _session(request: Request) -> StaffSession:
    found = await signing_in(request)
    assert found is not None  # asked for staff before
    return found[1]


async def _code_problem(request: Request, staff: StaffUser, code: str) -> str:
    """Why the code is not taken, or nothing."""
    if not await limiter_of(request.app).allow(address_of(request), staff.username):
        return say("signin.too_often")
    right, locked = await accept_code(request, staff, code)
    return "" if right else say("signin.locked" if locked else "totp.wrong")


async def _page(request: Request, staff: StaffUser, status: int = 200, **problems: Any) -> Response:
    now, mine, rules = real_now(), await _session(request), rules_of(request.app)
    async with _database(request).read("account") as session:
        sessions = await staffing.sessions_of(session, staff.id, now)
        codes = await totp.recovery_codes_left(session, staff.id)
    said = request.query_params.get("said", "")
    return render(
        request,
        "signin/account.html",
        status,
        **{"password_problem": "", "totp_problem": "", **problems},
        said=words("said", said) if status == 200 else "",
        roles=role_names(staff.roles),
        sessions=sessions,
        mine=mine.id,
        codes=codes,
        totp=rules.totp,
        totp_needed=rules.totp_needed(staff),
        at=local_time(request),
        browser_of=browser_of,
        least=service.PASSWORD_AT_LEAST,
        account_links=getattr(request.app.state, "account_links", []),
    )


def _back(said: str) -> Response:
    return RedirectResponse(f"/account?said={said}", 303)
