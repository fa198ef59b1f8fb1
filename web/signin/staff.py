"""`/admin/staff`: who has an account, what they may do, and help for who is locked out. For administrators."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Depends, Form, HTTPException, Query, Request
from starlette.responses import RedirectResponse, Response

from store.clock import real_now
from store.database import Database
from web.security import csrf_protect
from web.shell import render
from web.signin import service, staffing
from web.signin.access import require
from web.signin.models import Role, StaffUser
from web.signin.rules import rules_of
from web.signin.service import AccountError
from web.signin.shown import browser_of, local_time, role_names, words
from web.texts import say

Admin = Annotated[StaffUser, Depends(require(Role.ADMIN))]
Roles = Annotated[list[Role], Form()]
Name = Annotated[str, Form(max_length=200)]


def staff_router() -> APIRouter:
    """The pages and their buttons."""
    router = APIRouter(prefix="/admin", include_in_schema=False, dependencies=[Depends(csrf_protect)])

    @router.get("")
    async def home(_admin: Admin) -> Response:
        return RedirectResponse("/admin/staff", 303)

    @router.get("/staff")
    async def listed(
        request: Request,
        _admin: Admin,
        q: Annotated[str, Query(max_length=60)] = "",
        state: Annotated[str, Query(pattern="^(on|off)?$")] = "",
    ) -> Response:
        async with _database(request).read("staff") as session:
            users = await staffing.everybody(session, q.strip(), state)
        return _show(request, "admin/staff.html", users=users, q=q, state=state)

    @router.get("/staff/new")
    async def new(request: Request, _admin: Admin) -> Response:
        return _form(request)

    @router.post("/staff/new")
    async def make(
        request: Request,
        admin: Admin,
        username: Name = "",
        display_name: Name = "",
        roles: Roles = [],  # noqa: B006  FastAPI copies it
    ) -> Response:
        again = {"username": username, "display_name": display_name, "chosen": roles}
        if not roles:
            return _form(request, 422, problem=say("staff.no_roles"), **again)
        password = staffing.start_password()
        hashed = await asyncio.to_thread(service.hash_password, password, "")
        try:
            async with _database(request).write("new staff") as session:
                user = await service.add_user(
                    session,
                    username=username,
                    display_name=display_name,
                    roles=roles,
                    password_hash=hashed,
                    must_change=True,
                )
                after = sorted(map(str, set(roles)))
                staffing.note(session, admin.id, "staff_created", user.id, real_now(), after=after)
        except AccountError as error:
            return _form(request, 422, problem=str(error), **again)
        return _show(request, "admin/start_password.html", user=user, password=password, fresh=True)

    @router.get("/staff/{staff_id}")
    async def one(request: Request, admin: Admin, staff_id: UUID) -> Response:
        return await _one(request, admin, staff_id)

    @router.post("/staff/{staff_id}")
    async def change(
        request: Request,
        admin: Admin,
        staff_id: UUID,
        display_name: Name = "",
        roles: Roles = [],  # noqa: B006
    ) -> Response:
        try:
            async with _database(request).write("change staff") as session:
                user = await session.get(StaffUser, staff_id)
                if user is not None and user.external_id is None and not roles:
                    raise AccountError(say("staff.no_roles"))
                changed = await staffing.change(
                    session, staff_id, display_name, roles, by=admin.id, now=real_now()
                )
        except AccountError as error:
            return await _one(request, admin, staff_id, 422, str(error))
        return _back(staff_id, "roles" if changed else "saved")

    @router.post("/staff/{staff_id}/password")
    async def reset_password(request: Request, admin: Admin, staff_id: UUID) -> Response:
        user = await _user(request, staff_id)
        if user.external_id is not None:
            return await _one(request, admin, staff_id, 422, say("staff.by_hospital"))
        password = staffing.start_password()
        hashed = await asyncio.to_thread(service.hash_password, password, "")
        async with _database(request).write("reset password") as session:
            await staffing.set_password(
                session, staff_id, hashed, by=admin.id, now=real_now(), must_change=True
            )
        return _show(request, "admin/start_password.html", user=user, password=password, fresh=False)

    @router.post("/staff/{staff_id}/{act}")
    async def act(
        request: Request,
        admin: Admin,
        staff_id: UUID,
        act: Literal["off", "on", "totp", "unlock", "sessions"],
    ) -> Response:
        now, by = real_now(), admin.id
        await _user(request, staff_id)
        try:
            async with _database(request).write(f"staff {act}") as session:
                if act in ("off", "on"):
                    await staffing.switch(session, staff_id, act == "on", by=by, now=now)
                elif act == "totp":
                    await staffing.reset_totp(session, staff_id, by=by, now=now)
                elif act == "unlock":
                    await staffing.unlock(session, staff_id, by=by, now=now)
                else:
                    number = await staffing.end_sessions(session, staff_id)
                    staffing.note(session, by, "sessions_ended", staff_id, now, number=number)
        except AccountError as error:
            return await _one(request, admin, staff_id, 422, str(error))
        return _back(staff_id, _SAID[act])

    return router


_SAID = {
    "off": "switched_off",
    "on": "switched_on",
    "totp": "totp_reset",
    "unlock": "unlocked",
    "sessions": "ended",
}


def _database(request: Request) -> Database:
    database: Database = request.app.state.database
    return database


async def _user(request: Request, staff_id: UUID) -> StaffUser:
    async with _database(request).read("staff") as session:
        user = await session.get(StaffUser, staff_id)
    if user is None:
        raise HTTPException(404)
    return user


def _show(request: Request, template: str, status: int = 200, **context: Any) -> Response:
    now = real_now()
    return render(
        request,
        template,
        status,
        at=local_time(request),
        role_names=role_names,
        totp=rules_of(request.app).totp,
        locked=lambda user: user.locked_until is not None and user.locked_until > now,
        **context,
    )


def _form(request: Request, status: int = 200, **values: Any) -> Response:
    blank: dict[str, Any] = {"username": "", "display_name": "", "chosen": [], "problem": ""}
    return _show(
        request,
        "admin/new.html",
        status,
        roles=words.known("roles"),
        hints=words.known("role_hints"),
        **{**blank, **values},
    )


async def _one(
    request: Request, admin: StaffUser, staff_id: UUID, status: int = 200, problem: str = ""
) -> Response:
    user = await _user(request, staff_id)
    async with _database(request).read("staff sessions") as session:
        sessions = await staffing.sessions_of(session, staff_id, real_now())
    said = request.query_params.get("said", "")
    return _show(
        request,
        "admin/one.html",
        status,
        user=user,
        myself=user.id == admin.id,
        sessions=sessions,
        browser_of=browser_of,
        roles=words.known("roles"),
        hints=words.known("role_hints"),
        problem=problem,
        said=words("said", said) if status == 200 else "",
        undo=said == "switched_off" and not user.active,
    )


def _back(staff_id: UUID, said: str) -> Response:
    return RedirectResponse(f"/admin/staff/{staff_id}?said={said}", 303)
