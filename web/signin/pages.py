"""`/sign-in`, `/sign-out`, and the dependencies by which pages ask who is there."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Annotated
from urllib.parse import quote

from fastapi import APIRouter, Depends, Form, HTTPException, Request
from starlette.responses import RedirectResponse, Response

from store.clock import real_now
from store.database import Database
from web.security import csrf_protect
from web.shell import render
from web.signin import service
from web.signin.limiter import limiter_of
from web.signin.models import Role, StaffUser
from web.texts import say

SESSION_COOKIE = "banyi_session"


async def maybe_staff(request: Request) -> StaffUser | None:
    """Who is signed in, or None. Asked once a request."""
    if not hasattr(request.state, "staff"):
        token = request.cookies.get(SESSION_COOKIE)
        request.state.staff = None
        if token:
            database: Database = request.app.state.database
            async with database.read("who is signed in") as session:
                request.state.staff = await service.staff_of(session, token, real_now())
    staff: StaffUser | None = request.state.staff
    return staff


def require(*roles: Role) -> Callable[[Request], Awaitable[StaffUser]]:
    """Dependency: a signed-in member of staff with one of `roles` (none given: any). Admin may always.

    Nobody signed in: a browser is led to `/sign-in` and back afterwards, a program gets 401. Wrong role: 403.
    """

    async def check(request: Request) -> StaffUser:
        staff = await maybe_staff(request)
        if staff is None:
            raise _ask_to_sign_in(request)
        if roles and Role.ADMIN not in staff.roles and not set(roles) & set(staff.roles):
            raise HTTPException(403)
        return staff

    return check


MaybeStaff = Annotated[StaffUser | None, Depends(maybe_staff)]
CurrentStaff = Annotated[StaffUser, Depends(require())]


def _ask_to_sign_in(request: Request) -> HTTPException:
    if "hx-request" in request.headers:
        return HTTPException(401, headers={"HX-Redirect": "/sign-in"})
    if "text/html" not in request.headers.get("accept", ""):
        return HTTPException(401)
    back = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    target = f"/sign-in?next={quote(back)}" if request.method == "GET" else "/sign-in"
    return HTTPException(303, headers={"Location": target})


def safe_next(target: str) -> str:
    """`target` if it is a path on this site, else `/`: nobody is led elsewhere by a crafted link."""
    ours = target.startswith("/") and not target.startswith(("//", "/\\")) and target.isprintable()
    return target if ours and "\\" not in target else "/"


def signin_router() -> APIRouter:
    """`GET/POST /sign-in`, `POST /sign-out`. Needs `app.state.database`; rate storage: see `limiter_of`."""
    router = APIRouter(include_in_schema=False, dependencies=[Depends(csrf_protect)])

    @router.get("/sign-in")
    async def ask(request: Request, staff: MaybeStaff, next: str = "/") -> Response:
        if staff is not None:
            return RedirectResponse(safe_next(next), 303)
        return render(request, "signin.html", next=safe_next(next), username="", problem="")

    @router.post("/sign-in")
    async def sign_in(
        request: Request,
        username: Annotated[str, Form()] = "",
        password: Annotated[str, Form()] = "",
        next: Annotated[str, Form()] = "/",
    ) -> Response:
        def again(problem: str, status: int) -> Response:
            return render(
                request, "signin.html", status, next=safe_next(next), username=username, problem=problem
            )

        address = request.client.host if request.client else "unknown"
        if not await limiter_of(request.app).allow(address, service.normal_username(username)):
            return again(say("signin.too_often"), 429)
        token = await _try(request.app.state.database, username, password)
        if token is None:
            minutes = int(service.LOCK_LASTS.total_seconds() // 60)
            return again(say("signin.wrong", tries=service.TRIES_BEFORE_LOCK, minutes=minutes), 401)
        response = RedirectResponse(safe_next(next), 303)
        lasts = int(service.SESSION_LASTS.total_seconds())
        secure = request.url.scheme == "https"
        response.set_cookie(
            SESSION_COOKIE, token, max_age=lasts, httponly=True, samesite="lax", secure=secure, path="/"
        )
        return response

    @router.post("/sign-out")
    async def sign_out(request: Request) -> Response:
        token = request.cookies.get(SESSION_COOKIE)
        if token:
            database: Database = request.app.state.database
            async with database.write("sign out") as session:
                await service.close_session(session, token, real_now())
        response = RedirectResponse("/", 303)
        response.delete_cookie(SESSION_COOKIE, path="/")
        return response

    return router


async def _try(database: Database, username: str, password: str) -> str | None:
    """The new session's token, or None. The hashing runs in a thread, outside any transaction."""
    async with database.read("sign in") as session:
        user = await service.find_user(session, username)
    fits = await asyncio.to_thread(service.password_fits, user, password)
    now = real_now()
    async with database.write("sign in") as session:
        user = await service.find_user(session, username) if user is not None else None  # as it is now
        if not service.may_try(user, now):
            return None
        if not fits or user is None:
            await service.record_failure(session, user, now)
            return None
        return await service.open_session(session, user, now)
