"""What staff change on a patient's page: tags, team, who speaks for the patient, silence, language."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Form, Request
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.responses import Response

from care.access import service as access
from care.access.models import TeamRole
from care.gate import silence
from care.patients import service as patients
from care.patients import tags
from care.patients.models import PatientContact, Relation
from care.patients.pages.desk import PatientDesk, Reader, note, record_of, show, words
from web.shell import back_to
from web.signin.models import Role, StaffUser

SPANS = {"day": timedelta(days=1), "week": timedelta(days=7), "month": timedelta(days=30)}
Contacted = Annotated[UUID, Form()]


def add_routes(router: APIRouter, desk: PatientDesk) -> None:
    """The buttons. Each act is a row in the audit trail, in its own transaction."""

    def back(patient_id: UUID, **query: str) -> Response:
        return back_to(f"/desk/patients/{patient_id}", **query)

    @router.post("/{patient_id}/tags")
    async def tag(
        request: Request,
        staff: Reader,
        patient_id: UUID,
        add: Annotated[str, Form(max_length=60)] = "",
        remove: Annotated[str, Form(max_length=60)] = "",
    ) -> Response:
        """The tags' part again, with a way back: the tag itself must not stand in an address."""
        done, wrong, now = "", "", desk.clock.now()
        async with record_of(desk, staff, patient_id, "tag a patient") as (session, patient):
            try:
                if add and await tags.add(session, patient.id, add, by=staff.id, now=now):
                    done = "tagged"
                elif remove and await tags.remove(session, patient.id, remove, by=staff.id, now=now):
                    done = "untagged"
            except ValueError:
                wrong = words("wrong", "tag", most=tags.LONGEST)
            standing = await tags.of(session, patient.id)
            used = await tags.used(session)
        return show(
            desk,
            request,
            "tags.html",
            patient_id=patient.id,
            standing=standing,
            used=used,
            done=done,
            wrong=wrong,
            typed=add if wrong else "",
            changed=" ".join((add or remove).split()),
        )

    @router.post("/{patient_id}/team")
    async def team(
        staff: Reader,
        patient_id: UUID,
        role: Annotated[TeamRole, Form()] = TeamRole.NURSE,
        join: Annotated[UUID | None, Form()] = None,
        leave: Annotated[UUID | None, Form()] = None,
    ) -> Response:
        now = desk.clock.now()
        async with record_of(desk, staff, patient_id, "care team") as (session, patient):
            if join is not None and await _nurse(session, join):
                await access.join_team(session, patient.id, join, role, by=staff.id, now=now)
            if leave is not None:
                await access.leave_team(session, patient.id, leave, by=staff.id, now=now)
            still = await access.may_see(session, staff, patient, now=now)
        return back(patient_id, said="team") if still else back_to("/desk/patients", said="team_left")

    @router.post("/{patient_id}/relation")
    async def relation(
        staff: Reader, patient_id: UUID, contact: Contacted, relation: Annotated[Relation, Form()]
    ) -> Response:
        async with record_of(desk, staff, patient_id, "correct a relation") as (session, patient):
            before = await patients.change_relation(session, patient.id, contact, relation)
            if before is not None and before is not relation:
                note(session, desk, staff, patient.id, "relation_changed", relation=relation.value)
        return back(patient_id, said="relation" if before is not None else "gone")

    @router.post("/{patient_id}/unlink")
    async def unlink(staff: Reader, patient_id: UUID, contact: Contacted) -> Response:
        async with record_of(desk, staff, patient_id, "remove a speaker") as (session, patient):
            gone = await patients.unlink_contact(session, patient.id, contact, at=desk.clock.now())
            if gone:
                note(session, desk, staff, patient.id, "contact_unlinked")
        return back(patient_id, said="unlinked", undo=str(contact)) if gone else back(patient_id, said="gone")

    @router.post("/{patient_id}/relink")
    async def relink(staff: Reader, patient_id: UUID, contact: Contacted) -> Response:
        """Takes back an `unlink`: only a contact that spoke for this patient before, as what it was."""
        async with record_of(desk, staff, patient_id, "take back a removal") as (session, patient):
            before = await patients.last_relation(session, patient.id, contact)
            if before is not None:
                now = desk.clock.now()
                await patients.link_contact(session, patient.id, contact, before, at=now)
                note(session, desk, staff, patient.id, "contact_linked")
        return back(patient_id, said="relinked" if before is not None else "gone")

    @router.post("/{patient_id}/mute")
    async def mute(
        staff: Reader,
        patient_id: UUID,
        contact: Contacted,
        span: Annotated[Literal["day", "week", "month", "off"], Form()],
    ) -> Response:
        now = desk.clock.now()
        async with record_of(desk, staff, patient_id, "mute a contact") as (session, patient):
            known = await _speaks(session, patient.id, contact)
            if known:
                until = now + SPANS[span] if span in SPANS else None
                await silence.mute(session, contact, until, now=now)
                note(session, desk, staff, patient.id, "unmuted" if until is None else "muted")
        return back(patient_id, said=("unmuted" if span == "off" else "muted") if known else "gone")

    @router.post("/{patient_id}/language")
    async def language(
        staff: Reader, patient_id: UUID, language: Annotated[Literal["zh", "en"], Form()]
    ) -> Response:
        async with record_of(desk, staff, patient_id, "a patient's language") as (session, patient):
            patient.language = None if language == "zh" else language
            note(session, desk, staff, patient.id, "language_changed")
        return back(patient_id, said="language")

    @router.post("/{patient_id}/confidential")
    async def confidential(
        staff: Reader, patient_id: UUID, on: Annotated[Literal["on", "off"], Form()]
    ) -> Response:
        """Whoever shuts a record stays in charge of it, or it would shut behind them."""
        now = desk.clock.now()
        async with record_of(desk, staff, patient_id, "confidential") as (session, patient):
            patients.set_confidential(session, patient, on == "on", by=staff.id, at=now)
            await session.flush()
            if not await access.may_see(session, staff, patient, now=now):
                role = TeamRole.DOCTOR if Role.DOCTOR in staff.roles else TeamRole.NURSE
                await access.join_team(session, patient.id, staff.id, role, by=staff.id, now=now)
        return back(patient_id, said=f"confidential_{on}")


async def _speaks(session: AsyncSession, patient_id: UUID, contact_id: UUID) -> bool:
    link = select(PatientContact.id).where(
        PatientContact.patient_id == patient_id, PatientContact.contact_id == contact_id
    )
    return await session.scalar(link) is not None


async def _nurse(session: AsyncSession, staff_id: UUID) -> bool:
    """Only who cares for people is put on a team."""
    found = await session.get(StaffUser, staff_id)
    return found is not None and found.active and bool({Role.NURSE, Role.DOCTOR} & set(found.roles))
