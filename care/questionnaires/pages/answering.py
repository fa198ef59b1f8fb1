"""`/q/<token>`: a questionnaire on the patient's phone, one question a screen; every answer is saved at once.

Without the script each question is a form of its own; with it answers go as JSON, and wait on the phone while there is no network.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from fastapi import APIRouter, Request
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.responses import JSONResponse, RedirectResponse, Response

from care.alerts.watching import Raised
from care.questionnaires import answering, responses
from care.questionnaires.entrance import proof
from care.questionnaires.models import QuestionnaireResponse, ResponseStatus
from care.questionnaires.outcomes import (
    Accepted,
    By,
    NotOpen,
    Outcome,
    Overtaken,
    Position,
)
from care.questionnaires.pages import forms, screens
from care.questionnaires.pages.asking_back import Trouble, trouble_of
from care.questionnaires.pages.entering import Entrance
from care.questionnaires.pages.public import SAVES, PublicDesk, texts
from care.questionnaires.pages.visiting import Visit, visit_of
from channels.posted import Refused, fields_of
from channels.reply import Reply
from store import crypto

PAGE = By("page")


def answering_router(desk: PublicDesk) -> APIRouter:
    """Routes of `/q`."""
    router = APIRouter(include_in_schema=False)
    entrance = Entrance(desk)
    entrance.add_to(router)
    pages = _Pages(desk, entrance)
    router.add_api_route("/q/{token}", pages.page, methods=["GET"])
    router.add_api_route("/q/{token}/answer", pages.answer, methods=["POST"])
    router.add_api_route("/q/{token}/pause", pages.pause, methods=["POST"])
    router.add_api_route("/q/{token}/stop", pages.stop, methods=["POST"])
    return router


class _Pages:
    def __init__(self, desk: PublicDesk, entrance: Entrance) -> None:
        self._desk = desk
        self._entrance = entrance

    async def page(self, request: Request, token: str) -> Response:
        async with self._desk.database.read("questionnaire page") as session:
            found = await visit_of(self._desk, request, session, token)
            if not isinstance(found, Visit):
                return found
            if not found.inside:
                return await self._who(request, session, found)
            if found.response.status == ResponseStatus.COMPLETED:
                return self._finished(request, found.response)
            return self._form(request, found, await answering.position(session, found.response))

    async def _who(self, request: Request, session: AsyncSession, found: Visit) -> Response:
        locked = await proof.is_locked(session, found.response.id)
        provable = await proof.can_prove(session, found.response)
        problem = texts("who.locked", landline=self._desk.landline) if locked else ""
        return self._entrance.who(request, found, provable=provable, locked=locked, problem=problem)

    def _form(
        self,
        request: Request,
        found: Visit,
        here: Position,
        *,
        status: int = 200,
        trouble: Trouble | None = None,
        typed: dict[str, screens.Fields] | None = None,
        alerts: Sequence[dict[str, str]] = (),
    ) -> Response:
        # Seals what waits on the phone: only who was let in is given it.
        key = crypto.lookup(str(found.link.id), "response_link.keep")
        return self._desk.answer(
            request,
            "answering.html",
            status,
            root=found.path,
            definition=here.definition,
            screens=screens.screens(here, typed),
            at=here.item.link_id if here.item else "",
            number=here.number,
            total=here.total,
            begun=bool(here.answers),
            revision=found.response.revision,
            key=key,
            trouble=trouble or Trouble(),
            alerts=alerts,
        )

    def _finished(
        self, request: Request, response: QuestionnaireResponse, alerts: Sequence[dict[str, str]] = ()
    ) -> Response:
        return self._desk.answer(
            request, "finished.html", result=responses.result_of(response), alerts=alerts
        )

    async def answer(self, request: Request, token: str) -> Response:
        """One answer. A script's gets JSON, a form's the page."""
        scripted = request.headers.get("content-type", "").startswith("application/json")
        try:
            raw = await self._desk.posted(request, "save", SAVES, token[:64])
            posted = forms.posted_json(raw) if scripted else forms.posted_form(fields_of(raw, 60))
        except Refused as refused:
            if scripted:
                return JSONResponse({"outcome": "refused"}, refused.status)
            return self._entrance.refused(request, refused)
        async with self._desk.database.write("questionnaire answer") as session:
            found = await visit_of(self._desk, request, session, token)
            if not isinstance(found, Visit):
                return JSONResponse({"outcome": "closed"}, found.status_code) if scripted else found
            if not found.inside:
                if scripted:
                    return JSONResponse({"outcome": "who"}, 401)
                return await self._who(request, session, found)
            outcome = await self._take(session, found.response, posted)
            here = await answering.position(session, found.response)
        if scripted:
            return JSONResponse(self._as_json(found.response, here, outcome))
        return self._as_page(request, found, here, outcome, posted)

    async def _take(
        self, session: AsyncSession, response: QuestionnaireResponse, posted: forms.Posted
    ) -> Outcome:
        here = await answering.position(session, response)
        item = here.definition.item(posted.link_id)
        if item is None:
            return Overtaken(here)
        return await answering.answer(
            session,
            response,
            item.link_id,
            forms.said_of(item, posted),
            now=self._desk.clock.now(),
            by=PAGE,
            revision=posted.revision,
        )

    def _as_json(self, response: QuestionnaireResponse, here: Position, outcome: Outcome) -> dict[str, Any]:
        found = screens.state(here, response.revision, answers=isinstance(outcome, Overtaken))
        match outcome:
            case Accepted(raised=raised, finished=finished):
                return {"outcome": "accepted", "finished": finished, "alerts": self._alerts(raised), **found}
            case NotOpen():
                return {"outcome": "closed", **found}
            case Overtaken():
                return {"outcome": "overtaken", "said": texts("answer.overtaken"), **found}
        return {"outcome": "asked", **asdict(trouble_of(outcome)), **found}

    def _as_page(
        self, request: Request, found: Visit, here: Position, outcome: Outcome, posted: forms.Posted
    ) -> Response:
        match outcome:
            case Accepted(raised=raised) if alerts := self._alerts(raised):
                if found.response.status == ResponseStatus.COMPLETED:
                    return self._finished(request, found.response, alerts)
                return self._form(request, found, here, alerts=alerts)
            case Accepted() | NotOpen():
                return RedirectResponse(found.path, 303)
            case Overtaken():
                return self._form(
                    request, found, here, status=409, trouble=Trouble(texts("answer.overtaken"))
                )
        trouble = trouble_of(outcome)
        understood = (trouble.sure,) if trouble.sure is not None else posted.values
        typed = {posted.link_id: (understood, posted.other)}
        return self._form(request, found, here, status=422, trouble=trouble, typed=typed)

    def _alerts(self, raised: Sequence[Raised]) -> list[dict[str, str]]:
        """What the patient is told at once, each thing once."""
        found = {one.says: one for one in raised if one.says}
        return [
            {"severity": one.severity, "text": text}
            for one in found.values()
            if (text := self._desk.speak(Reply(one.says, dict(one.params))))
        ]

    async def pause(self, request: Request, token: str) -> Response:
        return await self._end(request, token, "paused")

    async def stop(self, request: Request, token: str) -> Response:
        return await self._end(request, token, "left")

    async def _end(self, request: Request, token: str, how: str) -> Response:
        try:
            await self._desk.posted(request, "save", SAVES, token[:64])
        except Refused as refused:
            return self._entrance.refused(request, refused)
        async with self._desk.database.write(f"questionnaire {how}") as session:
            found = await visit_of(self._desk, request, session, token)
            if not isinstance(found, Visit):
                return found
            if not found.inside:
                return await self._who(request, session, found)
            now = self._desk.clock.now()
            if how == "paused":
                responses.pause(found.response, now=now)
            else:
                await responses.stop(session, found.response, now=now)
        return self._desk.trouble(request, how, 200, back=found.path if how == "paused" else "")
