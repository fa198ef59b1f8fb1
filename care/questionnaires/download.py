"""`/desk/responses/{response_id}/fhir`: a response as a file in FHIR JSON, for the nurse who hands it on."""

from __future__ import annotations

import json
from uuid import UUID

from fastapi import APIRouter, HTTPException
from starlette.responses import Response

from care.access.service import may_see, seen
from care.desk.pages.desk import Desk, Nurse
from care.patients.models import Patient
from care.questionnaires.errors import words
from care.questionnaires.fhir import response_resource
from care.questionnaires.responses import definition_of, get

FHIR_JSON = "application/fhir+json"
"""FHIR R4's media type (http://hl7.org/fhir/R4/http.html#mime-type)."""
PAGE = "responses"


def download_router(desk: Desk) -> APIRouter:
    """The one route. The look is recorded, also where it is refused."""
    router = APIRouter(prefix="/desk/responses", include_in_schema=False)

    @router.get("/{response_id}/fhir")
    async def fhir(staff: Nurse, response_id: UUID) -> Response:
        now = desk.clock.now()
        async with desk.database.write("export response") as session:
            response = await get(session, response_id)
            if response is None or response.patient_id is None:
                raise HTTPException(404, words()("page", "no_response"))
            patient = await session.get_one(Patient, response.patient_id)
            allowed = await may_see(session, staff, patient, now=now)
            await seen(
                session, staff, [patient.id], PAGE, now=now, refused=not allowed, response=str(response_id)
            )
            if allowed:
                resource = response_resource(await definition_of(session, response), response)
        if not allowed:
            raise HTTPException(403, words()("page", "confidential"))
        name = f"questionnaire-response-{response_id}.json"
        headers = {"Content-Disposition": f'attachment; filename="{name}"'}
        return Response(json.dumps(resource, ensure_ascii=False), media_type=FHIR_JSON, headers=headers)

    return router
