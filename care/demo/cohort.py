"""Who is followed up in the demo: invented people, each with a fact of the last months that a plan counts from."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from care.consents.models import Purpose
from care.hospital.seed import demo_id
from care.hospital.words import load
from care.patients import service as patients
from care.patients.models import PatientTag
from care.patients.service import PatientData
from care.plans.machine.persona import Persona, read_persona
from care.records.models import Encounter, EncounterKind, Procedure, ProcedureStatus
from store import events

LOST = "lost"
STAY = 5
"""Days in hospital before a discharge or after an operation."""
KNOWN_FOR = 700
"""Days since the diagnosis of who is lost: no plan begins with it any more."""
AGREED = (Purpose.SERVICE_NOTICE, Purpose.FOLLOW_UP, Purpose.EDUCATION, Purpose.PERSONAL, Purpose.SURVEY)


@dataclass(frozen=True, slots=True)
class Followed:
    """`day`: of the fact. `openid`, `phone`: how they are reached, empty where they are not that way."""

    persona: Persona
    data: PatientData
    patient_id: UUID
    department_id: UUID
    day: date
    fact: dict[str, Any]
    openid: str
    phone: str

    @property
    def lost(self) -> bool:
        return bool(self.fact["fact"] == LOST)


def cohort(today: date) -> list[Followed]:
    """Of `data/seed/hospital/history.yml`; the same people on every run, their days counted back from today."""
    chance = random.Random(load("hospital")["seed"] + 5)
    lines = [(fact, line) for fact in load("history")["cohort"] for line in fact["people"]]
    return [_followed(number, fact, line, today, chance) for number, (fact, line) in enumerate(lines, 1)]


def openids() -> Iterator[str]:
    """Of everybody in it who is on WeChat: they follow the simulator's account."""
    return (one.openid for one in cohort(date(2000, 1, 1)) if one.openid)


def _followed(number: int, fact: dict[str, Any], line: str, today: date, chance: random.Random) -> Followed:
    names = load("names")
    ago, _, said = line.partition(" ")
    persona = read_persona(said)
    sex = persona.sex or chance.choice(("male", "female"))
    age = persona.age or chance.randint(42, 78)
    born = today - timedelta(days=age * 365 + chance.randint(10, 350))
    name = chance.choice(names["surnames"]) + chance.choice(names[f"{sex}_given"])
    data = PatientData(f"F{number:07d}", name, sex, born, f"1990000{number + 9000:04d}")
    return Followed(
        persona,
        data,
        demo_id("patient", data.record_number),
        demo_id("department", fact["department"]),
        today - timedelta(days=int(ago)),
        fact,
        f"oBanyiDemoFollowed_{number:08d}" if "wechat" in persona.channels else "",
        f"+86{data.phone}" if "sms" in persona.channels else "",
    )


async def arrive(session: AsyncSession, one: Followed, now: datetime) -> None:
    """The patient, before the fact; with it, where it is older than the play."""
    await patients.create(session, one.data, now=now, patient_id=one.patient_id)
    session.add(PatientTag(patient_id=one.patient_id, tag=load("history")["tag"], tagged_at=now))
    if one.lost:
        since = one.day - timedelta(days=KNOWN_FOR)
        await patients.add_condition(
            session, one.patient_id, one.fact["code"], one.fact["display"], since, at=now, recorded=since
        )
        session.add(_encounter(one, EncounterKind.OUTPATIENT, one.day, one.day))


async def happens(session: AsyncSession, one: Followed, now: datetime) -> None:
    """The fact itself, on its day, with the event that tells of it."""
    whose, code, display = one.patient_id, one.fact["code"], one.fact["display"]
    match one.fact["fact"]:
        case "discharge":
            begun = one.day - timedelta(days=STAY)
            await patients.add_condition(session, whose, code, display, begun, at=now, recorded=begun)
            session.add(_encounter(one, EncounterKind.INPATIENT, begun, one.day))
            events.emit(session, whose, "encounter.discharged", now)
        case "surgery":
            await patients.add_condition(session, whose, code, display, one.day, at=now, recorded=one.day)
            session.add(
                Procedure(
                    patient_id=whose,
                    code=one.fact["operation"]["code"],
                    display=one.fact["operation"]["display"],
                    status=ProcedureStatus.COMPLETED,
                    performed_date=one.day,
                    department_id=one.department_id,
                )
            )
            events.emit(session, whose, "procedure.recorded", now)
        case "diagnosis":
            await patients.add_condition(session, whose, code, display, one.day, at=now, recorded=one.day)
            session.add(_encounter(one, EncounterKind.OUTPATIENT, one.day, one.day))
            events.emit(session, whose, "encounter.visited", now, department_id=str(one.department_id))
    await session.flush()


def _encounter(one: Followed, kind: EncounterKind, begun: date, ended: date) -> Encounter:
    return Encounter(
        patient_id=one.patient_id,
        kind=kind,
        department_id=one.department_id,
        start_date=begun,
        end_date=ended,
    )
