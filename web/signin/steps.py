"""What a sign-in may still ask after the password: the second factor's code, a password of one's own, setting it up."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Annotated
from urllib.parse import quote

from fastapi import APIRouter, Depends, Form, HTTPException, Request
from starlette.responses import Response

from store.clock import real_now
from store.database import Database
from web.shell import render
from web.signin import service, staffing, totp
from web.signin.access import signing_in
from web.signin.cookies import address_of, hand_out, safe_next
from web.signin.flow import go_on, sign_in_page
from web.signin.limiter import limiter_of
from web.signin.models import StaffSession, StaffUser, Stage
from web.signin.rules import rules_of
from web.signin.service import AccountError
from web.texts import say

Half = tuple[StaffUser, StaffSession]
Next = Annotated[str, Form()]


def at(stage: Stage) -> Callable[[Request], Awaitable[Half]]:
    """Dependency: somebody whose sign-in waits for `stage`; everybody else begins with the password."""

    async def check(request: Request) -> Half:
        found = await signing_in(request)
        if found is None or found[1].stage != stage:
            wanted = quote(request.query_params.get("next", "/"))
            raise HTTPException(303, headers={"Location": f"/sign-in?next={wanted}"})
        return found

    return check


def add_step_routes(router: APIRouter) -> None:
    """`/sign-in/code`, `/sign-in/password`, `/sign-in/enrol`."""

    @router.get("/sign-in/code")
    async def ask_code(
        request: Request, half: Annotated[Half, Depends(at(Stage.CODE))], next: str = "/"
    ) -> Response:
        return _code_page(request, next)

    @router.post("/sign-in/code")
    async def check_code(
        request: Request,
        half: Annotated[Half, Depends(at(Stage.CODE))],
        code: Annotated[str, Form(max_length=40)] = "",
        next: Next = "/",
    ) -> Response:
        user, _ = half
        if not await limiter_of(request.app).allow(address_of(request), user.username):
            return _code_page(request, next, say("signin.too_often"), 429)
        right, locked = await accept_code(request, user, code)
        if locked:
            return sign_in_page(request, 401, next=next, username=user.username, problem=say("signin.locked"))
        if not right:
            return _code_page(request, next, say("totp.wrong"), 401)
        return await _on(request, half, next)

    @router.get("/sign-in/password")
    async def ask_password(
        request: Request, half: Annotated[Half, Depends(at(Stage.PASSWORD))], next: str = "/"
    ) -> Response:
        return _password_page(request, next)

    @router.post("/sign-in/password")
    async def set_password(
        request: Request,
        half: Annotated[Half, Depends(at(Stage.PASSWORD))],
        password: Annotated[str, Form()] = "",
        again: Annotated[str, Form()] = "",
        next: Next = "/",
    ) -> Response:
        user, row = half
        try:
            hashed = await own_password(user, password, again)
        except AccountError as error:
            return _password_page(request, next, str(error), 422)
        database: Database = request.app.state.database
        async with database.write("own password") as session:
            await staffing.set_password(session, user.id, hashed, by=user.id, keep=row.id, now=real_now())
        return await _on(request, half, next)

    @router.get("/sign-in/enrol")
    async def ask_enrol(
        request: Request, half: Annotated[Half, Depends(at(Stage.ENROL))], next: str = "/"
    ) -> Response:
        return await enrol_page(request, half[0], "/sign-in/enrol", next=next)

    @router.post("/sign-in/enrol")
    async def enrol(
        request: Request,
        half: Annotated[Half, Depends(at(Stage.ENROL))],
        code: Annotated[str, Form(max_length=40)] = "",
        next: Next = "/",
    ) -> Response:
        user, row = half
        if not await limiter_of(request.app).allow(address_of(request), user.username):
            problem = say("signin.too_often")
            return await enrol_page(request, user, "/sign-in/enrol", next=next, problem=problem, status=429)
        database: Database = request.app.state.database
        now = real_now()
        async with database.write("set up totp") as session:
            codes = await totp.enrol(session, user.id, code, now)
            if codes is not None:
                token, _ = await service.advance(session, row, user, now, rules_of(request.app))
        if codes is None:
            return await enrol_page(
                request, user, "/sign-in/enrol", next=next, problem=say("totp.wrong"), status=422
            )
        response = recovery_page(request, codes, safe_next(next))
        hand_out(request, response, token)
        return response


async def accept_code(request: Request, user: StaffUser, code: str) -> tuple[bool, bool]:
    """Whether the code is right; whether the account is locked now (a wrong code counts like a wrong password)."""
    database: Database = request.app.state.database
    now = real_now()
    async with database.write("second factor") as session:
        fresh = await service.find_user(session, user.username)
        if fresh is None or not service.may_try(fresh, now):
            return False, True
        if await totp.accept(session, fresh, code, now):
            return True, False
        await service.record_failure(session, fresh, now, "code")
        after = await service.find_user(session, user.username)
    return False, not service.may_try(after, now)


async def own_password(user: StaffUser, password: str, again: str) -> str:
    """The hash of a new password typed twice. Raises `AccountError`."""
    if password != again:
        raise AccountError(say("account.not_the_same"))
    if await asyncio.to_thread(service.password_fits, user, password):
        raise AccountError(say("account.same_as_before"))
    return await asyncio.to_thread(service.hash_password, password, user.username)


async def enrol_page(
    request: Request, user: StaffUser, action: str, *, next: str = "/", problem: str = "", status: int = 200
) -> Response:
    """QR code and secret of a second factor to set up."""
    database: Database = request.app.state.database
    async with database.write("prepare totp") as session:
        fresh = await totp.prepare(session, user.id)
    issuer = getattr(request.app.state, "hospital_name", say("hospital"))
    return render(
        request,
        "signin/enrol.html",
        status,
        action=action,
        next=safe_next(next),
        problem=problem,
        image=totp.qr_image(totp.provisioning_uri(fresh, issuer)),
        secret=totp.grouped(fresh.totp_secret),
        username=fresh.username,
        forced=action.startswith("/sign-in"),
    )


def recovery_page(request: Request, codes: list[str], next: str) -> Response:
    """The codes, this once."""
    return render(request, "signin/recovery.html", codes=codes, next=next)


def _code_page(request: Request, next: str, problem: str = "", status: int = 200) -> Response:
    return render(request, "signin/code.html", status, next=safe_next(next), problem=problem)


def _password_page(request: Request, next: str, problem: str = "", status: int = 200) -> Response:
    return render(
        request,
        "signin/password.html",
        status,
        next=safe_next(next),
        problem=problem,
        least=service.PASSWORD_AT_LEAST,
    )


async def _on(request: Request, half: Half, next: str) -> Response:
    """The step is done: a new token, and on."""
    user, row = half
    database: Database = request.app.state.database
    async with database.write("sign in") as session:
        token, stage = await service.advance(session, row, user, real_now(), rules_of(request.app))
    return go_on(request, token, stage, next)
