"""Patients' pages: `/r/<token>` behind a link of their own, `/read/<slug>` for anybody.

A GET writes nothing, so that previews, crawlers and prefetches leave no trace; what is written comes by POST (`saying.py`).
"""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from fastapi import APIRouter, Request
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.responses import Response

from care.privacy.texts import text_of
from channels.wechat.oauth import session_of
from content.audiences.day import Day
from content.reading import consents, counting, feedback, links, shown, stops, why
from content.reading.desk import PUBLIC, ReadingDesk
from content.reading.models import ArticleLink
from content.reading.saying import ON_PAGE, Sayings
from web.signin.cookies import address_of

METHODS = ["GET", "HEAD"]


def reading_router(desk: ReadingDesk) -> APIRouter:
    """Routes of `/r` and `/read`."""
    router = APIRouter(include_in_schema=False)
    pages = _Pages(desk)
    router.add_api_route("/read/{slug}", pages.anybody, methods=METHODS)
    router.add_api_route("/r/{token}", pages.own, methods=METHODS)
    router.add_api_route("/r/{token}/also/{slug}", pages.also, methods=METHODS)
    router.add_api_route("/r/{token}/why", pages.why, methods=METHODS)
    Sayings(desk).add_to(router)
    return router


class _Pages:
    def __init__(self, desk: ReadingDesk) -> None:
        self._desk = desk

    async def anybody(self, request: Request, slug: str) -> Response:
        async with self._desk.database.read("article page") as session:
            found = await shown.by_slug(session, slug, self._desk.today())
        if not isinstance(found, shown.Text):
            return self._instead(request, found, PUBLIC)
        return self._desk.answer(request, "page.html", text=found, link=None, **self._dated(found))

    async def own(self, request: Request, token: str) -> Response:
        return await self._linked(request, token, "")

    async def also(self, request: Request, token: str, slug: str) -> Response:
        """Another article, reached from the link's own."""
        return await self._linked(request, token, slug)

    async def _linked(self, request: Request, token: str, slug: str) -> Response:
        async with self._desk.database.read("article link") as session:
            link = await self._link(request, session, token)
            if not isinstance(link, ArticleLink):
                return link
            today, whose = self._desk.today(), link.patient_id
            if slug:
                found = await shown.by_slug(session, slug, today, patient_id=whose)
            else:
                found = await shown.by_id(
                    session, link.article_id, today, patient_id=whose, sent=link.revision
                )
            if not isinstance(found, shown.Text):
                return self._instead(request, found, f"/r/{token}/also/")
            read = await counting.piece(session, link, found.slug, found.revision)
            held = await consents.held(session, whose)
            values: dict[str, Any] = {
                "said": None if read is None else await feedback.said(session, token, read),
                "stopped": await stops.is_stopped(session, whose, found.topic),
                "consents": [(text_of(one), held[one]) for one in ON_PAGE],
            }
            return self._desk.answer(
                request,
                "page.html",
                text=found,
                link=link,
                root=f"/r/{token}",
                slug=slug,
                **values,
                **self._dated(found),
            )

    async def why(self, request: Request, token: str) -> Response:
        """为什么给我发这个."""
        async with self._desk.database.read("why this article") as session:
            link = await self._link(request, session, token)
            if not isinstance(link, ArticleLink):
                return link
            who = session_of(request)
            whole = who is not None and await why.knows(session, link, who.contact_id)
            found = await why.reason(session, link, Day.of(self._desk.clock), whole=whole)
        in_wechat = "micromessenger" in request.headers.get("user-agent", "").lower()
        here = quote(f"/r/{token}/why", safe="")
        sign_in = f"/oauth/{self._desk.account_id}/start?next={here}"
        return self._desk.answer(
            request,
            "why.html",
            reason=found,
            root=f"/r/{token}",
            sign_in=sign_in if in_wechat and self._desk.account_id and not whole else "",
        )

    async def _link(self, request: Request, session: AsyncSession, token: str) -> ArticleLink | Response:
        """The link, or what is told of one that is not good. Who tries one after the other is told to wait; whose link is good reads,
        though thousands share a carrier's address with them."""
        link = await links.find(session, token)
        if link is None:
            if not await self._desk.pace.may_miss(address_of(request)):
                return self._desk.trouble(request, "often", 429)
            return self._desk.trouble(request, "unknown", 404)
        if self._desk.good(link):
            return link
        # What anybody may read, without a word on whose link it was.
        found = await shown.by_id(session, link.article_id, self._desk.today(), sent=link.revision)
        return self._desk.trouble(request, "late", 410, others=found.others if found is not None else ())

    def _dated(self, text: shown.Text) -> dict[str, Any]:
        return {"day": self._desk.clock.local(text.published_at).date().isoformat()}

    def _instead(self, request: Request, found: shown.Instead | None, base: str) -> Response:
        if found is None:
            return self._desk.trouble(request, "unknown", 404)
        return self._desk.trouble(
            request, found.why, 410, article=found.title, newer=found.newer, others=found.others, base=base
        )
