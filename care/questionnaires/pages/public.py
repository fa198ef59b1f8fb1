"""What patients' pages of questionnaires share: their parts, and how they answer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from fastapi import Request
from starlette.responses import Response

from channels.posted import Refused, body_of
from channels.reply import Reply
from store.clock import Clock
from store.database import Database
from web.limits import Limits
from web.shell import add_templates, environment
from web.signin.cookies import address_of
from web.texts import Texts

TEMPLATES = Path(__file__).parent / "templates"
add_templates("questionnaires", TEMPLATES)
texts = Texts(TEMPLATES / "texts.yml")

LARGE = "banyi_large"
"""The cookie of the large type: of this device, says nothing of anybody."""
BODY_MOST = 16_384
"""Bytes: a free answer of 2,000 characters, written in percent signs, with room."""
MISSES, TRIES, SAVES = "30/minute", "20/minute", "120/minute"
"""Addresses that lead nowhere, of one sender; codes and digits typed, of one sender (a ward's Wi-Fi is one); answers to one link."""


@dataclass(frozen=True, slots=True)
class PublicDesk:
    """What the server hands in. `speak`: a reply in words; `account_id`: the WeChat account in which patients sign in, empty: none.

    `link_lasts`: how long the link lives that a typed code becomes.
    """

    database: Database
    clock: Clock
    limits: Limits
    hospital: str
    landline: str
    account_id: str
    link_lasts: timedelta
    speak: Callable[[Reply], str]

    def answer(self, request: Request, template: str, status: int = 200, **values: Any) -> Response:
        """A page nobody keeps and nobody finds by searching."""
        body = environment.get_template(f"questionnaires/{template}").render(
            large=request.cookies.get(LARGE) == "1",
            private=True,
            hospital=self.hospital,
            landline=self.landline,
            **values,
        )
        headers = {"Cache-Control": "no-store", "X-Robots-Tag": "noindex, nofollow"}
        return Response(body, status, headers, media_type="text/html; charset=utf-8")

    def trouble(self, request: Request, key: str, status: int, **values: Any) -> Response:
        """What happened (`instead` of the texts) and what to do next."""
        title, said = texts(f"instead.{key}.title"), texts(f"instead.{key}.said", landline=self.landline)
        return self.answer(request, "instead.html", status, title=title, said=said, **values)

    async def posted(self, request: Request, what: str, limit: str, key: str = "") -> bytes:
        """The body of a form or a script of ours, not too often for this sender, or for `key`. Raises `Refused`."""
        body = await body_of(request, BODY_MOST)
        if not await self.limits.allow(limit, "questionnaires", what, key or address_of(request)):
            raise Refused(429)
        return body
