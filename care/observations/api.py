"""`POST /api/fhir/Observation`: FHIR R4, one resource a request, a device's token as bearer.

Answers are FHIR's: 201 and the id, 200 where it was known, an OperationOutcome for anything else
(http://hl7.org/fhir/R4/http.html#create).
"""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from typing import Any

from fastapi import APIRouter, Request
from sqlalchemy.exc import IntegrityError
from starlette.responses import JSONResponse, Response

from care.observations import devices, service, telling
from care.observations.measures import words
from care.observations.models import ObservationDevice
from care.observations.reading import ObservationError, Sent, read
from care.observations.service import Recorded
from channels.body import read_limited
from store.clock import Clock
from store.database import Database
from web.limits import Limits
from web.signin.cookies import address_of

BODY_MOST = 65_536
BODY_WAIT = 10.0
MEDIA = "application/fhir+json"
PER_DEVICE, MISSES = "600/minute", "30/minute"


@dataclass(frozen=True, slots=True)
class ObservationDesk:
    """What the server hands in."""

    database: Database
    clock: Clock
    limits: Limits


def observations_router(desk: ObservationDesk) -> APIRouter:
    """The one route. No cookie is looked at, so there is nothing to forge from another site."""
    router = APIRouter(prefix="/api/fhir", include_in_schema=False)

    @router.post("/Observation")
    async def create(request: Request) -> Response:
        try:
            return await _create(desk, request)
        except ObservationError as error:
            return _outcome(error)

    return router


async def _create(desk: ObservationDesk, request: Request) -> Response:
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    async with desk.database.read("observation device") as session:
        device = await devices.of_token(session, token.strip()) if scheme.lower() == "bearer" else None
    if device is None:
        if not await desk.limits.allow(MISSES, "observations", "miss", address_of(request)):
            raise ObservationError("often", issue="throttled", status=429)
        raise ObservationError("token", issue="login", status=401)
    if not await desk.limits.allow(PER_DEVICE, "observations", "device", device.id.hex):
        raise ObservationError("often", issue="throttled", status=429)
    raw = await _json(request)
    # The first resource of a process loads FHIR's definitions: half a second.
    sent = await asyncio.to_thread(read, raw, desk.clock.now())
    try:
        recorded = await _record(desk, device, sent)
    except IntegrityError:  # the same resource came twice at once: now it is known
        recorded = await _record(desk, device, sent)
    body = {"resourceType": "Observation", "id": str(recorded.panel_id)}
    headers = {"Location": f"/api/fhir/Observation/{recorded.panel_id}"}
    return JSONResponse(body, 201 if recorded.new else 200, headers, media_type=MEDIA)


async def _record(desk: ObservationDesk, device: ObservationDevice, sent: Sent) -> Recorded:
    async with desk.database.write("observation") as session:
        now = desk.clock.now()
        recorded = await service.record(session, device, sent, now)
        await telling.tell(session, recorded.patient_id, recorded.raised, now)
    return recorded


async def _json(request: Request) -> Any:
    try:
        async with asyncio.timeout(BODY_WAIT):
            body = await read_limited(request, BODY_MOST)
    except TimeoutError:
        raise ObservationError("not_json", issue="timeout", status=408) from None
    if body is None:
        raise ObservationError("too_large", issue="too-long", status=413, most=BODY_MOST)
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        raise ObservationError("not_json", issue="structure", status=400) from None


def _outcome(error: ObservationError) -> Response:
    issue: dict[str, Any] = {
        "severity": "error",
        "code": error.issue,
        "diagnostics": words("errors", error.code, **error.values),
    }
    if error.where:
        issue["expression"] = [error.where]
    headers = {"WWW-Authenticate": "Bearer"} if error.status == 401 else {}
    body = {"resourceType": "OperationOutcome", "issue": [issue]}
    return JSONResponse(body, error.status, headers, media_type=MEDIA)
