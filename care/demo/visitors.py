"""Who comes to the demo's clinics: invented people with the departments they go to, and how far they tend to stay away."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any
from uuid import UUID

from care.hospital.models import HealthcareService
from care.hospital.seed import demo_id
from care.hospital.words import load
from care.patients.service import PatientData

AGES = ((0, 13), (14, 29), (30, 44), (45, 64), (65, 88))
SHARES = (12, 13, 24, 30, 21)
"""Ages in years and how many of a hundred visitors are of them."""


@dataclass(slots=True)
class Visitor:
    """`departments`: where they go, by id; `own`: what adds to their log-odds of staying away; `until`: their last visit at the latest.

    `missed`, `visits`: of the year so far; `days`: on which they have an appointment.
    """

    patient_id: UUID
    sex: str
    born: date
    departments: tuple[UUID, ...]
    own: float
    until: date | None = None
    missed: int = 0
    visits: int = 0
    days: set[date] = field(default_factory=set)


def made_up(today: date, departments: Sequence[HealthcareService]) -> list[tuple[PatientData, Visitor]]:
    """The visitors of `data/seed/hospital/history.yml` with what is on record of them; the same on every run."""
    settings = load("history")
    chance = random.Random(load("hospital")["seed"] + 3)
    clinics = [one for one in departments if one.kind == "clinic"]
    weights = {one.id: float(settings["departments"].get(one.code, settings["others"])) for one in clinics}
    return [
        _person(number, today, chance, clinics, weights, settings)
        for number in range(1, settings["visitors"] + 1)
    ]


def _person(
    number: int,
    today: date,
    chance: random.Random,
    clinics: Sequence[HealthcareService],
    weights: Mapping[UUID, float],
    settings: Mapping[str, Any],
) -> tuple[PatientData, Visitor]:
    names = load("names")
    sex = chance.choice(("male", "female"))
    low, high = chance.choices(AGES, weights=SHARES)[0]
    born = today - timedelta(days=chance.randint(low * 366 + 30, high * 365 + 364))
    name = chance.choice(names["surnames"]) + chance.choice(names[f"{sex}_given"])
    data = PatientData(f"V{number:07d}", name, sex, born, f"1990000{number + 1000:04d}")
    open_to = [one for one in clinics if admits(one, sex, born, today)]
    some = chance.choices(
        open_to, weights=[weights[one.id] for one in open_to], k=chance.choice((1, 1, 2, 3))
    )
    own = chance.gauss(0, settings["missed"]["own"])
    where = tuple(dict.fromkeys(one.id for one in some))
    return data, Visitor(demo_id("patient", data.record_number), sex, born, where, own)


def admits(department: HealthcareService, sex: str, born: date, today: date) -> bool:
    """Whether somebody may go there all through the past year."""
    age = (today - born).days // 366
    return (
        (department.sex is None or department.sex == sex)
        and (department.min_age is None or age - 1 >= department.min_age)
        and (department.max_age is None or age + 1 <= department.max_age)
    )


def by_department(visitors: Sequence[Visitor]) -> dict[UUID, list[Visitor]]:
    found: dict[UUID, list[Visitor]] = {}
    for one in visitors:
        for department in one.departments:
            found.setdefault(department, []).append(one)
    return found


def regulars(
    rows: Iterator[tuple[UUID, str, date, UUID | None]], stays: date, chance: random.Random
) -> list[Visitor]:
    """The seed's own patients as visitors of the department that follows them; a few were last there before `stays`."""
    return [
        Visitor(
            patient_id,
            sex,
            born,
            (department,),
            chance.gauss(0, 0.3),
            until=stays if chance.random() < 0.12 else None,
        )
        for patient_id, sex, born, department in rows
        if department is not None
    ]
