"""Who is there, and what they may open: the dependencies of every staff page."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Annotated
from urllib.parse import quote

from fastapi import Depends, HTTPException, Request
from sqlalchemy.ext.asyncio import AsyncSession

from store.clock import real_now
from store.database import Database
from web.signin import service
from web.signin.cookies import SESSION_COOKIE, TOUCH_EVERY, here, is_poll
from web.signin.models import Role, StaffSession, StaffUser, Stage
from web.signin.rules import rules_of


async def signing_in(request: Request) -> tuple[StaffUser, StaffSession] | None:
    """Whose browser this is, signed in or half-way, with the session. Asked once a request."""
    if not hasattr(request.state, "signing_in"):
        request.state.signing_in = await _look(request)
    found: tuple[StaffUser, StaffSession] | None = request.state.signing_in
    return found


async def _look(request: Request) -> tuple[StaffUser, StaffSession] | None:
    token = request.cookies.get(SESSION_COOKIE)
    if not token:
        return None
    database: Database = request.app.state.database
    now, idle = real_now(), rules_of(request.app).idle
    async with database.read("who is signed in") as session:
        found = await service.session_of(session, token, now, idle)
    if found is None or is_poll(request) or now - found[1].last_seen_at < TOUCH_EVERY:
        return found
    session_id = found[1].id

    async def seen(session: AsyncSession) -> None:
        await service.touch(session, session_id, now)

    await database.transact(seen, "staff seen")
    return found


async def maybe_staff(request: Request) -> StaffUser | None:
    """Who is signed in, or None."""
    found = await signing_in(request)
    staff = found[0] if found is not None and found[1].stage == Stage.FULL else None
    request.state.staff = staff
    request.state.idle = rules_of(request.app).idle if staff is not None else None
    return staff


@dataclass(frozen=True, slots=True)
class Require:
    """Dependency: a signed-in member of staff with one of `roles` (none given: any). Admin may always.

    Nobody signed in: a browser is led to `/sign-in` and back afterwards, a program gets 401. Wrong role: 403.
    """

    roles: tuple[Role, ...] = ()

    async def __call__(self, request: Request) -> StaffUser:
        staff = await maybe_staff(request)
        if staff is None:
            raise _ask_to_sign_in(request)
        if not self.lets_in(staff):
            raise HTTPException(403)
        return staff

    def lets_in(self, staff: StaffUser) -> bool:
        return not self.roles or may(staff, self.roles)


def may(staff: StaffUser, roles: Collection[Role]) -> bool:
    """Whether staff has one of `roles`, or is an administrator: whether a button is worth showing; its route asks again."""
    return Role.ADMIN in staff.roles or bool(set(roles) & set(staff.roles))


def require(*roles: Role) -> Require:
    """As `Require`."""
    return Require(roles)


MaybeStaff = Annotated[StaffUser | None, Depends(maybe_staff)]
CurrentStaff = Annotated[StaffUser, Depends(require())]


def _ask_to_sign_in(request: Request) -> HTTPException:
    if "hx-request" in request.headers:
        return HTTPException(401, headers={"HX-Redirect": "/sign-in"})
    if "text/html" not in request.headers.get("accept", ""):
        return HTTPException(401)
    target = f"/sign-in?next={quote(here(request))}" if request.method == "GET" else "/sign-in"
    return HTTPException(303, headers={"Location": target})
