"""What every page of the staff desk shares: its parts, who may open it, and how a page is shown.

A subject's template extends `desk/page.html`, fills its block `desk` and is shown by `show`. Its tab appears once its route is
there. What changes is heard in the browser as an event on the body: `hx-trigger="desk:alerts from:body"`, likewise
`desk:calls`, `desk:conversations` and `desk:tasks`.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from fastapi import Depends, FastAPI, Request
from fastapi.routing import iter_route_contexts
from starlette.responses import Response

from store.clock import Clock
from store.database import Database
from web.shell import add_templates, render
from web.signin.access import require
from web.signin.models import Role, StaffUser
from web.words import Words

add_templates("desk", Path(__file__).parents[1] / "templates")
words = Words(Path(__file__).parents[3] / "data" / "seed" / "desk_words.yml")

NURSES = (Role.NURSE, Role.DOCTOR)
"""Who works the desk. Head nurse and doctor on duty are positions on the roster, no roles."""
Nurse = Annotated[StaffUser, Depends(require(*NURSES))]


@dataclass(frozen=True, slots=True)
class Desk:
    """What a page of the desk needs at least."""

    database: Database
    clock: Clock


def show(desk: Desk, request: Request, template: str, status: int = 200, **values: Any) -> Response:
    """The page (or a part of one) `template`, with the desk's tabs. `?said=` names what was just done, in the words of
    `data/seed/desk_words.yml` unless `said` is given."""
    code = request.query_params.get("said", "")
    tabs = _tabs(request.app)
    return render(
        request,
        template,
        status,
        **{
            "desk_words": words,
            "local": desk.clock.local,
            "tabs": tabs,
            "tab": _tab(request.url.path, [href for _, href in tabs]),
            "said": words.known("said").get(code, ""),
            "refused": "" if "said" in values else words.known("refused").get(code, ""),
            **values,
        },
    )


def _tabs(app: FastAPI) -> list[tuple[str, str]]:
    """(title, address) of the pages that are there."""
    tabs: list[tuple[str, str]] | None = getattr(app.state, "desk_tabs", None)
    if tabs is None:
        paths = {context.path for context in iter_route_contexts(app.routes)}
        tabs = [(title, href) for href, title in words.known("tabs").items() if href in paths]
        app.state.desk_tabs = tabs
    return tabs


def _tab(path: str, hrefs: list[str]) -> str:
    """The tab a page belongs to."""
    return max((one for one in hrefs if path == one or path.startswith(f"{one}/")), key=len, default="")
