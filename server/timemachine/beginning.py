"""The synthetic patient: bound on WeChat and by SMS, agreed to being followed up, with the fact on record the plan counts from."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from uuid import UUID

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from care.consents import service as consents
from care.consents.models import Purpose
from care.hospital.models import HealthcareService
from care.patients import service as patients
from care.patients.models import Patient, Relation
from care.patients.service import PatientData
from care.plans.definition import Plan
from care.plans.machine.persona import Persona
from care.plans.machine.words import words
from care.records.models import Encounter, EncounterKind, Outcome, Pregnancy, Procedure, ProcedureStatus
from channels.contacts import service as contacts
from channels.contacts.models import Contact
from store import events

AGE, MOTHER = 60, 29
CODED = ("surgery", "diagnosis")
"""Where the fact itself bears the plan's code; else the patient has a diagnosis of it."""
DAYS_CARRIED = 280
"""From the last period to the birth (Naegele)."""
AGREED = (Purpose.FOLLOW_UP, Purpose.EDUCATION, Purpose.SURVEY)
OPERATION, ILLNESS = "51.2300", "Z00.000"
"""Where the plan names no code: an operation and a diagnosis that stand for any."""


@dataclass(slots=True)
class Player:
    """A persona in the database. `openid` and `phone` are empty where the persona has none; `begins`: the day its acts are counted
    from, where it has one of its own."""

    persona: Persona
    patient_id: UUID
    openid: str = ""
    phone: str = ""
    contacts: list[UUID] = field(default_factory=list)
    begins: date | None = None


async def arrive(
    session: AsyncSession, plan: Plan, persona: Persona, number: int, accounts: tuple[str, str], now: datetime
) -> Player:
    """The patient, before anything happened. `accounts`: of WeChat and SMS."""
    expecting = plan.anchor in ("lmp", "birth")
    age = persona.age or (MOTHER if expecting else AGE)
    sex = persona.sex or ("female" if expecting else "male")
    data = PatientData(
        record_number=f"TM{number:04d}",
        name=words("names", sex),
        sex=sex,
        birth_date=date(now.year - age, 1, 1),
        phone=f"+86199000{number:05d}" if "sms" in persona.channels else None,
    )
    patient = await patients.create(session, data, now=now)
    player = Player(persona, patient.id)
    if "wechat" in persona.channels:
        player.openid = f"otimemachine{number:016d}"
        await _speak(session, player, "wechat", accounts[0], player.openid, now)
    if "sms" in persona.channels:
        player.phone = f"+86199000{number:05d}"
        await _speak(session, player, "sms", accounts[1], player.phone, now)
    for purpose in AGREED:
        await consents.decide(
            session, subject="patient", subject_id=patient.id, purpose=purpose, granted=True,
            text_version="time-machine", channel="wechat", now=now,
        )  # fmt: skip
    codes = [*persona.codes, *(() if plan.anchor in CODED else plan.codes[:1])]
    for code in dict.fromkeys(codes):
        await patients.add_condition(session, patient.id, full(code), code, now.date(), at=now)
    return player


def full(code: str) -> str:
    """A code one may have of the beginning a plan names: `I50` is short for `I50.900`."""
    return code if "." in code else f"{code[:3]}.900"


async def _speak(
    session: AsyncSession, player: Player, channel: str, account: str, address: str, now: datetime
) -> None:
    contact, _ = await contacts.ensure(session, channel, account, address, now)
    await session.execute(update(Contact).where(Contact.id == contact.id).values(holder="self"))
    await patients.link_contact(session, player.patient_id, contact.id, Relation.SELF, at=now)
    player.contacts.append(contact.id)


async def happens(session: AsyncSession, plan: Plan, player: Player, day: date, now: datetime) -> None:
    """The fact the plan counts from, and the event that tells of it."""
    whose, place = player.patient_id, await department(session, plan)
    match plan.anchor:
        case "surgery":
            code = plan.codes[0] if plan.codes else OPERATION
            session.add(
                Procedure(
                    patient_id=whose, code=code, display=code, status=ProcedureStatus.COMPLETED, performed_date=day,
                    department_id=place,
                )
            )  # fmt: skip
            events.emit(session, whose, "procedure.recorded", now)
        case "discharge":
            session.add(_stay(whose, place, day - timedelta(days=3), day))
            events.emit(session, whose, "encounter.discharged", now)
        case "diagnosis":
            code = full(plan.codes[0] if plan.codes else ILLNESS)
            await patients.add_condition(session, whose, code, code, day, at=now, recorded=day)
        case "last_visit":
            await visit(session, player, place, day, now)
        case "lmp":
            session.add(Pregnancy(patient_id=whose, lmp_date=day))
            events.emit(session, whose, "pregnancy.recorded", now)
        case "birth":
            begun = day - timedelta(days=DAYS_CARRIED)
            session.add(Pregnancy(patient_id=whose, lmp_date=begun, ended_date=day, outcome=Outcome.BIRTH))
            events.emit(session, whose, "pregnancy.ended", now)
    await session.flush()


async def visit(session: AsyncSession, player: Player, place: UUID, day: date, now: datetime) -> None:
    session.add(
        Encounter(
            patient_id=player.patient_id, kind=EncounterKind.OUTPATIENT, department_id=place, start_date=day, end_date=day
        )
    )  # fmt: skip
    events.emit(session, player.patient_id, "encounter.visited", now, department_id=str(place))


async def admitted(session: AsyncSession, player: Player, place: UUID, day: date, now: datetime) -> None:
    session.add(_stay(player.patient_id, place, day, None))
    events.emit(session, player.patient_id, "encounter.admitted", now)


def _stay(patient_id: UUID, place: UUID, begun: date, ended: date | None) -> Encounter:
    return Encounter(
        patient_id=patient_id, kind=EncounterKind.INPATIENT, department_id=place, start_date=begun, end_date=ended
    )  # fmt: skip


async def department(session: AsyncSession, plan: Plan) -> UUID:
    """One of the plan's, else the first there is."""
    query = select(HealthcareService.id).order_by(HealthcareService.position, HealthcareService.code)
    if plan.departments:
        query = query.where(HealthcareService.standard.in_(plan.departments))
    return (await session.scalars(query.limit(1))).one()


async def patient_of(session: AsyncSession, player: Player) -> Patient:
    return await session.get_one(Patient, player.patient_id, populate_existing=True)
