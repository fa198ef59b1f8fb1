"""The phone page: a nurse reads each question out and writes down what she hears. The same response as on any channel."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Form, HTTPException, Request
from starlette.responses import Response

from care.alerts.watching import Raised
from care.desk import service as tasks
from care.desk.due import soon
from care.desk.models import TaskKind
from care.desk.pages.desk import Nurse
from care.questionnaires import answering, responses
from care.questionnaires.definition import Item
from care.questionnaires.entrance.models import ResponseCall
from care.questionnaires.outcomes import Accepted, By, NotOpen, Outcome, Overtaken, Position
from care.questionnaires.pages import forms, screens
from care.questionnaires.pages.asking_back import Trouble, trouble_of
from care.questionnaires.pages.public import texts
from care.questionnaires.pages.staff import Case, QuestionnaireDesk, back, case_of, show, words
from care.questionnaires.values import NUMBERS
from store import events
from web.shell import back_to

Ended = Literal["no_answer", "later", "refused", "wrong_number", "elsewhere"]
LATER = timedelta(hours=4)
"""When it is asked for again after "not now"; ours."""


@dataclass(frozen=True, slots=True)
class Script:
    """What the nurse reads out for one question."""

    question: str
    how: str
    why: str


def script_of(item: Item) -> Script:
    """The question as one says it, and how to answer; option numbers are the keys that choose them."""
    options = "；".join(
        words("script", "option", number=number, label=one.label)
        for number, one in enumerate(item.choices, 1)
    )
    if item.type in NUMBERS:
        how = words("script", "unit", unit=item.unit) if item.unit else words("script", "number")
    elif item.choices:
        how = words("script", "several" if item.repeats else "choice", options=options)
    else:
        how = words("script", item.type if item.type in ("boolean", "date") else "text")
    why = words("script", "why", why=item.why) if item.why else ""
    return Script(item.text, how, why)


def _options(item: Item) -> list[tuple[str, str]]:
    """Value and label of each choice, the open one last."""
    found = [(one.code, one.label) for one in item.choices]
    return [*found, (forms.OTHER, words("script", "other"))] if item.type == "open-choice" else found


def add_routes(router: APIRouter, desk: QuestionnaireDesk) -> None:
    """`/desk/questionnaires/{response_id}/phone` and how a call ended."""

    def page(
        request: Request,
        case: Case,
        here: Position,
        *,
        status: int = 200,
        trouble: Trouble | None = None,
        typed: dict[str, screens.Fields] | None = None,
        raised: Sequence[Raised] = (),
    ) -> Response:
        item = here.item
        shown = next(
            (one for one in screens.screens(here, typed) if item and one.item.link_id == item.link_id), None
        )
        left = here.total - here.number + 1 if item else 0
        return show(
            desk,
            request,
            "phone.html",
            status,
            case=case,
            here=here,
            screen=shown,
            script=script_of(item) if item else None,
            trouble=trouble or Trouble(),
            raised=raised,
            revision=case.response.revision,
            lines={
                "opening": words("script", "opening", hospital=desk.hospital, name=case.patient.name),
                "verify": words("script", "verify"),
                "consent": words(
                    "script",
                    "consent",
                    title=here.definition.title,
                    minutes=here.definition.minutes,
                    count=left,
                ),
                "closing": words("script", "closing", landline=desk.landline),
            },
            open=responses.is_open(case.response),
            options=_options,
            outcomes=words.known("outcomes"),
        )

    @router.get("/{response_id}/phone")
    async def ask(request: Request, staff: Nurse, response_id: UUID) -> Response:
        async with case_of(desk, staff, response_id, "phone page") as case:
            here = await answering.position(case.session, case.response)
        if "phone" not in here.definition.channels:
            raise HTTPException(404, words("wrong", "not_by_phone"))
        return page(request, case, here)

    @router.post("/{response_id}/phone")
    async def write_down(request: Request, staff: Nurse, response_id: UUID) -> Response:
        fields = await request.form()
        given = {name: [str(one) for one in fields.getlist(name)] for name in fields}
        posted = forms.posted_form(given)
        now, by = desk.clock.now(), By("phone", staff.id)
        async with case_of(desk, staff, response_id, "phone answer") as case:
            here = await answering.position(case.session, case.response)
            item = here.definition.item(posted.link_id)
            outcome: Outcome = Overtaken(here)
            if item is not None:
                outcome = await answering.answer(
                    case.session,
                    case.response,
                    item.link_id,
                    forms.said_of(item, posted),
                    now=now,
                    by=by,
                    revision=posted.revision,
                )
            if isinstance(outcome, Accepted) and outcome.finished:
                _called(case, staff.id, "completed", desk)
            here = await answering.position(case.session, case.response)
        return answered(request, case, here, outcome, posted)

    def answered(
        request: Request, case: Case, here: Position, outcome: Outcome, posted: forms.Posted
    ) -> Response:
        match outcome:
            case Accepted(raised=raised) if raised:
                return page(request, case, here, raised=raised)
            case Accepted():
                return back_to(f"/desk/questionnaires/{case.response.id}/phone")
            case NotOpen():
                return back(case.response.id, "gone")
            case Overtaken():
                return page(request, case, here, status=409, trouble=Trouble(texts("answer.overtaken")))
        trouble = trouble_of(outcome)
        understood = (trouble.sure,) if trouble.sure is not None else posted.values
        typed = {posted.link_id: (understood, posted.other)}
        return page(request, case, here, status=422, trouble=trouble, typed=typed)

    @router.post("/{response_id}/phone/back")
    async def go_back(staff: Nurse, response_id: UUID) -> Response:
        async with case_of(desk, staff, response_id, "phone back") as case:
            await answering.back(case.session, case.response, now=desk.clock.now())
        return back_to(f"/desk/questionnaires/{response_id}/phone")

    @router.post("/{response_id}/call")
    async def ended(staff: Nurse, response_id: UUID, outcome: Annotated[Ended, Form()]) -> Response:
        """How a call ended that did not end with the last answer."""
        now = desk.clock.now()
        async with case_of(desk, staff, response_id, "a call") as case:
            if not responses.is_open(case.response):
                return back(response_id, "gone")
            _called(case, staff.id, outcome, desk)
            if outcome in ("no_answer", "later"):
                responses.pause(case.response, now=now, until=now + LATER)
            elif outcome == "refused":
                await responses.stop(case.session, case.response, now=now)
            elif outcome == "wrong_number":
                await tasks.open_task(
                    case.session,
                    TaskKind.CORRECTION,
                    dedup_key=f"wrong-number:{case.response.id}",
                    now=now,
                    due_at=soon(TaskKind.CORRECTION, now),
                    patient_id=case.patient.id,
                )
        return back(response_id, outcome)


def _called(case: Case, staff_id: UUID, outcome: str, desk: QuestionnaireDesk) -> None:
    now = desk.clock.now()
    case.session.add(ResponseCall(response_id=case.response.id, staff_id=staff_id, outcome=outcome, at=now))
    events.emit(
        case.session,
        case.patient.id,
        "questionnaire.called",
        now,
        response_id=str(case.response.id),
        questionnaire=case.response.name,
        outcome=outcome,
    )
