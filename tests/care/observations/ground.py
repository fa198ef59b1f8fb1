"""A patient who agreed to follow-up, a device, and the API in front of them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import aiohttp
from fastapi import FastAPI

from care.consents import service as consents
from care.consents.models import Purpose
from care.observations import devices
from care.observations.api import ObservationDesk, observations_router
from store.clock import VirtualClock
from store.database import Database
from tests.channels.simulator.serving import serve
from web.limits import Limits

UCUM = "http://unitsofmeasure.org"


def quantity(value: float, unit: str) -> dict[str, Any]:
    return {"value": value, "unit": unit, "system": UCUM, "code": unit}


def concept(code: str) -> dict[str, Any]:
    return {"coding": [{"system": "http://loinc.org", "code": code}]}


def resource(at: datetime, code: str, value: float, unit: str, **more: Any) -> dict[str, Any]:
    """An Observation of one number, its identifier made of what it says unless given."""
    return {
        "resourceType": "Observation",
        "status": "final",
        "identifier": [{"system": "urn:test", "value": f"{code}-{at.isoformat()}-{value}"}],
        "code": concept(code),
        "effectiveDateTime": at.isoformat(),
        "valueQuantity": quantity(value, unit),
        **more,
    }


def pressure(at: datetime, high: float, low: float, **more: Any) -> dict[str, Any]:
    found = resource(at, "85354-9", high, "mm[Hg]")
    del found["valueQuantity"]
    found["component"] = [
        {"code": concept("8480-6"), "valueQuantity": quantity(high, "mm[Hg]")},
        {"code": concept("8462-4"), "valueQuantity": quantity(low, "mm[Hg]")},
    ]
    return {**found, **more}


@dataclass
class Way:
    """The API, asked with one device's token."""

    http: aiohttp.ClientSession
    token: str

    async def send(self, body: Any, token: str | None = None) -> tuple[int, dict[str, Any]]:
        headers = {"Authorization": f"Bearer {self.token if token is None else token}"}
        async with self.http.post("/api/fhir/Observation", json=body, headers=headers) as answer:
            found: dict[str, Any] = await answer.json()
            return answer.status, found


async def agree(database: Database, clock: VirtualClock, patient_id: UUID, *, granted: bool = True) -> None:
    async with database.write("consent") as session:
        await consents.decide(
            session,
            subject="patient",
            subject_id=patient_id,
            purpose=Purpose.FOLLOW_UP,
            granted=granted,
            text_version="1",
            channel="wechat",
            now=clock.now(),
        )


@asynccontextmanager
async def open_way(database: Database, clock: VirtualClock, patient_id: UUID | None) -> AsyncIterator[Way]:
    async with database.write("a device") as session:
        _, token = await devices.add(session, "血压计", patient_id=patient_id, now=clock.now())
    app = FastAPI()
    app.include_router(observations_router(ObservationDesk(database, clock, Limits())))
    async with serve(app) as url, aiohttp.ClientSession(url) as http:
        yield Way(http, token)
