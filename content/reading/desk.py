"""What patients' pages share: their parts, how they answer, and what they say when there is nothing to show."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from fastapi import Request
from starlette.responses import Response

from content.articles.doc import SLUG
from content.reading.models import ArticleLink
from content.reading.visitors import Pace
from content.reading.words import TEMPLATES, say
from store.clock import Clock
from store.database import Database
from web.shell import add_templates, environment

add_templates("reading", TEMPLATES)
LARGE = "banyi_large"
"""The cookie of the large type: of this device, says nothing of anybody."""
PUBLIC = "/read/"


@dataclass(frozen=True, slots=True)
class ReadingDesk:
    """What the pages need. `lasts`: how long a link is good. `pace`: limits and what was counted today. `account_id`: the WeChat
    account in which patients sign in; empty: none."""

    database: Database
    clock: Clock
    pace: Pace
    lasts: timedelta
    hospital: str
    landline: str
    account_id: str = ""

    def good(self, link: ArticleLink) -> bool:
        """Whether the link still leads somewhere."""
        return link.issued_at + self.lasts > self.clock.now()

    def today(self) -> date:
        return self.clock.local().date()

    def answer(self, request: Request, template: str, status: int = 200, **values: Any) -> Response:
        """A page, kept by the browser and asked after each time: what is recalled must not be shown from a cache."""
        private = not request.url.path.startswith(PUBLIC)
        body = environment.get_template(f"reading/{template}").render(
            large=request.cookies.get(LARGE) == "1",
            private=private,
            hospital=self.hospital,
            landline=self.landline,
            say=say,
            **values,
        )
        mark = f'"{hashlib.sha256(body.encode()).hexdigest()[:32]}"'
        headers = {
            "Cache-Control": "private, no-cache" if private else "public, no-cache",
            "ETag": mark,
            "Vary": "Cookie",
        }
        if private:
            headers["X-Robots-Tag"] = "noindex, nofollow"
        if status == 200 and request.headers.get("if-none-match") == mark:
            return Response(status_code=304, headers=headers)
        return Response(body, status, headers, media_type="text/html; charset=utf-8")

    def trouble(
        self, request: Request, key: str, status: int, *, article: str = "", **values: Any
    ) -> Response:
        """A kind page: what happened (`instead` of the texts), what to read instead, where to ask."""
        given = {"newer": None, "others": (), "base": PUBLIC, **values}
        title, said = say(f"instead.{key}.title"), say(f"instead.{key}.said", title=article)
        return self.answer(request, "instead.html", status, title=title, said=said, **given)


def slug_in(value: object) -> str:
    """A slug from outside; empty for what is none."""
    return value if isinstance(value, str) and len(value) <= 100 and SLUG.fullmatch(value) else ""
