"""`/sign-in` and `/sign-out`."""

from __future__ import annotations

import asyncio
from typing import Annotated

from fastapi import APIRouter, Depends, Form, Request
from starlette.responses import RedirectResponse, Response

from store.clock import real_now
from store.database import Database
from web.security import csrf_protect
from web.signin import service
from web.signin.access import CurrentStaff, MaybeStaff, Require, maybe_staff, require
from web.signin.cookies import SESSION_COOKIE, address_of, safe_next, take_back
from web.signin.flow import begin, go_on, sign_in_page
from web.signin.limiter import limiter_of
from web.signin.models import Stage
from web.signin.oidc_pages import add_oidc_routes
from web.signin.steps import add_step_routes
from web.texts import say

__all__ = [
    "SESSION_COOKIE",
    "CurrentStaff",
    "MaybeStaff",
    "Require",
    "maybe_staff",
    "require",
    "safe_next",
    "signin_router",
]


def signin_router() -> APIRouter:
    """`/sign-in` with its steps, `/sign-out`. Needs `app.state.database`; rate storage: see `limiter_of`."""
    router = APIRouter(include_in_schema=False, dependencies=[Depends(csrf_protect)])

    @router.get("/sign-in")
    async def ask(request: Request, staff: MaybeStaff, next: str = "/", why: str = "") -> Response:
        if staff is not None:
            return RedirectResponse(safe_next(next), 303)
        return sign_in_page(request, next=next, problem=say("signin.idle") if why == "idle" else "")

    @router.post("/sign-in")
    async def sign_in(
        request: Request,
        username: Annotated[str, Form()] = "",
        password: Annotated[str, Form()] = "",
        next: Annotated[str, Form()] = "/",
    ) -> Response:
        if not await limiter_of(request.app).allow(address_of(request), service.normal_username(username)):
            return sign_in_page(request, 429, next=next, username=username, problem=say("signin.too_often"))
        begun = await _try(request, username, password)
        if begun is None:
            minutes = int(service.LOCK_LASTS.total_seconds() // 60)
            problem = say("signin.wrong", tries=service.TRIES_BEFORE_LOCK, minutes=minutes)
            return sign_in_page(request, 401, next=next, username=username, problem=problem)
        return go_on(request, *begun, next)

    @router.post("/sign-out")
    async def sign_out(request: Request) -> Response:
        token = request.cookies.get(SESSION_COOKIE)
        if token:
            database: Database = request.app.state.database
            async with database.write("sign out") as session:
                await service.close_session(session, token, real_now())
        response = RedirectResponse("/", 303)
        take_back(response)
        return response

    add_step_routes(router)
    add_oidc_routes(router)
    return router


async def _try(request: Request, username: str, password: str) -> tuple[str, Stage] | None:
    """The new session's token and first step, or None. The hashing runs in a thread, outside any transaction."""
    database: Database = request.app.state.database
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
        return await begin(session, request, user, "password")
