"""Who may see whom. One rule for every page that shows a patient, masked or not.

An ordinary patient may be seen by whoever the page is for. A confidential one (VIPs, colleagues, sensitive cases) only by staff in
charge: who holds a conversation of theirs, has an open alert or task of theirs in hand, or is on their care team. The
administrator is no exception. Whoever takes an open alert has it in hand: that is the way in when it burns, and it is recorded.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import ColumnElement, CompoundSelect, Select, delete, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import InstrumentedAttribute

from care.access.models import CareTeamMember, TeamRole
from care.alerts.models import Alert
from care.desk.models import DeskTask, Handoff
from care.patients.models import Patient, PatientContact
from care.rows import add_new
from channels.contacts.models import Conversation
from store import audit
from web.signin.models import StaffUser


async def may_see(session: AsyncSession, staff: StaffUser, patient: Patient, *, now: datetime) -> bool:
    """Whether the member of staff may see this patient's record, now. Record the look with `seen`."""
    return not await hidden(session, staff.id, [patient], now=now)


async def hidden(
    session: AsyncSession, staff_id: UUID, patients: Iterable[Patient], *, now: datetime
) -> frozenset[UUID]:
    """Which of a whole list are not for the member of staff: confidential, and not in their charge."""
    asked = [one.id for one in patients if one.confidential]
    if not asked:
        return frozenset()
    found = await session.scalars(_in_charge(staff_id, asked))
    return frozenset(asked) - set(found)


async def seen(
    session: AsyncSession,
    staff: StaffUser,
    patient_ids: Collection[UUID],
    page: str,
    *,
    now: datetime,
    refused: bool = False,
    live: bool = False,
    **detail: str,
) -> None:
    """Into the audit trail, a row for each: these patients were shown, or (`refused`) asked for in vain.

    `page`: a code of the audit page's words. `live`: a part that refreshes itself; one row in ten minutes is enough.
    `detail`: ids and codes only.
    """
    whom = [audit.subject_of("patient", one) for one in dict.fromkeys(patient_ids)]
    if live and not refused:
        await audit.read_live(session, staff.id, whom, now, page, **detail)
    else:
        audit.read(session, staff.id, whom, now, page, refused=refused, **detail)


def _in_charge(staff_id: UUID, patient_ids: Sequence[UUID]) -> CompoundSelect[UUID]:
    """Those of the patients the member of staff is in charge of, in one statement."""
    links = select(PatientContact.patient_id, PatientContact.contact_id).where(
        PatientContact.patient_id.in_(patient_ids)
    )
    link = links.subquery()

    def by(
        patient: InstrumentedAttribute[UUID | None],
        contact: InstrumentedAttribute[UUID | None],
        *mine: ColumnElement[bool],
    ) -> list[Select[UUID]]:
        """Named in the row, or spoken for by the contact it came from."""
        return [
            select(patient).where(patient.in_(patient_ids), *mine),
            select(link.c.patient_id)
            .join_from(link, patient.class_, contact == link.c.contact_id)
            .where(*mine),
        ]

    held = (Handoff.state == "taken", Handoff.staff_id == staff_id)
    team = select(CareTeamMember.patient_id).where(
        CareTeamMember.staff_id == staff_id, CareTeamMember.patient_id.in_(patient_ids)
    )
    talks = (
        select(link.c.patient_id)
        .join_from(link, Conversation, Conversation.contact_id == link.c.contact_id)
        .join(Handoff, Handoff.conversation_id == Conversation.id)
        .where(*held)
    )
    return team.union(
        talks,
        select(Handoff.patient_id).where(Handoff.patient_id.in_(patient_ids), *held),
        *by(
            DeskTask.patient_id,
            DeskTask.contact_id,
            DeskTask.status == "taken",
            DeskTask.assigned_to == staff_id,
        ),
        *by(
            Alert.patient_id,
            Alert.contact_id,
            Alert.status == "acknowledged",
            Alert.acknowledged_by == staff_id,
        ),
    )


# --- the care team ---


async def join_team(
    session: AsyncSession,
    patient_id: UUID,
    staff_id: UUID,
    role: TeamRole,
    *,
    by: UUID | None,
    now: datetime,
) -> bool:
    """Put a member of staff on the patient's care team. False when already there (the role stays)."""
    row = CareTeamMember(patient_id=patient_id, staff_id=staff_id, role=role, since=now, by=by)
    if not await add_new(session, row):
        return False
    _audit(session, patient_id, staff_id, "team.join", by, now)
    return True


async def leave_team(
    session: AsyncSession, patient_id: UUID, staff_id: UUID, *, by: UUID | None, now: datetime
) -> bool:
    """Take a member off the team. False when they were not on it."""
    gone = await session.execute(
        delete(CareTeamMember)
        .where(CareTeamMember.patient_id == patient_id, CareTeamMember.staff_id == staff_id)
        .returning(CareTeamMember.staff_id)
    )
    if gone.first() is None:
        return False
    _audit(session, patient_id, staff_id, "team.leave", by, now)
    return True


async def team_of(session: AsyncSession, patient_id: UUID) -> Sequence[tuple[CareTeamMember, str]]:
    """The patient's team in the order they joined, with display names."""
    query = (
        select(CareTeamMember, StaffUser.display_name)
        .join(StaffUser, StaffUser.id == CareTeamMember.staff_id)
        .where(CareTeamMember.patient_id == patient_id)
        .order_by(CareTeamMember.since, CareTeamMember.staff_id)
    )
    return [(member, name) for member, name in await session.execute(query)]


def _audit(
    session: AsyncSession, patient_id: UUID, staff_id: UUID, action: str, by: UUID | None, now: datetime
) -> None:
    audit.record(
        session,
        actor=audit.subject_of("staff", by) if by is not None else "system",
        action=action,
        subject=audit.subject_of("patient", patient_id),
        at=now,
        detail={"staff": str(staff_id)},
    )
