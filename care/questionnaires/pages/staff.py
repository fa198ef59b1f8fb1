"""What the desk's pages about questionnaires share: their parts, words, and the way to one response."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import NoReturn
from uuid import UUID

from fastapi import HTTPException, Request
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.responses import Response

from care.access import service as access
from care.desk.pages.desk import Desk
from care.desk.pages.desk import show as show_on_desk
from care.patients import service as patients
from care.patients.models import Patient
from care.questionnaires.models import QuestionnaireResponse
from care.questionnaires.pages.public import TEMPLATES
from web.shell import add_templates, back_to
from web.signin.models import StaffUser
from web.words import Words

add_templates("questionnaires", TEMPLATES)
words = Words(Path(__file__).parents[3] / "data" / "seed" / "questionnaire_desk_words.yml")
HOME = "/desk/questionnaires"
PAGE = "questionnaires"
"""The code of these pages in the audit trail."""


@dataclass(frozen=True, slots=True)
class QuestionnaireDesk(Desk):
    """`site`: our public address; `sms_account`: by which codes go; the rest as in the settings."""

    hospital: str
    landline: str
    site: str
    sms_account: str
    link_lasts: timedelta
    code_lasts: timedelta


@dataclass(frozen=True, slots=True)
class Case:
    """A response the member of staff may see, and whose it is."""

    session: AsyncSession
    response: QuestionnaireResponse
    patient: Patient


def show(
    desk: QuestionnaireDesk, request: Request, template: str, status: int = 200, **values: object
) -> Response:
    """`questionnaires/<template>` inside the desk's shell."""
    said = words.known("said").get(request.query_params.get("said", ""), "")
    return show_on_desk(
        desk, request, f"questionnaires/{template}", status, **{"words": words, "said": said, **values}
    )


def back(response_id: UUID | None = None, said: str = "") -> Response:
    where = HOME if response_id is None else f"{HOME}/{response_id}"
    return back_to(where, said=said) if said else back_to(where)


@asynccontextmanager
async def case_of(
    desk: QuestionnaireDesk, staff: StaffUser, response_id: UUID, doing: str
) -> AsyncIterator[Case]:
    """A transaction around one response; that it was looked at is recorded.

    404 for none (or one of nobody known); 403 for a confidential patient of other people's, and that it was asked for is kept.
    """
    now, refused = desk.clock.now(), False
    async with desk.database.write(doing) as session:
        response = await session.get(QuestionnaireResponse, response_id)
        patient = (
            await patients.get(session, response.patient_id)
            if response is not None and response.patient_id is not None
            else None
        )
        if response is None or patient is None:
            _nobody()
        if await access.may_see(session, staff, patient, now=now):
            await access.seen(session, staff, [patient.id], PAGE, now=now, live=True)
            yield Case(session, response, patient)
        else:
            await access.seen(session, staff, [patient.id], PAGE, now=now, refused=True)
            refused = True
    if refused:
        raise HTTPException(403, words("wrong", "confidential"))


def _nobody() -> NoReturn:
    raise HTTPException(404, words("wrong", "nobody"))
