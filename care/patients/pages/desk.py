"""What the pages about patients share: their parts, their words, and the way to one patient."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Annotated
from uuid import UUID

from fastapi import Depends, HTTPException, Request
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.responses import Response

from care.access import service as access
from care.desk.pages.desk import Desk
from care.desk.pages.desk import show as show_on_desk
from care.patients import service as patients
from care.patients.models import Patient
from care.timeline.ports import TimelineSource
from channels.outbox.ports import SendPolicy
from store import audit
from web.shell import add_templates
from web.signin.models import Role, StaffUser
from web.signin.pages import require
from web.words import Words

HERE = Path(__file__).parents[1]
add_templates("patients", HERE / "templates")
words = Words(Path(__file__).parents[3] / "data" / "seed" / "patient_words.yml")
READERS = (Role.NURSE, Role.DOCTOR)
"""Who sees a patient's whole record: those who care for people. Editors and operators see none of it."""
Reader = Annotated[StaffUser, Depends(require(*READERS))]
PAGE = "patient"
"""The code of these pages in the audit trail."""


@dataclass(frozen=True, slots=True)
class PatientDesk(Desk):
    """`sources` tell the timeline; `gate` says what would become of a message and asks nobody anything."""

    sources: Sequence[TimelineSource]
    gate: SendPolicy

    @property
    def today(self) -> date:
        return self.clock.local().date()


def show(desk: PatientDesk, request: Request, template: str, status: int = 200, **values: object) -> Response:
    """`patients/<template>` inside the desk's shell."""
    said = words.known("said").get(request.query_params.get("said", ""), "")
    return show_on_desk(
        desk, request, f"patients/{template}", status, **{"words": words, "said": said, **values}
    )


@asynccontextmanager
async def record_of(
    desk: PatientDesk, staff: StaffUser, patient_id: UUID, doing: str
) -> AsyncIterator[tuple[AsyncSession, Patient]]:
    """A transaction around one patient the member of staff may see; recording the look is the page's (`access.seen`). Of a merged
    record the one that stands.

    404 for nobody. A confidential patient of other people's: 403, and that it was asked for is kept.
    """
    now = desk.clock.now()
    refused = False
    async with desk.database.write(doing) as session:
        patient = await patients.get(session, await patients.standing_id(session, patient_id))
        if patient is None:
            raise HTTPException(404, words("wrong", "nobody"))
        if await access.may_see(session, staff, patient, now=now):
            yield session, patient
        else:
            await access.seen(session, staff, [patient_id], PAGE, now=now, refused=True)
            refused = True
    if refused:
        raise HTTPException(403, words("wrong", "confidential"))


def note(
    session: AsyncSession, desk: PatientDesk, staff: StaffUser, patient_id: UUID, action: str, **detail: str
) -> None:
    """An act of the member of staff on the patient's record, into the trail."""
    audit.record(
        session,
        actor=audit.subject_of("staff", staff.id),
        action=action,
        subject=audit.subject_of("patient", patient_id),
        at=desk.clock.now(),
        detail={"page": PAGE, **detail},
    )
