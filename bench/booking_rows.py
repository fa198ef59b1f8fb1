"""A hospital to book in: doctors with slots ahead, patients, and the tables' own columns for the bare baseline."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import insert

from care.appointments.models import Schedule, Slot
from care.hospital.models import HealthcareService, Location, Practitioner
from care.patients import service as patients
from care.patients.models import Patient
from care.patients.service import PatientData
from store.database import Database
from store.ids import new_id

NOW = datetime(2026, 11, 22, 1, 0, tzinfo=UTC)
FIRST = date(2026, 11, 23)
MORNING = ((time(1, 0), "morning"), (time(6, 0), "afternoon"))
"""When half-days begin, in UTC: 9:00 and 14:00 in Shanghai."""


async def hospital(database: Database, departments: int) -> list[UUID]:
    """Departments open to everybody; their ids."""
    place = {"id": new_id(), "campus": "", "building": "门诊楼", "floor": 2, "area": "", "place": "门诊楼2层"}
    rows = [
        {
            "id": new_id(), "code": f"d{n}", "name": f"第{n}门诊", "standard": "眼科", "aliases": [], "kind": "clinic",
            "location_id": place["id"], "room": "", "place": "门诊楼2层", "phone_ext": "", "sensitive": False, "intro": "",
            "position": n, "active": True, "preparation": "",
        }
        for n in range(departments)
    ]  # fmt: skip
    async with database.write("bench-hospital") as session:
        await session.execute(insert(Location), [place])
        await session.execute(insert(HealthcareService), rows)
    return [row["id"] for row in rows]


async def clinics(
    database: Database,
    department_ids: list[UUID],
    *,
    doctors: int,
    days: int,
    a_half_day: int,
    capacity: int,
    named: str = "B",
) -> list[UUID]:
    """`doctors` with `a_half_day` slots every morning and afternoon of `days` days; the slots' ids, by time."""
    people, weekly, made = [], [], []
    for n in range(doctors):
        department = department_ids[n % len(department_ids)]
        doctor = {"id": new_id(), "code": f"{named}{n:05d}", "name": f"医生{n}", "title": "主治医师", "aliases": [],
                  "department_id": department, "active": True}  # fmt: skip
        schedule = {"id": new_id(), "practitioner_id": doctor["id"], "department_id": department, "weekday": 0, "part": "morning",
                    "starts": time(9), "ends": time(12), "slot_minutes": 10, "capacity": capacity, "fee_fen": 1800,
                    "active": True}  # fmt: skip
        people.append(doctor)
        weekly.append(schedule)
        for offset in range(days):
            day = FIRST + timedelta(days=offset)
            made += [
                _slot(schedule, day, part, begins, k, capacity)
                for begins, part in MORNING
                for k in range(a_half_day)
            ]
    async with database.write("bench-clinics") as session:
        await session.execute(insert(Practitioner), people)
        await session.execute(insert(Schedule), weekly)
        for first in range(0, len(made), 5_000):
            await session.execute(insert(Slot.__table__), made[first : first + 5_000])
    return [row["id"] for row in sorted(made, key=lambda row: row["start"])]


def _slot(
    schedule: dict[str, Any], day: date, part: str, begins: time, k: int, capacity: int
) -> dict[str, Any]:
    start = datetime.combine(day, begins, UTC) + timedelta(minutes=10 * k)
    return {
        "id": new_id(), "schedule_id": schedule["id"], "practitioner_id": schedule["practitioner_id"],
        "department_id": schedule["department_id"], "start": start, "end": start + timedelta(minutes=10), "day": day, "part": part,
        "capacity": capacity, "taken": 0, "fee_fen": 1800, "status": "free", "kind": "general", "overbook": 0,
    }  # fmt: skip


async def people(database: Database, count: int, first: int = 0) -> list[UUID]:
    """Patients with sealed names and dates of birth, as real ones have."""
    rows = [
        patients.build(PatientData(f"B{n:07d}", "王小明", "male", date(1980, 5, 1), f"199{n:08d}"), NOW)
        for n in range(first, first + count)
    ]
    columns = [one.key for one in Patient.__mapper__.columns]
    values = [{name: getattr(row, name) for name in columns} for row in rows]
    async with database.write("bench-patients") as session:
        for start in range(0, len(values), 1_000):
            await session.execute(insert(Patient), values[start : start + 1_000])
    return [row.id for row in rows]
