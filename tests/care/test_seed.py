"""The demo: complete, the same on every run, quick, and nobody real in it."""

from __future__ import annotations

import time
from uuid import NAMESPACE_URL, UUID, uuid5

import phonenumbers
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from care import seed
from care.appointments import service as appointments
from care.appointments import slots
from care.appointments.models import Appointment, Slot
from care.consents import service as consents
from care.consents.models import Purpose
from care.hospital.models import HealthcareService, Practitioner
from care.hospital.seed import demo_id
from care.patients import service as patients
from care.patients.models import Patient, Relation
from store.clock import VirtualClock
from store.database import Database


async def _contact(session: AsyncSession, channel: str, address: str) -> UUID:
    return uuid5(NAMESPACE_URL, f"{channel}:{address}")


async def test_the_demo(database: Database, clock: VirtualClock) -> None:
    began = time.process_time()
    report = await seed.seed_demo(database, clock, _contact)
    took = time.process_time() - began
    assert took < 10, f"seeding took {took:.1f} s of CPU"
    assert (report.departments, report.patients) == (35, 200)
    assert report.slots > 5000
    assert report.appointments > 80
    again = await seed.seed_demo(database, clock, _contact)
    assert again == seed.SeedReport(0, 0, 0, 0), "a second run adds nothing"
    async with database.read() as session:
        await _structure(session)
        await _people(session)
        await _family(session, clock)
        await _places(session, clock)


async def _structure(session: AsyncSession) -> None:
    assert await session.scalar(select(func.count()).select_from(HealthcareService)) == 35
    doctors = (await session.scalars(select(Practitioner))).all()
    assert len(doctors) >= 60
    assert len({doctor.name for doctor in doctors}) == len(doctors)


async def _people(session: AsyncSession) -> None:
    rows = (await session.scalars(select(Patient))).all()
    assert len({row.record_number for row in rows}) == 200
    for row in rows:
        assert row.phone.startswith("+861990000"), "the fictional range"
        assert phonenumbers.is_valid_number(phonenumbers.parse(row.phone))
        assert row.id_number.startswith("990100"), "a region that does not exist"
        assert row.id_number[6:14] == row.birth_date.replace("-", "")
    wang = await patients.get_by_record_number(session, "D0000001")
    assert wang is not None
    assert (wang.name, wang.sex, wang.birth_year) == ("王秀兰", "female", 1964)
    assert [row.display for row in await patients.conditions(session, wang.id)] == ["高血压"]
    assert wang.id == seed.demo_patients()[0].patient_id
    kinds = {event.kind for event in await patients.timeline(session, wang.id)}
    assert {"encounter.finished", "condition.diagnosed", "contact.bound"} <= kinds


async def _family(session: AsyncSession, clock: VirtualClock) -> None:
    daughter = await _contact(session, "wechat", "oBanyiDemo_LiJing_0000000001")
    linked = await patients.patients_of_contact(session, daughter)
    assert [(one.patient.name, one.relation) for one in linked] == [
        ("李静", Relation.SELF),
        ("王秀兰", Relation.MOTHER),
    ]
    father = await _contact(session, "wechat", "oBanyiDemo_ZhaoLei_000000006")
    [_, child] = await patients.patients_of_contact(session, father)
    assert (child.patient.name, patients.age(child.patient, clock.local().date())) == ("赵小满", 4)
    verdict = await consents.allows(
        session, Purpose.EDUCATION, contact_id=daughter, patient_id=linked[1].patient.id
    )
    assert verdict.allowed


async def _places(session: AsyncSession, clock: VirtualClock) -> None:
    chen = await patients.get_by_record_number(session, "D0000004")
    assert chen is not None
    [coming] = await appointments.upcoming(session, [chen.id], now=clock.now())
    assert (coming.department, coming.practitioner) == ("内分泌科", "陈志远")
    eye = demo_id("department", "ophthalmology")
    half_days = await slots.find_half_days(session, now=clock.now(), department_id=eye, limit=9)
    assert {one.first.practitioner for one in half_days} == {"李敏", "赵强"}
    thursday = [one for one in half_days if one.first.day.weekday() == 3]
    assert {one.first.practitioner for one in thursday} == {"李敏"}, "赵强's Thursdays are booked up"
    taken = await session.scalar(select(func.sum(Slot.taken)))
    live = await session.scalar(select(func.count()).select_from(Appointment))
    assert taken == live, "every taken place is somebody's appointment"
