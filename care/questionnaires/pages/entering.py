"""`/q`: a code typed by hand; `/q/<token>/who`: the last four of the identity number. Nothing personal is shown before."""

from __future__ import annotations

from urllib.parse import quote

from fastapi import APIRouter, Request
from starlette.responses import RedirectResponse, Response

from care.questionnaires.entrance import codes, links, proof, visit
from care.questionnaires.pages.public import TRIES, PublicDesk, texts
from care.questionnaires.pages.visiting import Visit, visit_of
from channels.posted import Refused, fields_of
from store import audit


class Entrance:
    """The two doors."""

    def __init__(self, desk: PublicDesk) -> None:
        self._desk = desk

    def add_to(self, router: APIRouter) -> None:
        router.add_api_route("/q", self.ask_code, methods=["GET"])
        router.add_api_route("/q", self.take_code, methods=["POST"])
        router.add_api_route("/q/{token}/who", self.take_last4, methods=["POST"])

    async def ask_code(self, request: Request) -> Response:
        return self._desk.answer(request, "code.html", problem="")

    async def take_code(self, request: Request) -> Response:
        """A code becomes a link: 303 to it. A wrong one is asked again."""
        desk = self._desk
        try:
            form = fields_of(await desk.posted(request, "code", TRIES))
        except Refused as refused:
            return self.refused(request, refused)
        async with desk.database.write("questionnaire code") as session:
            now = desk.clock.now()
            code = await codes.find(session, form.get("code", [""])[-1], now)
            path = ""
            if code is not None:
                path = await links.issue(
                    session, code.response_id, now=now, lasts=desk.link_lasts, code_id=code.id
                )
        if not path:
            return desk.answer(request, "code.html", 422, problem=texts("code.wrong", landline=desk.landline))
        return RedirectResponse(path, 303)

    def who(
        self, request: Request, found: Visit, *, provable: bool, locked: bool, problem: str = ""
    ) -> Response:
        """Asks whom it is for. In WeChat signing in comes first."""
        desk = self._desk
        in_wechat = "micromessenger" in request.headers.get("user-agent", "").lower()
        sign_in = ""
        if in_wechat and desk.account_id and not found.foreign:
            sign_in = f"/oauth/{quote(desk.account_id)}/start?next={quote(found.path, safe='')}"
        status = 423 if locked and problem else 422 if problem else 200
        return desk.answer(
            request,
            "who.html",
            status,
            root=found.path,
            sign_in=sign_in,
            foreign=found.foreign,
            provable=provable,
            locked=locked,
            problem=problem,
        )

    async def take_last4(self, request: Request, token: str) -> Response:
        desk = self._desk
        try:
            form = fields_of(await desk.posted(request, "who", TRIES))
        except Refused as refused:
            return self.refused(request, refused)
        typed, now = form.get("last4", [""])[-1], desk.clock.now()
        async with desk.database.write("questionnaire proof") as session:
            found = await visit_of(desk, request, session, token)
            if not isinstance(found, Visit):
                return found
            if not await proof.can_prove(session, found.response):
                return self.who(request, found, provable=False, locked=False)
            if len(typed.strip()) != 4:
                return self.who(request, found, provable=True, locked=False, problem=texts("who.four"))
            result = await proof.try_last4(session, found.response, typed, now)
            if isinstance(result, proof.Right):
                if found.link.code_id is not None:
                    await codes.use(session, found.link.code_id)
                subject = audit.subject_of("questionnaire_response", found.response.id)
                actor = audit.subject_of("response_link", found.link.id)
                audit.record(session, actor=actor, action="questionnaire.entered", subject=subject, at=now)
        if isinstance(result, proof.Right):
            answer = RedirectResponse(found.path, 303)
            visit.let_in(request, answer, found.path, found.link.id, now)
            return answer
        locked = isinstance(result, proof.Locked)
        problem = (
            texts("who.locked", landline=desk.landline)
            if isinstance(result, proof.Locked)
            else texts("who.wrong", left=result.left)
        )
        return self.who(request, found, provable=True, locked=locked, problem=problem)

    def refused(self, request: Request, refused: Refused) -> Response:
        return self._desk.trouble(request, "often" if refused.status == 429 else "again", refused.status)
