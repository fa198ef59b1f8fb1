"""`/desk/conversations/{id}`: one conversation, and what is done in it."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Form, HTTPException, Query, Request
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.responses import Response

from care.desk import answering, entries, talks
from care.desk import service as handoff
from care.desk.answering import LONGEST, CannotSend
from care.desk.models import EntryKind, TaskKind
from care.desk.pages.desk import Nurse, words
from care.desk.pages.tools import Tools, colleagues, groups, names_of, page
from care.desk.reading import read_conversation
from care.desk.talks import Talk
from care.desk.transcript import transcript
from store.ids import new_id
from web.shell import back_to
from web.signin.models import StaffUser

PATH = "/desk/conversations"
Key = Annotated[str, Form(min_length=8, max_length=60)]
Words = Annotated[str, Form(max_length=LONGEST)]
Note = Annotated[str, Form(max_length=entries.NOTE_LONGEST)]


def add_routes(router: APIRouter, tools: Tools) -> None:
    """The page, its live part, and its buttons."""
    desk = tools.desk

    async def found(session: AsyncSession, conversation_id: UUID, staff: StaffUser) -> Talk:
        talk = await talks.talk_of(session, conversation_id, staff.id, tools.clock.now())
        if talk is None:
            raise HTTPException(404)
        return talk

    async def look(
        session: AsyncSession, conversation_id: UUID, staff: StaffUser, before: datetime | None, live: bool
    ) -> dict[str, Any]:
        """What the conversation's page shows; the look is recorded, and what is not for the reader left out."""
        now = tools.clock.now()
        talk = await found(session, conversation_id, staff)
        allowed = await read_conversation(
            session,
            conversation_id=talk.id,
            contact_id=talk.contact.id,
            patient_id=None,
            staff_id=staff.id,
            now=now,
            page="conversation",
            live=live,
        )
        shown = await transcript(session, talk.id, before) if allowed else None
        steps = [line.entry for line in shown.lines if line.entry is not None] if shown else []
        names = await names_of(
            session,
            [
                *(talk.handoff.staff_id, talk.handoff.owner_id, talk.handoff.for_staff),
                *(one.staff_id for one in steps),
                *(one.to_staff for one in steps),
            ],
        )
        if allowed:
            await talks.seen(session, staff.id, talk.id, now)
        return {
            "talk": talk,
            "allowed": allowed,
            "shown": shown,
            "names": names,
            "groups": await groups(session),
            "left": await tools.weigher.left(session, talk.contact, now),
            "speak": tools.speak,
            "on_duty": tools.hours.on_duty(tools.clock.local_naive()),
            "mine": talk.handoff.state == "taken" and talk.handoff.staff_id == staff.id,
            "free": talk.handoff.state != "taken" or talk.passed,
        }

    @router.get("/conversations/{conversation_id}")
    async def one(
        request: Request,
        staff: Nurse,
        conversation_id: UUID,
        before: Annotated[str, Query(max_length=40)] = "",
    ) -> Response:
        async with desk.database.write("desk conversation") as session:
            values = await look(session, conversation_id, staff, _moment(before), False)
            people = await colleagues(session, staff.id)
        return page(
            tools, request, staff, "talk.html", **values, colleagues=people, before=before, **_blank()
        )

    @router.get("/conversations/{conversation_id}/lines")
    async def lines(request: Request, staff: Nurse, conversation_id: UUID) -> Response:
        async with desk.database.write("desk conversation lines") as session:
            values = await look(session, conversation_id, staff, None, True)
        return page(tools, request, staff, "lines.html", **values, before="")

    @router.post("/conversations/{conversation_id}/take")
    async def take(staff: Nurse, conversation_id: UUID) -> Response:
        async with desk.database.write("desk take") as session:
            talk = await found(session, conversation_id, staff)
            done = await answering.take(session, talk, staff_id=staff.id, now=tools.clock.now())
        return _back(conversation_id, "taken" if done else "not_taken")

    @router.post("/conversations/{conversation_id}/weigh")
    async def weigh(request: Request, staff: Nurse, conversation_id: UUID, text: Words = "") -> Response:
        async with desk.database.read("desk weigh") as session:
            talk = await found(session, conversation_id, staff)
            weight = await tools.weigher.weigh(
                session,
                talk.contact,
                text.strip(),
                tools.clock.now(),
                first=talk.handoff.answered_at is None,
            )
        return page(tools, request, staff, "weight.html", weight=weight if text.strip() else None, talk=talk)

    @router.post("/conversations/{conversation_id}/answer")
    async def answer(
        request: Request,
        staff: Nurse,
        conversation_id: UUID,
        key: Key,
        text: Words = "",
        by_phone: bool = False,
    ) -> Response:
        """Sent by the page's script: the compose box comes back, empty, or with the words and what is the matter."""
        now, problem, left_out = tools.clock.now(), "", False
        async with desk.database.write("desk answer") as session:
            talk = await found(session, conversation_id, staff)
            try:
                if by_phone:
                    due = tools.due(TaskKind.CALL, now)
                    await answering.by_phone(
                        session, talk, text, staff_id=staff.id, key=key, now=now, due=due
                    )
                else:
                    await answering.answer(
                        session, talk, text, staff_id=staff.id, key=key, now=now, weigher=tools.weigher
                    )
            except CannotSend as error:
                problem, left_out = words("cannot", error.weight.cannot), True
            except handoff.NotInCharge as error:
                names = await names_of(session, [error.staff_id])
                problem = words(
                    "problems", "elsewhere" if error.staff_id else "not_taken", who=names[error.staff_id]
                )
            except ValueError:
                problem = words("problems", "no_words")
        tools.queued()
        if not problem and "hx-request" not in request.headers:
            return _back(conversation_id, "call" if by_phone else "answered")
        response = page(
            tools,
            request,
            staff,
            "compose.html",
            talk=talk,
            problem=problem,
            offer_call=left_out,
            text=text if problem else "",
            key=key if problem else str(new_id()),
            sent=words("said", "call") if by_phone and not problem else "",
        )
        response.headers["HX-Trigger"] = "desk:conversations"
        return response

    @router.post("/conversations/{conversation_id}/note")
    async def note(staff: Nurse, conversation_id: UUID, text: Note = "") -> Response:
        if not text.strip():
            return _back(conversation_id, "no_words")
        async with desk.database.write("desk note") as session:
            talk = await found(session, conversation_id, staff)
            if talk.hidden:
                raise HTTPException(403)
            now = tools.clock.now()
            entries.enter(session, talk.id, EntryKind.NOTE, at=now, staff_id=staff.id, text=text.strip())
        return _back(conversation_id, "noted")

    @router.post("/conversations/{conversation_id}/pass")
    async def pass_on(
        staff: Nurse, conversation_id: UUID, to: Annotated[str, Form(max_length=60)], text: Note = ""
    ) -> Response:
        kind, _, code = to.partition("|")
        now = tools.clock.now()
        async with desk.database.write("desk pass") as session:
            talk = await found(session, conversation_id, staff)
            whom: dict[str, Any] = {}
            if kind == "staff":
                whom["to_staff"] = next(
                    (one.id for one in await colleagues(session, staff.id) if str(one.id) == code), None
                )
            elif code in await groups(session):
                whom["to_group"] = code
            if not any(whom.values()):
                return _back(conversation_id, "nobody")
            done = await handoff.pass_on(
                session, talk.id, staff_id=staff.id, note=text.strip() or None, now=now, **whom
            )
        return _back(conversation_id, "passed" if done else "not_yours")

    @router.post("/conversations/{conversation_id}/back")
    async def back(staff: Nurse, conversation_id: UUID, summary: Note = "") -> Response:
        async with desk.database.write("desk back") as session:
            talk = await found(session, conversation_id, staff)
            done, told = await answering.give_back(
                session, talk, summary, staff_id=staff.id, now=tools.clock.now()
            )
        tools.queued()
        if not done:
            return _back(conversation_id, "not_yours")
        return back_to(PATH, said="back" if told else "back_untold")


def _blank() -> dict[str, Any]:
    """An empty compose box; its key makes a repeated press of the button say it once."""
    return {"problem": "", "offer_call": False, "text": "", "key": str(new_id()), "sent": ""}


def _back(conversation_id: UUID, said: str) -> Response:
    return back_to(f"{PATH}/{conversation_id}", said=said)


def _moment(text: str) -> datetime | None:
    try:
        moment = datetime.fromisoformat(text) if text else None
    except ValueError:
        return None
    return moment if moment is not None and moment.tzinfo is not None else None
