"""Who stands before a link: what it leads to, and whether they may go in."""

from __future__ import annotations

from dataclasses import dataclass

from fastapi import Request
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.responses import Response

from care.questionnaires.entrance import links, proof, visit
from care.questionnaires.entrance.models import ResponseLink
from care.questionnaires.models import QuestionnaireResponse, ResponseStatus
from care.questionnaires.pages.public import MISSES, PublicDesk
from care.questionnaires.responses import is_open
from channels.wechat.oauth import session_of
from web.signin.cookies import address_of


@dataclass(frozen=True, slots=True)
class Visit:
    """A link that is good. `inside`: it is known who it is; `foreign`: known, and not who was asked."""

    link: ResponseLink
    response: QuestionnaireResponse
    path: str
    inside: bool
    foreign: bool


async def visit_of(desk: PublicDesk, request: Request, session: AsyncSession, token: str) -> Visit | Response:
    """The visit, or the page that says why there is none. Whoever tries tokens is told to wait."""
    link = await links.find(session, token)
    if link is None:
        if not await desk.limits.allow(MISSES, "questionnaires", "miss", address_of(request)):
            return desk.trouble(request, "often", 429)
        return desk.trouble(request, "unknown", 404)
    response = await session.get_one(QuestionnaireResponse, link.response_id)
    if why := over(response, link, desk):
        return desk.trouble(request, why, 410)
    now = desk.clock.now()
    inside, foreign = visit.is_in(request, link.id, now), False
    who = session_of(request)
    if not inside and who is not None:
        inside = await proof.may_enter(session, response, who.contact_id)
        foreign = not inside
    return Visit(link, response, f"{links.PATH}{token}", inside, foreign)


def over(response: QuestionnaireResponse, link: ResponseLink, desk: PublicDesk) -> str:
    """Why nothing is answered here any more, as a key of `instead`; empty: it is, or it was answered to the end."""
    now = desk.clock.now()
    if link.expires_at <= now:
        return "late"
    if response.status == ResponseStatus.STOPPED:
        return {"left": "left", "expired": "late", "superseded": "newer"}.get(response.reason or "", "ended")
    if is_open(response) and response.expires_at is not None and response.expires_at <= now:
        return "late"
    return ""
