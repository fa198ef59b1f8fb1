"""The browser's side of a staff session: its cookie, where it comes from, where it wants to go."""

from __future__ import annotations

from datetime import timedelta

from fastapi import Request
from starlette.responses import Response

from web.security import cookie_flags
from web.signin.rules import rules_of

SESSION_COOKIE = "banyi_session"
POLL_HEADER = "X-Poll"
"""Set by the pages' script on what a page asks by itself: it is not somebody doing something. Nor is an event stream."""


def hand_out(request: Request, response: Response, token: str) -> None:
    """Give the browser its session's token; scripts cannot read it."""
    lasts = int(rules_of(request.app).lasts.total_seconds())
    response.set_cookie(SESSION_COOKIE, token, max_age=lasts, **cookie_flags(request))


def take_back(response: Response) -> None:
    response.delete_cookie(SESSION_COOKIE, path="/")


def address_of(request: Request) -> str:
    return request.client.host if request.client else "unknown"


def agent_of(request: Request) -> str:
    return request.headers.get("user-agent", "")


def here(request: Request) -> str:
    """The address asked for, as a path on this site."""
    return request.url.path + (f"?{request.url.query}" if request.url.query else "")


def safe_next(target: str) -> str:
    """`target` if it is a path on this site, else `/`: nobody is led elsewhere by a crafted link."""
    ours = target.startswith("/") and not target.startswith(("//", "/\\")) and target.isprintable()
    return target if ours and "\\" not in target else "/"


def is_poll(request: Request) -> bool:
    stream = request.headers.get("accept", "") == "text/event-stream"
    return stream or POLL_HEADER.lower() in request.headers


TOUCH_EVERY = timedelta(minutes=1)
"""How exactly it is known when a session was last used."""
