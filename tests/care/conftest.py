"""A small hospital for the tests of this room: two departments, three doctors, a few patients."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, time
from uuid import UUID

import pytest
from sqlalchemy.ext.asyncio import AsyncSession

from care.appointments.models import Schedule
from care.appointments.slots import generate_slots
from care.hospital.models import HealthcareService, Location, Practitioner
from care.patients import service as patients
from care.patients.service import PatientData
from store.clock import VirtualClock
from store.database import Database


@dataclass(frozen=True, slots=True)
class World:
    """Ids of the small hospital's rows.

    Doctors: Tuesday morning (eye), Tuesday afternoon (eye), Tuesday morning (men).
    """

    eye: UUID
    men: UUID
    li: UUID
    zhao: UUID
    qian: UUID
    wang: UUID
    lijing: UUID
    zhang: UUID
    child: UUID


PEOPLE = {
    "wang": PatientData(
        "D0000001", "王秀兰", "female", date(1964, 3, 12), "19900000001", "990100196403120024"
    ),
    "lijing": PatientData(
        "D0000002", "李静", "female", date(1990, 7, 21), "19900000002", "990100199007210046"
    ),
    "zhang": PatientData("D0000003", "张伟", "male", date(1981, 11, 2), "19900000003"),
    "child": PatientData("D0000007", "赵小满", "male", date(2022, 5, 1), "19900000006"),
}


async def build(session: AsyncSession, clock: VirtualClock, *, slots: bool = True) -> World:
    """`slots` False: they come from elsewhere."""
    now = clock.now()
    place = Location(building="门诊楼", floor=3, area="东", place="门诊楼3层东", campus="")
    session.add(place)
    await session.flush()
    eye = _department(place.id, "eye", "眼科", ["眼科门诊"], 0)
    men = _department(place.id, "men", "男科", [], 1, sensitive=True, sex="male", min_age=14)
    session.add_all([eye, men])
    await session.flush()
    li = _doctor(eye.id, "Y1", "李敏", "副主任医师")
    zhao = _doctor(eye.id, "Y2", "赵强", "主治医师")
    qian = _doctor(men.id, "Y3", "钱进", "主任医师")
    session.add_all([li, zhao, qian])
    await session.flush()
    session.add_all(
        [
            _schedule(li, "morning", time(9, 0), time(10, 0), 1800),
            _schedule(zhao, "afternoon", time(14, 0), time(15, 0), 800),
            _schedule(qian, "morning", time(9, 0), time(9, 30), 2800),
        ]
    )
    ids = {key: (await patients.create(session, data, now)).id for key, data in PEOPLE.items()}
    await session.flush()
    if slots:
        await generate_slots(session, clock, days=7)
    return World(eye=eye.id, men=men.id, li=li.id, zhao=zhao.id, qian=qian.id, **ids)


def _department(
    location_id: UUID,
    code: str,
    name: str,
    aliases: list[str],
    position: int,
    *,
    sensitive: bool = False,
    sex: str | None = None,
    min_age: int | None = None,
) -> HealthcareService:
    return HealthcareService(
        code=code,
        name=name,
        standard=name,
        aliases=aliases,
        kind="clinic",
        location_id=location_id,
        room="301",
        place="门诊楼3层东",
        phone_ext="8307",
        sensitive=sensitive,
        sex=sex,
        min_age=min_age,
        position=position,
        active=True,
    )


def _doctor(department_id: UUID, code: str, name: str, title: str) -> Practitioner:
    return Practitioner(
        code=code, name=name, title=title, aliases=[], department_id=department_id, active=True
    )


def _schedule(doctor: Practitioner, part: str, starts: time, ends: time, fee_fen: int) -> Schedule:
    """Tuesdays, ten-minute slots, one place each."""
    return Schedule(
        practitioner_id=doctor.id,
        department_id=doctor.department_id,
        weekday=1,
        part=part,
        starts=starts,
        ends=ends,
        slot_minutes=10,
        capacity=1,
        fee_fen=fee_fen,
        active=True,
    )


@pytest.fixture
async def world(database: Database, clock: VirtualClock) -> World:
    async with database.write("build the test hospital") as session:
        return await build(session, clock)
