"""The day's list: which calls, with whom they are about and what helps to speak. A handful of statements whatever its length."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal
from uuid import UUID

from sqlalchemy import ColumnElement, Select, func, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from care.access import service as access
from care.appointments.models import Appointment
from care.followup import service
from care.followup.models import LIVE, CallStatus, FollowUpCall, FollowUpStep
from care.followup.scripts import script_of, words
from care.hospital.models import HealthcareService
from care.patients.models import Patient
from care.plans.models import PlanDefinition
from care.records.models import Encounter
from web.signin.models import StaffUser

Show = Literal["today", "mine", "later", "done"]
MOST = 100
"""Calls on one page."""
_CALL = FollowUpCall


@dataclass(frozen=True, slots=True)
class Filters:
    """`plan`: a plan's name, or `source:<code>` for calls without one."""

    show: Show = "today"
    plan: str = ""


@dataclass(frozen=True, slots=True)
class Line:
    """A call as shown. `plan`: its plan's title, or why it is there. `late`: days it is overdue. `known`: facts beside the script.
    `hidden`: a confidential patient's, of whom nothing is said."""

    call: FollowUpCall
    patient: Patient
    hidden: bool
    plan: str
    late: int
    script: Sequence[str]
    known: Sequence[str]
    steps: Sequence[FollowUpStep]


@dataclass(frozen=True, slots=True)
class Day:
    """The day so far: calls that ended today, and those that are due and not yet over."""

    done: int
    left: int


def _which(
    filters: Filters, staff_id: UUID, today: date, now: datetime, midnight: datetime
) -> Select[FollowUpCall]:
    found = select(_CALL)
    live, due = _CALL.status.in_(LIVE), _CALL.due_on <= today
    match filters.show:
        case "done":
            found = found.where(_CALL.done_at >= midnight, _CALL.status == CallStatus.DONE)
            found = found.order_by(_CALL.done_at.desc(), _CALL.id)
        case "later":
            found = found.where(live, due, _CALL.next_at > now).order_by(_CALL.next_at, _CALL.id)
        case "mine":
            found = found.where(live, _CALL.owner_id == staff_id).order_by(_CALL.due_on, _CALL.id)
        case _:
            found = found.where(live, due, _ready(now))
            found = found.order_by(
                (_CALL.due_on >= today),
                func.coalesce(_CALL.plan, _CALL.source),
                _CALL.due_on,
                _CALL.next_at,
                _CALL.id,
            )
    if filters.plan.startswith("source:"):
        found = found.where(_CALL.plan.is_(None), _CALL.source == filters.plan.removeprefix("source:"))
    elif filters.plan:
        found = found.where(_CALL.plan == filters.plan)
    return found


def _ready(now: datetime) -> ColumnElement[bool]:
    """Its time has come, or its last outcome may still be taken back from this page."""
    return or_(_CALL.next_at <= now, _CALL.undo_until > now)


async def lines(
    session: AsyncSession,
    staff: StaffUser,
    filters: Filters,
    *,
    today: date,
    now: datetime,
    midnight: datetime,
    hospital: str,
) -> list[Line]:
    """What the member of staff sees; confidential patients of others as `hidden`."""
    found = _which(filters, staff.id, today, now, midnight).limit(MOST)
    calls = (await session.scalars(found.execution_options(populate_existing=True))).all()
    people = await _people(session, [one.patient_id for one in calls])
    secret = await access.hidden(session, staff.id, people.values(), now=now)
    shown = [one for one in people if one not in secret]
    facts = await _facts(session, shown, today, now)
    titles = await _titles(session)
    steps: dict[UUID, list[FollowUpStep]] = {}
    for one in await service.steps(session, [call.id for call in calls]):
        steps.setdefault(one.call_id, []).append(one)
    return [
        Line(
            call,
            patient := people[call.patient_id],
            call.patient_id in secret,
            titles.get(call.plan or "", call.plan) or words("sources", call.source),
            max(0, (today - call.due_on).days),
            () if patient.id in secret else script_of(call, patient, facts.get(patient.id, {}), hospital),
            () if patient.id in secret else _known(facts.get(patient.id, {})),
            steps.get(call.id, ()),
        )
        for call in calls
    ]


async def day(session: AsyncSession, today: date, now: datetime, midnight: datetime) -> Day:
    ended = select(func.count()).where(_CALL.done_at >= midnight, _CALL.status == CallStatus.DONE)
    left = select(func.count()).where(_CALL.status.in_(LIVE), _CALL.due_on <= today, _CALL.next_at <= now)
    return Day(await session.scalar(ended) or 0, await session.scalar(left) or 0)


async def plans(session: AsyncSession) -> list[tuple[str, str]]:
    """(filter, words) of what is on the live list."""
    rows = await session.execute(select(_CALL.plan, _CALL.source).where(_CALL.status.in_(LIVE)).distinct())
    titles = await _titles(session)
    found = {
        plan or f"source:{source}": titles.get(plan or "", plan) or words("sources", source)
        for plan, source in rows
    }
    return sorted(found.items(), key=lambda one: one[1])


async def _titles(session: AsyncSession) -> dict[str, str]:
    """Title by name, the newest of each plan."""
    rows = await session.execute(
        select(PlanDefinition.name, PlanDefinition.title).order_by(
            PlanDefinition.version, PlanDefinition.revision
        )
    )
    return dict(rows.tuples().all())


async def _people(session: AsyncSession, ids: Sequence[UUID]) -> dict[UUID, Patient]:
    rows = await session.scalars(select(Patient).where(Patient.id.in_(set(ids))))
    return {one.id: one for one in rows}


async def _facts(
    session: AsyncSession, ids: Sequence[UUID], today: date, now: datetime
) -> dict[UUID, dict[str, str]]:
    """The last visit or stay and the next appointment; a sensitive department is not named."""
    found: dict[UUID, dict[str, str]] = {one: {} for one in ids}
    seen = (
        select(Encounter, HealthcareService.name, HealthcareService.sensitive)
        .join(HealthcareService, HealthcareService.id == Encounter.department_id)
        .where(Encounter.patient_id.in_(ids), Encounter.start_date <= today)
        .order_by(Encounter.start_date)
    )
    for encounter, department, sensitive in await session.execute(seen):
        when = encounter.end_date or encounter.start_date
        where = words("facts", "here") if sensitive else department
        found[encounter.patient_id] |= {
            "department": where,
            "date": words("facts", "day", month=when.month, day=when.day),
            "visit": words("facts", f"visit_{encounter.kind}"),
        }
    coming = (
        select(Appointment.patient_id, Appointment.day, HealthcareService.name, HealthcareService.sensitive)
        .join(HealthcareService, HealthcareService.id == Appointment.department_id)
        .where(Appointment.patient_id.in_(ids), Appointment.status == "booked", Appointment.start > now)
        .order_by(Appointment.start.desc())
    )
    for patient_id, on, department, sensitive in await session.execute(coming):
        where = words("facts", "here") if sensitive else department
        found[patient_id]["next"] = words("facts", "next", month=on.month, day=on.day, department=where)
    return found


def _known(facts: dict[str, str]) -> list[str]:
    said = [words("facts", "last", **facts)] if "visit" in facts else []
    return [*said, facts.get("next") or words("facts", "no_next")]
