"""`/desk/patients/{id}`: one patient, with the timeline; its parts that are asked for by themselves."""

from __future__ import annotations

from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Form, Query, Request
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.responses import Response

from care.access import service as access
from care.access.models import TeamRole
from care.patients.models import Patient, Relation
from care.patients.pages.desk import PAGE, PatientDesk, Reader, note, record_of, show, words
from care.patients.pages.person import number, person_of, speakers, who_of
from care.patients.pages.why import would
from care.timeline import service as timeline
from care.timeline.ports import Who
from care.timeline.service import Page
from care.timeline.trends import trends
from care.timeline.words import words as timeline_words
from channels.ops.shown import OpsWords
from web.signin import staffing
from web.signin.access import may
from web.signin.models import Role, StaffUser

AUDITORS = (Role.AUDITOR,)
PRINTED = 200
"""Lines of the timeline on paper."""
Kind = Annotated[str, Query(max_length=20)]


def add_routes(router: APIRouter, desk: PatientDesk) -> None:
    """The page and its parts."""
    ops = OpsWords()

    async def lines(
        session: AsyncSession, who: Who, kind: str, after: str, limit: int = timeline.PAGE
    ) -> dict[str, Any]:
        known = [kind] if kind in timeline_words.known("kinds") else []
        found: Page = await timeline.page(session, desk.sources, who, kinds=known, after=after, limit=limit)
        by = await staffing.names(session, {one.entry.by for one in found.lines})
        told = {one.kind for one in desk.sources}
        return {
            "page": found,
            "by": by,
            "kind": known[0] if known else "",
            "kinds": [(code, said) for code, said in timeline_words.known("kinds").items() if code in told],
            "kind_said": timeline_words.known("kinds"),
        }

    async def whole(
        request: Request, staff: StaffUser, patient_id: UUID, template: str, kind: str, limit: int
    ) -> Response:
        async with record_of(desk, staff, patient_id, "a patient's record") as (session, patient):
            person = await person_of(session, patient, staff, desk.clock)
            who = who_of(patient, person.speakers)
            values = await lines(session, who, kind, "", limit)
            series = await trends(session, patient.id)
            members = {one.staff_id for one, _ in person.team}
            everybody = await staffing.everybody(session, state="on")
            await seen(session, staff, patient, "record")
        return show(
            desk,
            request,
            template,
            patient=patient,
            person=person,
            series=series,
            colleagues=[
                (str(one.id), one.display_name)
                for one in everybody
                if one.id not in members and {Role.NURSE, Role.DOCTOR} & set(one.roles)
            ],
            on_team=staff.id in members,
            team_roles=list(TeamRole),
            relations=list(Relation),
            ops=ops,
            may_audit=may(staff, AUDITORS),
            undo=request.query_params.get("undo", ""),
            **values,
        )

    async def seen(
        session: AsyncSession, staff: StaffUser, patient: Patient, part: str, *, live: bool = False
    ) -> None:
        await access.seen(session, staff, [patient.id], PAGE, now=desk.clock.now(), live=live, part=part)

    @router.get("/{patient_id}")
    async def record(request: Request, staff: Reader, patient_id: UUID, kind: Kind = "") -> Response:
        return await whole(request, staff, patient_id, "record.html", kind, timeline.PAGE)

    @router.get("/{patient_id}/print")
    async def printed(request: Request, staff: Reader, patient_id: UUID, kind: Kind = "") -> Response:
        return await whole(request, staff, patient_id, "print.html", kind, PRINTED)

    @router.get("/{patient_id}/timeline")
    async def more(
        request: Request,
        staff: Reader,
        patient_id: UUID,
        kind: Kind = "",
        after: Annotated[str, Query(max_length=120)] = "",
    ) -> Response:
        """Filtered, or the lines below; recorded once in ten minutes beside the page itself."""
        async with record_of(desk, staff, patient_id, "a patient's timeline") as (session, patient):
            who = who_of(patient, await speakers(session, patient, staff, desk.clock))
            values = await lines(session, who, kind, after)
            await seen(session, staff, patient, "timeline", live=True)
        template = "lines.html" if after else "timeline.html"
        return show(desk, request, template, patient=patient, ops=ops, **values)

    @router.get("/{patient_id}/why")
    async def why(request: Request, staff: Reader, patient_id: UUID) -> Response:
        async with record_of(desk, staff, patient_id, "why nothing is sent") as (session, patient):
            found = await speakers(session, patient, staff, desk.clock)
            told = await would(session, desk.gate, patient, found, desk.clock.now())
            await seen(session, staff, patient, "why", live=True)
        return show(desk, request, "why.html", patient=patient, told=told, ops=ops)

    @router.post("/{patient_id}/reveal")
    async def reveal(
        request: Request,
        staff: Reader,
        patient_id: UUID,
        field: Annotated[Literal["phone", "id_number", "record_number", "birth_date"], Form()],
    ) -> Response:
        """One number in full; by POST, since it is an act that is kept: which one and whose."""
        async with record_of(desk, staff, patient_id, "reveal a number") as (session, patient):
            await seen(session, staff, patient, "number")
            note(session, desk, staff, patient.id, "reveal", field=field)
            value = number(patient, field)
        return show(desk, request, "revealed.html", value=value or words("wrong", "not_known"))
