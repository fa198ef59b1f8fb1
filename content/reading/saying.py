"""What readers say by POST: the script's beacons, and the forms under an article.

What is written needs the token, and must come from our own page: whoever has the token may say what is helpful, stop a topic,
decide on consents of the patient it was sent to.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from typing import Any
from urllib.parse import quote

from fastapi import APIRouter, Request
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.responses import RedirectResponse, Response

from care.consents.models import Purpose
from channels.posted import Refused, body_of, fields_of, json_of
from content.audiences.vocabulary import topics
from content.reading import consents, counting, feedback, links, stops
from content.reading.desk import ReadingDesk, slug_in
from content.reading.models import ArticleLink
from content.reading.visitors import is_bot
from web.security import same_origin
from web.signin.cookies import address_of

BODY_MOST = 8192
"""Bytes: a word of 500 characters, written in percent signs, fits."""
ON_PAGE = (Purpose.PERSONAL, Purpose.TRACKING)
"""Asked on the page. Research is asked where it is known who answers: in the conversation."""

Change = Callable[[AsyncSession, ArticleLink, datetime], Awaitable[None]]


_TOLD = {404: "unknown", 410: "late", 429: "often"}


class Sayings:
    """The POST routes below a link."""

    def __init__(self, desk: ReadingDesk) -> None:
        self._desk = desk

    def add_to(self, router: APIRouter) -> None:
        for name, act in (("helpful", self._helpful), ("topic", self._topic), ("consent", self._consent)):
            router.add_api_route(f"/r/{{token}}/{name}", self._form_of(act, name), methods=["POST"])
        router.add_api_route("/r/{token}/seen", self.seen, methods=["POST"])

    async def seen(self, request: Request, token: str) -> Response:
        """A beacon: 204 whether it was counted or not, nothing in any answer."""
        if is_bot(request.headers.get("user-agent", "")):
            return Response(status_code=204)
        try:
            raw = await self._body(request, token)
            await self._count(token, json_of(raw))
        except Refused as refused:
            return Response(status_code=refused.status)
        return Response(status_code=204)

    async def _count(self, token: str, said: Any) -> None:
        look = counting.look_of(said)
        if look is None:
            raise Refused(400)
        slug, revision, day = slug_in(said.get("slug")), said.get("revision"), self._desk.today()
        if isinstance(revision, bool) or not isinstance(revision, int):
            raise Refused(400)

        async def count(session: AsyncSession, link: ArticleLink, now: datetime) -> None:
            read = await counting.piece(session, link, slug, revision)
            if read is not None:
                await counting.seen(session, link, read, look, now, day, self._desk.pace.first)

        await self._change(token, "article seen", count)

    def _form_of(
        self, act: Callable[[Mapping[str, str], str], Change], part: str
    ) -> Callable[[Request, str], Awaitable[Response]]:
        """The route of a form: do it, and back to the page."""

        async def route(request: Request, token: str) -> Response:
            try:
                form = _fields(await self._body(request, token))
                await self._change(token, f"article {part}", act(form, token))
            except Refused as refused:
                told = _TOLD.get(refused.status, "again")
                return self._desk.trouble(request, told, refused.status)
            slug = slug_in(form.get("slug"))
            where = f"/r/{quote(token, safe='')}" + (f"/also/{slug}" if slug else "")
            return RedirectResponse(f"{where}#{'helpful' if part == 'helpful' else 'settings'}", 303)

        return route

    @staticmethod
    def _helpful(form: Mapping[str, str], token: str) -> Change:
        yes, slug, number = _yes(form, "helpful"), slug_in(form.get("slug")), form.get("revision", "")
        revision = int(number) if number.isdecimal() and number.isascii() and len(number) < 10 else 0

        async def keep(session: AsyncSession, link: ArticleLink, now: datetime) -> None:
            read = await counting.piece(session, link, slug, revision)
            if read is not None:
                await feedback.answer(session, token, link, read, yes, form.get("word", ""), now)

        return keep

    @staticmethod
    def _topic(form: Mapping[str, str], _token: str) -> Change:
        stop, topic = _yes(form, "stop"), form.get("topic", "")
        if topic not in topics():
            raise Refused(400)

        async def change(session: AsyncSession, link: ArticleLink, now: datetime) -> None:
            if stop:
                await stops.stop(session, link.patient_id, topic, now, link.id)
            else:
                await stops.resume(session, link.patient_id, topic, now)

        return change

    @staticmethod
    def _consent(form: Mapping[str, str], _token: str) -> Change:
        granted = _yes(form, "granted")
        purpose = next((one for one in ON_PAGE if one.value == form.get("purpose")), None)
        if purpose is None:
            raise Refused(400)

        async def decide(session: AsyncSession, link: ArticleLink, now: datetime) -> None:
            if (await consents.held(session, link.patient_id))[purpose] is granted:
                return
            proof = f"article_link:{link.id}"
            await consents.decide(
                session, link.patient_id, purpose, granted, channel="page", proof=proof, now=now
            )

        return decide

    async def _body(self, request: Request, token: str) -> bytes:
        """Up to `BODY_MOST` bytes from our own page, not too often. Raises `Refused`."""
        if same_origin(request) and not await self._desk.pace.allows(
            links.hash_of(token), address_of(request)
        ):
            raise Refused(429)
        return await body_of(request, BODY_MOST)

    async def _change(self, token: str, doing: str, change: Change) -> None:
        """Do it for a link that is good. Raises `Refused`."""

        async def work(session: AsyncSession) -> int:
            link = await links.find(session, token)
            if link is None or not self._desk.good(link):
                return 404 if link is None else 410
            await change(session, link, self._desk.clock.now())
            return 0

        if (status := await self._desk.database.transact(work, doing)) != 0:
            raise Refused(status)


def _fields(raw: bytes) -> dict[str, str]:
    return {name: values[-1] for name, values in fields_of(raw).items()}


def _yes(form: Mapping[str, str], name: str) -> bool:
    if form.get(name) not in ("0", "1"):
        raise Refused(400)
    return form[name] == "1"
