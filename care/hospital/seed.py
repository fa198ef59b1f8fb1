"""The demo hospital's departments, places, doctors and weekly clinics, the same on every run."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import time
from typing import Any
from uuid import NAMESPACE_URL, UUID, uuid5

from sqlalchemy.ext.asyncio import AsyncSession

from care.appointments.models import Kind, Schedule
from care.hospital.models import STANDARD_DEPARTMENTS, HealthcareService, Location, Practitioner
from care.hospital.words import load

# Monday to Friday for most, Saturday mornings for a few.
_HALF_DAYS = [(day, part) for day in range(5) for part in ("morning", "afternoon")] + [(5, "morning")]


def demo_id(kind: str, key: str) -> UUID:
    """The id of a demo row: fixed, so that links and scripts survive a new database."""
    return uuid5(NAMESPACE_URL, f"banyi-demo:{kind}:{key}")


async def seed_hospital(session: AsyncSession) -> None:
    """Add locations, departments, doctors and schedules. The caller has seen that they are not there yet."""
    settings = load("hospital")
    chance = random.Random(settings["seed"])
    rows = load("departments")
    locations: dict[str, Location] = {}
    for row in rows:
        place = _place(row)
        locations[place] = Location(
            id=demo_id("location", place),
            campus=settings["campus"],
            building=row["building"],
            floor=row["floor"],
            area=row["area"],
            place=place,
        )
    session.add_all(locations.values())
    await session.flush()
    session.add_all(_department(row, locations, position) for position, row in enumerate(rows))
    await session.flush()
    doctors = list(_doctors(rows, settings, chance))
    session.add_all(doctor for doctor, _ in doctors)
    await session.flush()
    for doctor, clinics in doctors:
        session.add_all(_schedules(doctor, clinics, settings))
    await session.flush()


def _place(row: dict[str, Any]) -> str:
    return f"{row['building']}{row['floor']}层{row['area']}"


def _department(row: dict[str, Any], locations: dict[str, Location], position: int) -> HealthcareService:
    standard = row.get("standard", row["name"])
    if standard not in STANDARD_DEPARTMENTS:
        raise ValueError(f"departments.yml: {row['name']}: {standard} is not a standard name")
    return HealthcareService(
        id=demo_id("department", row["code"]),
        code=row["code"],
        name=row["name"],
        standard=standard,
        aliases=row["aliases"],
        kind=row.get("kind", "clinic"),
        location_id=locations[_place(row)].id,
        room=row["room"],
        place=_place(row),
        phone_ext=row["ext"],
        sensitive=row.get("sensitive", False),
        min_age=row.get("min_age"),
        max_age=row.get("max_age"),
        sex=row.get("sex"),
        position=position,
        active=True,
    )


Clinics = list[tuple[int, str]]


def _doctors(
    rows: list[dict[str, Any]], settings: dict[str, Any], chance: random.Random
) -> Iterator[tuple[Practitioner, Clinics]]:
    names = load("names")
    fixed = load("practitioners")
    used = {row["name"] for row in fixed}
    titles = {entry["title"]: entry for entry in settings["titles"]}
    number = 0
    for row in rows:
        known = [entry for entry in fixed if entry["department"] == row["code"]]
        specialties = [s for s in row["specialties"] if s not in {entry["specialty"] for entry in known}]
        for place in range(row["doctors"]):
            number += 1
            if place < len(known):
                name, title, specialty = (known[place][key] for key in ("name", "title", "specialty"))
                clinics = [(day - 1, part) for day, part in known[place]["clinics"]]
            else:
                name = _new_name(names, used, chance)
                title = settings["titles"][place % len(settings["titles"])]["title"]
                specialty = specialties.pop(0) if specialties else row["specialties"][-1]
                clinics = chance.sample(_HALF_DAYS, k=4)
            years = chance.randint(*titles[title]["years"])
            yield (
                Practitioner(
                    id=demo_id("practitioner", f"Y{number:04d}"),
                    code=f"Y{number:04d}",
                    name=name,
                    aliases=[],
                    title=title,
                    department_id=demo_id("department", row["code"]),
                    specialty=specialty,
                    intro=settings["intro"].format(department=row["name"], years=years, specialty=specialty),
                    active=True,
                ),
                sorted(clinics),
            )


def _new_name(names: dict[str, Any], used: set[str], chance: random.Random) -> str:
    while True:
        name: str = chance.choice(names["surnames"]) + chance.choice(names["doctor_given"])
        if name not in used:
            used.add(name)
            return name


def _schedules(doctor: Practitioner, clinics: Clinics, settings: dict[str, Any]) -> Iterator[Schedule]:
    title = next(entry for entry in settings["titles"] if entry["title"] == doctor.title)
    for weekday, part in clinics:
        hours = settings["parts"][part]
        yield Schedule(
            id=demo_id("schedule", f"{doctor.code}:{weekday}:{part}"),
            practitioner_id=doctor.id,
            department_id=doctor.department_id,
            weekday=weekday,
            part=part,
            starts=time.fromisoformat(hours["starts"]),
            ends=time.fromisoformat(hours["ends"]),
            slot_minutes=title["slot_minutes"],
            capacity=1,
            fee_fen=title["fee_yuan"] * 100,
            kind=title.get("kind", Kind.GENERAL),
            active=True,
        )
