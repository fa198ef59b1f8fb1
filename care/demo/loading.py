"""The demo's year of visits into the database, by sets and in one transaction."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from care.appointments.coming.leads import due_at
from care.appointments.coming.models import ComingVisit, Told, VisitReminder
from care.appointments.models import Appointment, Slot, Status
from care.appointments.planning import days_between
from care.appointments.queue.models import QueueScreen, QueueTicket
from care.appointments.queue.screens import KIND
from care.appointments.replanning import calendar, schedules_of
from care.demo import visits
from care.demo.habits import Habits
from care.demo.today import under_way
from care.demo.visitors import Visitor, by_department, made_up, regulars
from care.demo.visits import Ground
from care.hospital.models import HealthcareService
from care.hospital.seed import demo_id
from care.hospital.words import load
from care.patients import service as patients
from care.patients.models import Condition, Patient, PatientNamePiece, PatientTag
from care.rows import chunks
from store import crypto
from store.clock import Clock
from store.database import insert_many

DAYS = 365
INSERTED = 2000
"""Rows a statement."""
REMINDED = (3, 1)
"""Days before the visit: what is overdue at loading has been said, so that nobody is written to about it now."""
Progress = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Loaded:
    """How many rows were added; all zero where they were there."""

    visitors: int = 0
    past: int = 0
    ahead: int = 0
    tickets: int = 0


async def load_visits(
    session: AsyncSession, clock: Clock, seeded: Sequence[UUID], progress: Progress, days: int = DAYS
) -> Loaded:
    """Add visitors and their year unless they are there. `seeded`: the seed's patients who come to the clinics too.

    `progress` hears the name of each part (`visitors`, `past`, `ahead`). Emits no events: nobody is asked about the past.
    """
    if await session.get(Patient, demo_id("patient", "V0000001")) is not None:
        return Loaded()
    settings, now, today = load("history"), clock.now(), clock.local().date()
    departments = (
        await session.scalars(select(HealthcareService).order_by(HealthcareService.position))
    ).all()
    progress("visitors")
    people = made_up(today, departments)
    await _add_people(session, [data for data, _ in people], clock, settings["tag"])
    chance = random.Random(load("hospital")["seed"] + 4)
    known = await _known(session, seeded, today, chance)
    begins = today - timedelta(days=days)
    habits = Habits(settings, begins, chance)
    visitors = [one for _, one in people]
    ground = Ground(
        clock,
        await calendar(session, begins, today),
        await schedules_of(session, None),
        {one.id: one.code for one in departments},
        by_department([*visitors, *known]),
    )
    progress("past")
    before = await _past(session, ground, habits, days_between(begins, today - timedelta(days=1)))
    progress("ahead")
    # The seed's own people have their own appointments ahead.
    ahead, tickets = await _ahead(session, _only(ground, visitors), habits, now)
    await _screens(session, settings["screens"], now)
    return Loaded(len(people), before, ahead, tickets)


def _only(ground: Ground, visitors: Sequence[Visitor]) -> Ground:
    return Ground(ground.clock, ground.calendar, ground.schedules, ground.codes, by_department(visitors))


async def _add_people(
    session: AsyncSession, people: Sequence[patients.PatientData], clock: Clock, tag: str
) -> None:
    first = clock.now() - timedelta(days=DAYS + 1)
    rows = [patients.build(one, first, demo_id("patient", one.record_number)) for one in people]
    session.add_all(rows)
    await session.flush()
    pieces = [piece for row in rows for piece in patients.name_pieces(row)]
    found = [{"piece": one.piece, "patient_id": one.patient_id} for one in pieces]
    tags = [{"patient_id": one.id, "tag": tag, "tagged_at": first} for one in rows]
    await _insert(session, PatientNamePiece, found)
    await _insert(session, PatientTag, tags)
    session.expunge_all()


async def _known(
    session: AsyncSession, ids: Sequence[UUID], today: date, chance: random.Random
) -> list[Visitor]:
    """The seed's patients as visitors of the department that follows their diagnosis."""
    follows = {one["code"]: demo_id("department", one["department"]) for one in load("conditions")}
    rows = await session.execute(
        select(Patient.id, Patient.sex, Patient.birth_year, Condition.code)
        .join(Condition, Condition.patient_id == Patient.id)
        .where(Patient.id.in_(list(ids)))
        .order_by(Patient.id)
    )
    found = ((one, sex, date(year or 1970, 7, 1), follows.get(code)) for one, sex, year, code in rows)
    return regulars(found, today - timedelta(days=DAYS // 3), chance)


async def _past(session: AsyncSession, ground: Ground, habits: Habits, days: Sequence[date]) -> int:
    both = list(visits.past(ground, habits, days))
    await _insert(session, Slot, [slot for slot, _ in both])
    await _insert(session, Appointment, [row for _, row in both])
    return len(both)


async def _ahead(session: AsyncSession, ground: Ground, habits: Habits, now: datetime) -> tuple[int, int]:
    clock, settings = ground.clock, load("history")
    today = clock.local(now).date()
    free = (Slot.day >= today, Slot.status == "free", Slot.taken == 0)
    slots = (
        await session.scalars(select(Slot).where(*free).order_by(Slot.start, Slot.practitioner_id))
    ).all()
    rows = list(visits.ahead(ground, habits, slots, now))
    session.expunge_all()
    todays = [one for one in rows if one["day"] == today and one["status"] == Status.BOOKED]
    tickets = list(under_way(todays, now, settings["queue"], habits.chance))
    taken = [one["slot_id"] for one in rows if one["status"] != Status.CANCELLED]
    await _insert(session, Appointment, rows)
    await _insert(session, QueueTicket, tickets)
    for part in chunks(taken):
        await session.execute(
            update(Slot).where(Slot.id.in_(part)).values(taken=1).execution_options(synchronize_session=False)
        )
    await _heard(session, clock, rows, settings["heard"], habits.chance, now)
    return len(rows), len(tickets)


async def _heard(
    session: AsyncSession,
    clock: Clock,
    rows: Sequence[Mapping[str, Any]],
    rule: Mapping[str, float],
    chance: random.Random,
    now: datetime,
) -> None:
    """What was said of visits to come by now, and what was answered."""
    told, answered = [], []
    for one in rows:
        if one["status"] != Status.BOOKED or one["start"] <= now:
            continue
        said = [
            (lead, at)
            for lead in REMINDED
            if one["created_at"] < (at := due_at(one["day"], lead, clock)) <= now
        ]
        whose = {"appointment_id": one["id"], "patient_id": one["patient_id"]}
        told += [{**whose, "step": f"d{lead}", "state": Told.TOLD.value, "at": at} for lead, at in said]
        if said and chance.random() < rule["confirmed"]:
            at = min(now, said[0][1] + timedelta(minutes=chance.randint(2, 200)))
            answered.append({**whose, "confirmed_at": at, "confirmed_by": "patient", "risk_why": []})
    await _insert(session, VisitReminder, told)
    await _insert(session, ComingVisit, answered)


async def _screens(session: AsyncSession, screens: Sequence[Mapping[str, str]], now: datetime) -> None:
    session.add_all(
        QueueScreen(
            id=demo_id("screen", one["token"]),
            name=one["name"],
            department_id=demo_id("department", one["department"]),
            token_hash=crypto.lookup(one["token"], KIND),
            created_at=now,
            created_by=demo_id("staff", "history"),
        )
        for one in screens
    )
    await session.flush()


async def _insert(session: AsyncSession, table: Any, rows: Sequence[dict[str, Any]]) -> None:
    for part in chunks(rows, INSERTED):
        await insert_many(session, table, list(part))
