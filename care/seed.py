"""The demo: hospital, 200 patients with conditions and dated events, appointments, questionnaires.

The same on every run.

Only dates move: they are counted back from the hospital's today on the day of seeding.
"""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from uuid import UUID

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from care.appointments import service as appointments
from care.appointments.models import Slot
from care.appointments.slots import find_slots, generate_slots
from care.appointments.views import Held
from care.consents.models import Consent, ConsentNow, Purpose
from care.hospital.models import HealthcareService, Practitioner
from care.hospital.seed import demo_id, seed_hospital
from care.hospital.words import load
from care.patients import service as patients
from care.patients.models import Condition, Patient, PatientTag, Relation
from care.patients.service import PatientData
from care.plans.publishing import publish_shipped as publish_plans
from care.questionnaires.service import publish_shipped
from care.records.demo import Person, enriched, records_of
from care.reports.demo import demo_reports
from channels.contacts.models import Contact
from store.base import Base
from store.clock import Clock
from store.database import Database
from store.events import PatientEvent

PATIENTS = 200
BOOKED = 120

# Finds or makes the contact of (channel, address) in the room below; returns its id.
ContactMaker = Callable[[AsyncSession, str, str], Awaitable[UUID]]


@dataclass(frozen=True, slots=True)
class SeedReport:
    """What a run added; all zero but `slots` when the demo was there already."""

    departments: int
    patients: int
    appointments: int
    slots: int


@dataclass(frozen=True, slots=True)
class DemoPatient:
    """One of the fixed patients, for the phones page and the command line."""

    patient_id: UUID
    record_number: str
    name: str
    contacts: tuple[tuple[str, str, str], ...]
    """(channel, address, relation) of everyone who speaks for them."""


def demo_patients() -> list[DemoPatient]:
    """The fixed patients in order, from the data file alone."""
    return [
        DemoPatient(
            demo_id("patient", row["record"]),
            row["record"],
            row["name"],
            tuple((c["channel"], c["address"], c["relation"]) for c in row["contacts"]),
        )
        for row in load("patients")
    ]


def generated_ids() -> list[UUID]:
    """Of the generated patients, who have appointments by chance only."""
    return [demo_id("patient", f"D{number:07d}") for number in range(len(load("patients")) + 1, PATIENTS + 1)]


async def seed_demo(database: Database, clock: Clock, make_contact: ContactMaker | None = None) -> SeedReport:
    """Add the demo unless it is there; slots ahead are made in any case.

    Without `make_contact` nobody is linked.
    """
    async with database.write("seed-demo") as session:
        return await seed_into(session, clock, make_contact)


async def seed_into(
    session: AsyncSession, clock: Clock, make_contact: ContactMaker | None = None
) -> SeedReport:
    """As `seed_demo`, in the caller's transaction."""
    now = clock.now()
    await publish_shipped(session, now)
    await publish_plans(session, now)
    there = await session.scalar(select(HealthcareService.id).limit(1))
    if there is not None:
        return SeedReport(0, 0, 0, await generate_slots(session, clock))
    await seed_hospital(session)
    chance = random.Random(load("hospital")["seed"] + 1)
    people = list(_people(clock.local().date(), chance))
    rows = [patients.build(one.data, now, demo_id("patient", one.data.record_number)) for one in people]
    session.add_all(rows)
    await session.flush()
    for row in rows:
        session.add_all(patients.name_pieces(row))
    for row, one in zip(rows, people, strict=True):
        session.add_all(_history(row, one, clock))
        session.add_all(_consents(row, one, now))
    await session.flush()
    slots = await generate_slots(session, clock)
    if make_contact is not None:
        await link_demo_contacts(session, make_contact, now)
    booked = await _bookings(session, rows, people, chance, now)
    return SeedReport(len(load("departments")), len(rows), booked, slots)


async def link_demo_contacts(session: AsyncSession, make_contact: ContactMaker, now: datetime) -> int:
    """Let the demo's phones and WeChat accounts speak for its fixed patients.

    Idempotent; returns how many are new.
    """
    new = 0
    for row in load("patients"):
        for contact in row["contacts"]:
            contact_id = await make_contact(session, contact["channel"], contact["address"])
            relation = Relation(contact["relation"])
            new += await patients.link_contact(
                session,
                demo_id("patient", row["record"]),
                contact_id,
                relation,
                at=now,
                label=contact.get("label"),
            )
            known = "self" if relation is Relation.SELF else "family"
            await session.execute(
                update(Contact)
                .where(Contact.id == contact_id, Contact.channel == "sms", Contact.holder == "unknown")
                .values(holder=contact.get("holder", known))
            )
    return new


# --- people ---


def _people(today: date, chance: random.Random) -> Iterator[Person]:
    fixed = load("patients")
    for row in fixed:
        born = row.get("born")
        if born is None:
            years, days = row["age"]
            born = today.replace(year=today.year - years, day=min(today.day, 28)) - timedelta(days=days)
        number = int(row["record"][1:])
        yield Person(
            PatientData(
                row["record"],
                row["name"],
                row["sex"],
                born,
                row["phone"],
                _id_number(born, row["sex"], number),
                residence_code=row.get("region"),
            ),
            [tuple(entry) for entry in row["conditions"]],
            [tuple(entry) for entry in row["events"]],
            frozenset(Purpose) - {Purpose.MARKETING, Purpose.RESEARCH},
            tuple(row["books"]) if "books" in row else None,
            tuple(row.get("tags", ())),
        )
    more = random.Random(load("hospital")["seed"] + 2)
    for number in range(len(fixed) + 1, PATIENTS + 1):
        yield enriched(_generated(number, today, chance), more)


def _generated(number: int, today: date, chance: random.Random) -> Person:
    names, table = load("names"), load("conditions")
    condition = chance.choices(table, weights=[entry["weight"] for entry in table])[0]
    sex = condition.get("sex") or chance.choice(("male", "female"))
    low, high = condition["ages"]
    born = today - timedelta(days=chance.randint(low * 366, high * 365 + 364))
    days = chance.randint(1, min(2500, max(2, (today - born).days - 1)))
    events = [
        (
            chance.randint(1, min(365, days)),
            chance.choice(("encounter.finished", "encounter.finished", "encounter.discharged")),
            {"department": condition["department"]},
        )
        for _ in range(chance.randint(1, 3))
    ]
    purposes = {Purpose.SERVICE_NOTICE}
    purposes |= {Purpose.EDUCATION, Purpose.PERSONAL} if chance.random() < 0.7 else set()
    purposes |= {Purpose.FOLLOW_UP, Purpose.SURVEY} if chance.random() < 0.85 else set()
    purposes |= {Purpose.TRACKING} if number % 4 else set()
    name = chance.choice(names["surnames"]) + chance.choice(names[f"{sex}_given"])
    data = PatientData(
        f"D{number:07d}", name, sex, born, f"1990000{number:04d}", _id_number(born, sex, number)
    )
    return Person(data, [(condition["code"], condition["display"], days)], events, frozenset(purposes))


def _id_number(born: date, sex: str, number: int) -> str:
    """A number of the right shape and check digit (GB 11643-1999) in region 990100, which does not exist."""
    body = f"990100{born:%Y%m%d}{(number * 2 + (sex == 'male')) % 1000:03d}"
    weights = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
    total = sum(int(digit) * weight for digit, weight in zip(body, weights, strict=True))
    return body + "10X98765432"[total % 11]


def _history(row: Patient, one: Person, clock: Clock) -> Iterator[Base]:
    """Diagnoses, records and dated events, as rows: the services would ask the database for each whether it is new."""
    today = clock.local().date()
    dated = [(days, kind, codes) for days, kind, codes in one.events]
    for code, display, days in one.conditions:
        onset = today - timedelta(days=days)
        yield Condition(patient_id=row.id, code=code, display=display, onset_date=onset, recorded_date=onset)
        dated.append((days, "condition.diagnosed", {"code": code}))
    yield from records_of(row.id, one.events, today)
    yield from demo_reports(row.id, one.data.record_number, clock)
    for tag in one.tags:
        yield PatientTag(patient_id=row.id, tag=tag, tagged_at=row.created_at)
    for days, kind, codes in sorted((one for one in dated if one[0] >= 0), key=lambda event: -event[0]):
        at = clock.to_utc(datetime.combine(today - timedelta(days=days), time(10, 0)))
        yield PatientEvent(patient_id=row.id, kind=kind, at=at, data=codes)


def _consents(row: Patient, one: Person, now: datetime) -> Iterator[Base]:
    version = load("hospital")["consent_text_version"]
    for purpose in sorted(one.purposes):
        given = Consent(
            subject="patient",
            subject_id=row.id,
            purpose=purpose,
            granted=True,
            text_version=version,
            channel="front_desk",
            at=now,
        )
        yield given
        yield ConsentNow(subject_id=row.id, purpose=purpose, granted=True, consent_id=given.id, at=now)


# --- appointments ---


async def _bookings(
    session: AsyncSession, rows: list[Patient], people: list[Person], chance: random.Random, now: datetime
) -> int:
    booked = 0
    for row, one in zip(rows, people, strict=True):
        if one.books is not None:
            booked += await _book_with(session, row, one.books, now)
    slots = (
        await session.scalars(
            select(Slot)
            .where(Slot.start > now, Slot.taken < Slot.capacity)
            .order_by(Slot.start, Slot.practitioner_id)
        )
    ).all()
    others = [row for row, one in zip(rows, people, strict=True) if one.books is None][
        len(load("patients")) :
    ]
    full = await _full(session)
    for slot in slots:
        if (slot.practitioner_id, slot.day.weekday(), slot.part) in full:
            booked += await _fill(session, slot.id, others, chance, now)
    for slot in chance.sample(slots, k=min(BOOKED, len(slots))):
        booked += await _book(session, slot.id, chance.choice(others), now)
    return booked


async def _full(session: AsyncSession) -> set[tuple[UUID, int, str]]:
    """(doctor, weekday, part) of the clinics the data file calls full."""
    doctors = {row.name: row.id for row in await session.scalars(select(Practitioner))}
    return {
        (doctors[row["name"]], day - 1, part)
        for row in load("practitioners")
        for day, part in row.get("full", [])
    }


async def _fill(
    session: AsyncSession, slot_id: UUID, others: list[Patient], chance: random.Random, now: datetime
) -> int:
    """Book the slot's one place for whoever may have it."""
    for row in chance.sample(others, k=len(others)):
        if await _book(session, slot_id, row, now):
            return 1
    return 0


async def _book_with(session: AsyncSession, row: Patient, books: tuple[str, str], now: datetime) -> int:
    department_id = demo_id("department", books[0])
    found = await find_slots(
        session, now=now, department_id=department_id, start=now + timedelta(days=2), limit=60
    )
    for slot in found:
        if slot.practitioner == books[1]:
            return await _book(session, slot.slot_id, row, now)
    return 0


async def _book(session: AsyncSession, slot_id: UUID, row: Patient, now: datetime) -> int:
    held = await appointments.hold(session, slot_id=slot_id, patient_id=row.id, now=now)
    if not isinstance(held, Held):
        return 0
    await appointments.confirm(session, held.hold_id, now=now, created_via="seed")
    return 1
