"""From one step of signing in to the next, and a session's beginning."""

from __future__ import annotations

from urllib.parse import quote

from fastapi import Request
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.responses import RedirectResponse, Response

from store.clock import real_now
from web.shell import render
from web.signin import service
from web.signin.cookies import SESSION_COOKIE, address_of, agent_of, hand_out, safe_next
from web.signin.models import StaffUser, Stage
from web.signin.rules import rules_of


def sign_in_page(
    request: Request, status: int = 200, *, next: str = "/", username: str = "", problem: str = ""
) -> Response:
    """The form, with what went wrong."""
    return render(
        request,
        "signin.html",
        status,
        next=safe_next(next),
        username=username,
        problem=problem,
        hospital_sign_on=getattr(request.app.state, "oidc", None) is not None,
    )


def go_on(request: Request, token: str, stage: Stage, next: str) -> Response:
    """With its new token to the next step, or to where the browser wanted to go."""
    target = safe_next(next)
    if stage is not Stage.FULL:
        target = f"/sign-in/{stage.value}?next={quote(target)}"
    response = RedirectResponse(target, 303)
    hand_out(request, response, token)
    return response


async def begin(session: AsyncSession, request: Request, user: StaffUser, way: str) -> tuple[str, Stage]:
    """A new session in this browser; the one it had is closed."""
    now = real_now()
    if before := request.cookies.get(SESSION_COOKIE):
        await service.close_session(session, before, now)
    return await service.begin_session(
        session,
        user,
        now,
        rules_of(request.app),
        way=way,
        address=address_of(request),
        agent=agent_of(request),
    )
