"""Staff read what was said to or by patients: whether they may, and the trail of it."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from care.access import service as access
from care.patients import service as patients
from care.patients.models import Patient
from store import audit


async def read_conversation(
    session: AsyncSession,
    *,
    conversation_id: UUID,
    contact_id: UUID,
    patient_id: UUID | None,
    staff_id: UUID,
    now: datetime,
    page: str,
    live: bool = False,
    **detail: str,
) -> bool:
    """Whether words of this conversation may be shown to the member of staff. Kept either way, for each patient it is about, or
    for the contact where nobody knows a patient.

    What concerns a confidential patient is for whoever has them in charge (`care.access`). `patient_id`: whom the words are
    about, where that is known; otherwise anybody the contact speaks for. `live`: a part that refreshes itself.
    """
    concerned = await _concerned(session, contact_id, patient_id)
    allowed = not await access.hidden(session, staff_id, concerned, now=now)
    whom = [audit.subject_of("patient", one.id) for one in concerned]
    whom = whom or [audit.subject_of("contact", contact_id)]
    detail = {"conversation": str(conversation_id), **detail}
    if live and allowed:
        await audit.read_live(session, staff_id, whom, now, page, **detail)
    else:
        audit.read(session, staff_id, whom, now, page, refused=not allowed, **detail)
    return allowed


async def _concerned(session: AsyncSession, contact_id: UUID, patient_id: UUID | None) -> list[Patient]:
    if patient_id is not None:
        one = await patients.get(session, patient_id)
        return [one] if one is not None else []
    return [linked.patient for linked in await patients.patients_of_contact(session, contact_id)]
