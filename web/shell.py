"""The shell of every page: templates, assets, errors.

A room keeps its pages in its own `templates/` folder and registers it under a prefix with `add_templates`; a
page extends `base.html` and builds on the macros of `components.html`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from jinja2 import ChoiceLoader, Environment, FileSystemLoader, PrefixLoader, StrictUndefined
from starlette.exceptions import HTTPException
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

from store.database import DatabaseUnavailable
from web.security import HEADERS, SecurityHeaders, csrf_token, keep_csrf
from web.texts import say

HERE = Path(__file__).parent
STATIC = HERE / "static"

_rooms: dict[str, FileSystemLoader] = {}
environment = Environment(
    loader=ChoiceLoader([FileSystemLoader(HERE / "templates"), PrefixLoader(_rooms)]),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


@dataclass(frozen=True, slots=True)
class NavLink:
    """A link of the top bar. `roles` empty: everybody sees it; else staff with one of them (admin always)."""

    title: str
    href: str
    roles: frozenset[str] = frozenset()


def add_templates(prefix: str, folder: Path) -> None:
    """Make `folder`'s templates known as `<prefix>/<file>`."""
    _rooms[prefix] = FileSystemLoader(folder)


@cache
def _manifest() -> Mapping[str, str]:
    path = STATIC / "build" / "manifest.json"
    if not path.exists():
        raise RuntimeError("the front end is not built; run: python -m web.build")
    hashes: dict[str, str] = json.loads(path.read_text())
    return hashes


def asset(name: str) -> str:
    """Address of a built file, with its hash so that caches never show an old one."""
    return f"/static/build/{name}?v={_manifest()[name]}"


environment.globals["asset"] = asset


def visible_links(request: Request) -> list[NavLink]:
    """The top bar's links for who is looking. `app.state.nav` holds them all."""
    staff = getattr(request.state, "staff", None)
    roles = frozenset(staff.roles) if staff is not None else frozenset[str]()
    links: list[NavLink] = getattr(request.app.state, "nav", [])
    return [link for link in links if not link.roles or "admin" in roles or link.roles & roles]


def back_to(path: str, **query: str) -> Response:
    """To a page after something was done there; `query` says what."""
    return RedirectResponse(f"{path}?{urlencode(query)}" if query else path, 303)


def render(request: Request, template: str, status_code: int = 200, **context: Any) -> HTMLResponse:
    """The page (or part of one) `template` with `context`, for whoever `request` comes from."""
    shared = {
        "request": request,
        "path": request.url.path,
        "staff": getattr(request.state, "staff", None),
        "idle": getattr(request.state, "idle", None),
        "nav": visible_links(request),
        "csrf": csrf_token(request),
        "hospital": getattr(request.app.state, "hospital_name", say("hospital")),
    }
    page = environment.get_template(template).render({**shared, **context})
    response = HTMLResponse(page, status_code=status_code)
    keep_csrf(request, response)
    return response


class _Static(StaticFiles):
    """Static files; those asked for by hash may be kept for a year."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        response = await super().get_response(path, scope)
        kept = b"v=" in scope.get("query_string", b"") and response.status_code in (200, 304)
        response.headers["Cache-Control"] = "public, max-age=31536000, immutable" if kept else "no-cache"
        return response


def mount_static(app: FastAPI) -> None:
    """Serve `web/static/` under `/static`."""
    app.mount("/static", _Static(directory=STATIC), name="static")


_KNOWN_ERRORS = frozenset({401, 403, 404, 405, 409, 413, 422, 429, 500, 503})


def error_answer(
    request: Request, status: int, detail: str = "", headers: Mapping[str, str] | None = None
) -> Response:
    """A page for browsers, JSON `{"detail"}` for programs; never a stack trace."""
    known = status if status in _KNOWN_ERRORS else 500 if status >= 500 else 404
    title = say(f"errors.{known}.title")
    is_ours = any("\u4e00" <= char <= "\u9fff" for char in detail)  # the framework's own words are English
    said = detail if is_ours else say(f"errors.{known}.said")
    wants_page = "text/html" in request.headers.get("accept", "") and "hx-request" not in request.headers
    if wants_page:
        answer: Response = render(
            request, "error.html", status, title=title, said=said, status=status, back=_came_from(request)
        )
    else:
        answer = JSONResponse({"detail": said}, status_code=status)
    answer.headers.update(dict(headers or {}))
    return answer


def _came_from(request: Request) -> str:
    """The page of ours on which the button was pressed that has failed, as it is now; empty: none, or an address that was asked for."""
    came = urlsplit(request.headers.get("referer", ""))
    if request.method != "POST" or came.netloc != request.url.netloc:
        return ""
    return came.path + (f"?{came.query}" if came.query else "")


def install_shell(app: FastAPI) -> None:
    """Security headers, static files and error pages. Call once in the app factory."""
    app.add_middleware(SecurityHeaders)
    mount_static(app)

    @app.exception_handler(HTTPException)
    async def _http(request: Request, error: HTTPException) -> Response:
        if 300 <= error.status_code < 400:
            return Response(status_code=error.status_code, headers=error.headers)
        return error_answer(request, error.status_code, str(error.detail or ""), error.headers)

    @app.exception_handler(RequestValidationError)
    async def _invalid(request: Request, _error: RequestValidationError) -> Response:
        return error_answer(request, 422)

    @app.exception_handler(DatabaseUnavailable)
    async def _away(request: Request, _error: DatabaseUnavailable) -> Response:
        return error_answer(request, 503, headers={"Retry-After": "10"})

    @app.exception_handler(Exception)
    async def _crash(request: Request, _error: Exception) -> Response:
        return error_answer(request, 500, headers=HEADERS)  # this answer is made outside the middleware
