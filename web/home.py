"""`/`: what runs here and what to try."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from fastapi import APIRouter, Request
from starlette.responses import Response

from web.shell import render
from web.signin.pages import MaybeStaff


@dataclass(frozen=True, slots=True)
class HomeLink:
    """A card of the home page: where it leads, what it is, and one thing to try there (all Chinese)."""

    title: str
    href: str
    what: str
    try_text: str


def home_router(links: Sequence[HomeLink]) -> APIRouter:
    """The home page with a card a link; its health badges come from `/health/ready`.

    `/health/ready` answers JSON `{"checks": [{"name", "label", "ok", "detail"}, …]}`, with 200 or 503.
    """
    router = APIRouter()

    @router.get("/", include_in_schema=False)
    async def home(request: Request, _staff: MaybeStaff) -> Response:
        return render(request, "home.html", links=links)

    return router
