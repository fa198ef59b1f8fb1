"""Readings by FHIR: kept once, converted, refused with what to do; alerts, and what the patient hears."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import func, select

from care.alerts.models import Alert
from care.observations import devices, service
from care.observations.models import Observation, ObservationDevice
from care.patients import service as patients
from care.patients.models import Relation
from channels.outbox.models import OutboundMessage
from store.clock import VirtualClock
from store.database import Database
from store.events import PatientEvent
from tests.care.conftest import World
from tests.care.observations.ground import Way, agree, concept, open_way, pressure, quantity, resource
from tests.factories.messages import conversation

GLUCOSE, SYSTOLIC, WEIGHT = "15074-8", "8480-6", "29463-7"


@pytest.fixture
async def way(database: Database, clock: VirtualClock, world: World) -> AsyncIterator[Way]:
    await agree(database, clock, world.wang)
    async with open_way(database, clock, world.wang) as opened:
        yield opened


async def rows(database: Database, table: Any = Observation) -> list[Any]:
    async with database.read("rows") as session:
        return list(await session.scalars(select(table)))


async def test_a_pressure_is_two_rows_and_sent_twice_is_one(
    way: Way, database: Database, clock: VirtualClock, world: World
) -> None:
    body = pressure(clock.now(), 128, 82)
    (first, made), (again, known) = await way.send(body), await way.send(body)
    assert (first, again, made["id"]) == (201, 200, known["id"])
    kept = await rows(database)
    assert {(row.code, row.value, row.unit) for row in kept} == {
        ("8480-6", 128, "mm[Hg]"),
        ("8462-4", 82, "mm[Hg]"),
    }
    assert {(row.patient_id, str(row.panel_id), row.source) for row in kept} == {
        (world.wang, made["id"], "device")
    }
    [event] = [one for one in await rows(database, PatientEvent) if one.kind == "observation.recorded"]
    assert event.data["codes"] == ["8462-4", "8480-6"]
    assert await rows(database, Alert) == []


async def test_the_same_at_the_same_moment_is_one(way: Way, database: Database, clock: VirtualClock) -> None:
    body = pressure(clock.now(), 190, 100)
    answers = await asyncio.gather(*(way.send(body) for _ in range(6)))
    assert sorted(status for status, _ in answers) == [200] * 5 + [201]
    assert len(await rows(database)) == 2
    assert len(await rows(database, Alert)) == 1


async def test_units_are_converted_and_codes_brought_together(
    way: Way, database: Database, clock: VirtualClock, world: World
) -> None:
    now = clock.now()
    for minutes, sent in enumerate(
        (
            (resource, "2339-0", 126, "mg/dL"),
            (resource, "14743-9", 7.0, "mmol/L"),
            (resource, "8310-5", 98.6, "[degF]"),
            (resource, "2708-6", 97, "%"),
            (resource, "29463-7", 70500, "g"),
        )
    ):
        make, code, value, unit = sent
        status, body = await way.send(make(now - timedelta(minutes=9 - minutes), code, value, unit))
        assert status == 201, body
    kept = {(row.code, row.value, row.unit) for row in await rows(database)}
    assert kept == {
        (GLUCOSE, 6.99, "mmol/L"),
        (GLUCOSE, 7.0, "mmol/L"),
        ("8310-5", 37.0, "Cel"),
        ("59408-5", 97, "%"),
        (WEIGHT, 70.5, "kg"),
    }
    async with database.read("series") as session:
        found = await service.series(session, world.wang, GLUCOSE, 10)
        assert [value for _, value in found] == [6.99, 7.0]
        assert await service.series(session, world.wang, GLUCOSE, 1) == found[1:]
        assert await service.measured(session, world.wang) == [GLUCOSE, WEIGHT, "59408-5", "8310-5"]


@pytest.mark.parametrize(
    ("change", "status", "issue", "words"),
    [
        ({"status": "preliminary"}, 422, "value", "status"),
        ({"identifier": []}, 422, "required", "identifier"),
        ({"effectiveDateTime": "2026-11-22"}, 422, "required", "带时区"),
        ({"effectiveDateTime": "2026-11-25T08:00:00+08:00"}, 422, "value", "将来"),
        ({"code": concept("1234-5")}, 422, "code-invalid", "1234-5"),
        ({"valueQuantity": quantity(7, "cups")}, 422, "value", "mmol/L mg/dL"),
        ({"valueQuantity": quantity(700, "mmol/L")}, 422, "value", "可信范围"),
        ({"valueQuantity": None, "valueString": "high"}, 422, "required", "valueQuantity"),
        ({"effectiveDateTime": "yesterday"}, 422, "invalid", "effectiveDateTime"),
        ({"resourceType": "Patient"}, 422, "invalid", "Observation"),
        ({"subject": {"identifier": {"value": "D0000002"}}}, 404, "not-found", "不允许"),
        ({"identifier": [{"value": "\ud800"}]}, 422, "invalid", ""),
        ({"code": 7}, 422, "invalid", "code"),
    ],
)
async def test_what_is_wrong_is_said_and_nothing_kept(
    way: Way,
    database: Database,
    clock: VirtualClock,
    change: dict[str, Any],
    status: int,
    issue: str,
    words: str,
) -> None:
    body = {**resource(clock.now(), GLUCOSE, 7, "mmol/L"), **change}
    found, outcome = await way.send({name: value for name, value in body.items() if value is not None})
    assert (found, outcome["resourceType"]) == (status, "OperationOutcome")
    [told] = outcome["issue"]
    assert told["code"] == issue or not words
    assert words in told["diagnostics"]
    assert await rows(database) == []


async def test_no_token_a_revoked_one_and_no_consent(
    way: Way, database: Database, clock: VirtualClock, world: World
) -> None:
    body = resource(clock.now(), GLUCOSE, 7, "mmol/L")
    assert (await way.send(body, token="x" * 40))[0] == 401
    await agree(database, clock, world.wang, granted=False)
    assert (await way.send(body))[0] == 403
    [device] = await rows(database, ObservationDevice)
    assert way.token not in device.token_hash
    async with database.write("revoke") as session:
        assert await devices.revoke(session, device.id, clock.now())
        assert not await devices.revoke(session, device.id, clock.now())
    status, outcome = await way.send(body)
    assert (status, outcome["issue"][0]["code"]) == (401, "login")
    assert await rows(database) == []


async def test_a_gateway_names_the_patient(database: Database, clock: VirtualClock, world: World) -> None:
    await agree(database, clock, world.zhang)
    await agree(database, clock, world.wang)
    async with open_way(database, clock, None) as gateway:
        body = resource(clock.now(), GLUCOSE, 7, "mmol/L")
        assert (await gateway.send(body))[1]["issue"][0]["code"] == "required"
        whose = {"subject": {"identifier": {"system": "urn:hospital", "value": "d0000003"}}}
        assert (await gateway.send({**body, **whose}))[0] == 201
        theirs = {"subject": {"reference": f"Patient/{world.wang}"}}
        assert (await gateway.send({**body, **theirs}))[0] == 409
    assert {row.patient_id for row in await rows(database)} == {world.zhang}


async def test_corrected_and_taken_back(
    way: Way, database: Database, clock: VirtualClock, world: World
) -> None:
    body = resource(clock.now(), GLUCOSE, 7, "mmol/L")
    await way.send(body)
    corrected = {**body, "status": "corrected", "valueQuantity": quantity(9, "mmol/L")}
    assert (await way.send(corrected))[0] == 200
    assert [row.value for row in await rows(database)] == [9]
    await way.send({**body, "status": "entered-in-error"})
    async with database.read("series") as session:
        assert await service.series(session, world.wang, GLUCOSE, 5) == []


async def test_a_critical_reading_rings_once_and_the_patient_hears_it(
    way: Way, database: Database, clock: VirtualClock, world: World
) -> None:
    contact, _ = await conversation(database, clock)
    async with database.write("bind") as session:
        await patients.link_contact(session, world.wang, contact.id, Relation.SELF, at=clock.now())
    await way.send(pressure(clock.now(), 186, 96))
    clock.advance(timedelta(minutes=5))
    await way.send(pressure(clock.now(), 190, 98))
    [alert] = await rows(database, Alert)
    assert (alert.rule, alert.severity, alert.source, alert.patient_id) == (
        "blood-pressure-critical",
        "urgent",
        "observation",
        world.wang,
    )
    assert "186" in alert.text
    [message] = await rows(database, OutboundMessage)
    assert (message.reply["key"], message.patient_id, message.contact_id) == (
        "flag.reading",
        world.wang,
        contact.id,
    )
    clock.advance(timedelta(hours=7))
    await way.send(pressure(clock.now(), 188, 98))
    async with database.read("alerts") as session:
        critical = select(func.count()).where(Alert.rule == "blood-pressure-critical")
        assert await session.scalar(critical) == 2
