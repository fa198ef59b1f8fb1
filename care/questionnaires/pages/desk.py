"""`/desk/questionnaires`: what is open, under way and done today; assigning, sending, withdrawing."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Depends, Form, Request
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.responses import Response

from care.access import service as access
from care.alerts.models import Alert
from care.desk.pages.desk import Nurse
from care.patients import service as patients
from care.patients.models import PatientStatus
from care.questionnaires import publishing, responses
from care.questionnaires.definition import asked
from care.questionnaires.entrance import proof
from care.questionnaires.entrance.models import ResponseCall
from care.questionnaires.pages import phone, screens, sending
from care.questionnaires.pages.lists import lists, scores_of
from care.questionnaires.pages.staff import HOME, PAGE, QuestionnaireDesk, back, case_of, show, words
from store import audit
from web.security import csrf_protect
from web.signin import staffing
from web.signin.models import StaffUser

Act = Literal["link", "code", "withdraw", "unlock"]


def questionnaires_router(desk: QuestionnaireDesk) -> APIRouter:
    """The pages and their buttons."""
    router = APIRouter(prefix=HOME, include_in_schema=False, dependencies=[Depends(csrf_protect)])

    async def home(
        request: Request, staff: StaffUser, status: int = 200, problem: str = "", number: str = ""
    ) -> Response:
        now = desk.clock.now()
        midnight = desk.clock.local().replace(hour=0, minute=0, second=0, microsecond=0)
        async with desk.database.write("questionnaires") as session:
            found = await lists(session, staff, now, midnight)
            published = [one for one in await publishing.current(session) if one.retired_at is None]
            if found.patients:
                await access.seen(session, staff, found.patients, PAGE, now=now, live=True)
            else:
                audit.read(session, staff.id, [PAGE], now, PAGE)
        return show(
            desk,
            request,
            "desk.html",
            status,
            lists=found,
            published=published,
            problem=problem,
            number=number,
        )

    @router.get("")
    async def overview(request: Request, staff: Nurse) -> Response:
        return await home(request, staff)

    @router.post("/assign")
    async def assign(
        request: Request,
        staff: Nurse,
        number: Annotated[str, Form(max_length=40)] = "",
        name: Annotated[str, Form(max_length=60)] = "",
    ) -> Response:
        """Once a day, patient and questionnaire: two nurses who think of the same do not ask twice."""
        now = desk.clock.now()
        problem, made = "", None
        async with desk.database.write("assign a questionnaire") as session:
            patient = await patients.get_by_record_number(session, number) if number.strip() else None
            if patient is None or patient.status == PatientStatus.DIED:
                problem = words("wrong", "no_patient")
            elif not await access.may_see(session, staff, patient, now=now):
                await access.seen(session, staff, [patient.id], PAGE, now=now, refused=True)
                problem = words("wrong", "confidential")
            elif await publishing.latest(session, name) is None:
                problem = words("wrong", "choose")
            else:
                made = await responses.assign(
                    session,
                    name,
                    patient_id=patient.id,
                    now=now,
                    source="staff",
                    key=f"staff:{name}:{patient.id}:{desk.clock.local():%Y%m%d}",
                )
                await access.seen(session, staff, [patient.id], PAGE, now=now, live=True)
                if made is not None:
                    _note(session, staff, made.id, "questionnaire.assign", now)
        if problem:
            return await home(request, staff, 422, problem, number)
        return back(None, "assigned_before") if made is None else back(made.id, "assigned")

    phone.add_routes(router, desk)

    @router.get("/{response_id}")
    async def one(request: Request, staff: Nurse, response_id: UUID) -> Response:
        async with case_of(desk, staff, response_id, "a response") as case:
            session, response = case.session, case.response
            definition = await responses.definition_of(session, response)
            items = asked(definition, response.answers)
            calls = list(
                await session.scalars(
                    select(ResponseCall)
                    .where(ResponseCall.response_id == response.id)
                    .order_by(ResponseCall.at)
                )
            )
            alerts = list(await session.scalars(select(Alert).where(Alert.response_id == response.id)))
            names = await staffing.said_names(
                session, [one.staff_id for one in calls], somebody="—", system="—"
            )
            values: dict[str, Any] = {
                "case": case,
                "definition": definition,
                "answered": [
                    (item, screens.label_of_value(item, response.answers[item.link_id]))
                    for item in items
                    if item.link_id in response.answers
                ],
                "left": sum(item.link_id not in response.answers for item in items),
                "calls": [(one, names[one.staff_id]) for one in calls],
                "alerts": alerts,
                "scores": scores_of(response),
                "locked": await proof.is_locked(session, response.id),
                "open": responses.is_open(response),
            }
        return show(desk, request, "response.html", **values)

    @router.post("/{response_id}/{act}")
    async def act(staff: Nurse, response_id: UUID, act: Act) -> Response:
        """`link`, `code`, `withdraw`, `unlock`."""
        now, said = desk.clock.now(), "gone"
        async with case_of(desk, staff, response_id, f"a response: {act}") as case:
            session, response = case.session, case.response
            if act == "unlock":
                await proof.open_again(session, response.id)
                said = "unlocked"
            elif responses.is_open(response) and act == "withdraw":
                await responses.stop(session, response, now=now, reason="withdrawn")
                said = "withdrawn"
            elif responses.is_open(response) and act == "link":
                said = "link" if await sending.send_link(session, desk, response, now) else "no_wechat"
            elif responses.is_open(response) and act == "code":
                sent = await sending.send_code(session, desk, response, case.patient, now)
                said = "code" if sent else "no_phone"
            _note(session, staff, response.id, f"questionnaire.{act}", now)
        return back(response_id, said)

    return router


def _note(session: AsyncSession, staff: StaffUser, response_id: UUID, action: str, now: datetime) -> None:
    audit.record(
        session,
        actor=audit.subject_of("staff", staff.id),
        action=action,
        subject=audit.subject_of("questionnaire_response", response_id),
        at=now,
    )
