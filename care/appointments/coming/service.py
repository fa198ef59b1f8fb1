"""Who is reminded now, what was answered, who has not answered. Nothing here commits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Select, and_, exists, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from care.appointments.coming.leads import EVENING, MORNING, Leads, due_at
from care.appointments.coming.models import MISSED, ComingVisit, Rung, Told, VisitReminder
from care.appointments.models import Appointment, Status
from care.hospital.models import HealthcareService, Practitioner
from care.hospital.workdays import Workdays
from care.patients.models import Patient
from store import audit, events
from store.clock import Clock
from store.database import insert_new

EARLIER = 5
"""So many days before, who is likely to be missed is asked once more than others; ours."""
ANSWER_WITHIN = timedelta(hours=4)
"""How long after a reminder somebody counts as not having answered; ours."""
ASK_AFTER_DAYS = 3
"""How many days after it was due it is still asked after a missed visit; later it is out of place."""


@dataclass(frozen=True, slots=True)
class Due:
    """A step of an appointment that is due now."""

    appointment_id: UUID
    patient_id: UUID
    step: str


async def reminders_due(
    session: AsyncSession, clock: Clock, leads: Leads, limit: int, risky: float | None = None
) -> list[Due]:
    """Reminders whose time has come: of each visit only the latest, and none of what was booked after it.

    Who has confirmed hears the last one only. `risky`: from this risk on a visit is asked about `EARLIER` days before too.
    """
    if not MORNING <= clock.local().time() < EVENING:
        return []
    today, now = clock.local().date(), clock.now()
    found: list[Due] = []
    for days, departments in leads.groups():
        whose = _whose(leads, departments)
        for lead, left, among in _steps(days, risky):
            if len(found) >= limit:
                return found
            day = today + timedelta(days=left)
            query = _due_step(f"d{lead}", day, due_at(day, lead, clock), now).where(whose, *among)
            if lead != days[-1]:
                query = query.where(~exists().where(_heard, ComingVisit.confirmed_at.is_not(None)))
            rows = await session.execute(query.limit(limit - len(found)))
            found += [Due(one, patient, f"d{lead}") for one, patient in rows]
    return found


_heard = ComingVisit.appointment_id == Appointment.id


def _steps(
    days: tuple[int, ...], risky: float | None
) -> list[tuple[int, int, Sequence[ColumnElement[bool]]]]:
    """(lead, days left, among whom): each number of days left belongs to one lead; the visit's own day to none."""
    steps: list[tuple[int, int, Sequence[ColumnElement[bool]]]] = []
    for lead, shorter in zip(days, (*days[1:], 0), strict=True):
        steps += [(lead, left, ()) for left in range(shorter + 1, lead + 1)]
    if risky is not None and days[0] < EARLIER:
        likely = exists().where(_heard, ComingVisit.risk >= risky)
        steps += [(EARLIER, left, (likely,)) for left in range(days[0] + 1, EARLIER + 1)]
    return steps


def _whose(leads: Leads, departments: list[UUID] | None) -> ColumnElement[bool]:
    if departments is not None:
        return Appointment.department_id.in_(departments)
    return Appointment.department_id.not_in(list(leads.own))


def _due_step(step: str, day: date, due: datetime, now: datetime) -> Select[UUID, UUID]:
    done = exists().where(VisitReminder.appointment_id == Appointment.id, VisitReminder.step == step)
    return (
        select(Appointment.id, Appointment.patient_id)
        .where(
            Appointment.status == Status.BOOKED,
            Appointment.day == day,
            Appointment.start > now,
            Appointment.created_at < due,
            ~done,
        )
        .order_by(Appointment.start, Appointment.id)
    )


async def missed_due(session: AsyncSession, clock: Clock, workdays: Workdays, limit: int) -> list[Due]:
    """Missed visits whose day of asking is here: the first working day after, and `ASK_AFTER_DAYS` more."""
    if not MORNING <= clock.local().time() < EVENING:
        return []
    today = clock.local().date()
    days = []
    for back in range(1, 20):
        day = today - timedelta(days=back)
        due = workdays.next_workday(day + timedelta(days=1))
        if due <= today <= due + timedelta(days=ASK_AFTER_DAYS):
            days.append(day)
    done = exists().where(VisitReminder.appointment_id == Appointment.id, VisitReminder.step == MISSED)
    query = (
        select(Appointment.id, Appointment.patient_id)
        .where(Appointment.status == Status.NOSHOW, Appointment.day.in_(days), ~done)
        .order_by(Appointment.start, Appointment.id)
        .limit(limit)
    )
    return [Due(one, patient, MISSED) for one, patient in await session.execute(query)]


async def settle(session: AsyncSession, due: Due, state: Told, *, key: str | None, now: datetime) -> bool:
    """This step is done with. False: another worker was first."""
    values = {
        "appointment_id": due.appointment_id,
        "step": due.step,
        "patient_id": due.patient_id,
        "state": state,
        "outbound_key": key,
        "at": now,
    }
    return await insert_new(session, VisitReminder, values)


async def confirm(
    session: AsyncSession, appointment_id: UUID, patient_id: UUID, *, by: str, now: datetime
) -> None:
    """The patient comes. Emits `appointment.confirmed` the first time; `by`: `patient` or `staff`."""
    await _row(session, appointment_id, patient_id)
    changed = await session.execute(
        update(ComingVisit)
        .where(ComingVisit.appointment_id == appointment_id, ComingVisit.confirmed_at.is_(None))
        .values(confirmed_at=now, confirmed_by=by)
        .returning(ComingVisit.appointment_id)
        .execution_options(synchronize_session=False)
    )
    if changed.first() is not None:
        events.emit(session, patient_id, "appointment.confirmed", now, appointment_id=str(appointment_id))


async def confirmed(session: AsyncSession, appointment_id: UUID) -> bool:
    """Whether the patient, or staff on the phone with them, has said that they come."""
    heard = await session.get(ComingVisit, appointment_id, populate_existing=True)
    return heard is not None and heard.confirmed_at is not None


async def rung(session: AsyncSession, row: Appointment, what: Rung, *, by: UUID, now: datetime) -> None:
    """Somebody rang about the visit. Who comes is confirmed by it; cancelling is the caller's act."""
    await _row(session, row.id, row.patient_id)
    await session.execute(
        update(ComingVisit)
        .where(ComingVisit.appointment_id == row.id)
        .values(called_at=now, called_by=by, call=what)
        .execution_options(synchronize_session=False)
    )
    if what is Rung.COMING:
        await confirm(session, row.id, row.patient_id, by="staff", now=now)
    subject = audit.subject_of("appointment", row.id)
    audit.record(
        session,
        actor=audit.subject_of("staff", by),
        action=f"appointment.rung_{what}",
        subject=subject,
        at=now,
    )


async def _row(session: AsyncSession, appointment_id: UUID, patient_id: UUID) -> None:
    values: dict[str, Any] = {"appointment_id": appointment_id, "patient_id": patient_id, "risk_why": []}
    await insert_new(session, ComingVisit, values)


@dataclass(frozen=True, slots=True)
class Unconfirmed:
    """A visit nobody answered for; `call`: what the last call came to, `risk`: None where no model is judged good."""

    appointment_id: UUID
    patient: Patient
    start: datetime
    department: str
    practitioner: str
    call: Rung | None
    called_at: datetime | None
    risk: float | None


def _answerless(now: datetime) -> ColumnElement[bool]:
    asked = exists().where(
        VisitReminder.appointment_id == Appointment.id,
        VisitReminder.step != MISSED,
        or_(VisitReminder.state == Told.CALL, VisitReminder.at <= now - ANSWER_WITHIN),
    )
    return and_(
        Appointment.status == Status.BOOKED,
        Appointment.start > now,
        asked,
        or_(ComingVisit.confirmed_at.is_(None), ComingVisit.appointment_id.is_(None)),
        or_(ComingVisit.call.is_(None), ComingVisit.call == Rung.NO_ANSWER),
    )


async def unconfirmed(
    session: AsyncSession, last_day: date, *, now: datetime, limit: int = 200
) -> list[Unconfirmed]:
    """Reminded, not answered, not yet reached: up to `last_day`; the likeliest to be missed first within a day."""
    query = (
        select(Appointment, Patient, HealthcareService.name, Practitioner.name, ComingVisit)
        .join(Patient, Patient.id == Appointment.patient_id)
        .join(HealthcareService, HealthcareService.id == Appointment.department_id)
        .join(Practitioner, Practitioner.id == Appointment.practitioner_id)
        .outerjoin(ComingVisit, _heard)
        .where(_answerless(now), Appointment.day <= last_day)
        .order_by(Appointment.day, ComingVisit.risk.desc().nulls_last(), Appointment.start, Appointment.id)
        .limit(limit)
        .execution_options(populate_existing=True)
    )
    return [
        Unconfirmed(
            row.id,
            patient,
            row.start,
            department,
            doctor,
            Rung(heard.call) if heard is not None and heard.call else None,
            heard.called_at if heard is not None else None,
            heard.risk if heard is not None else None,
        )
        for row, patient, department, doctor, heard in await session.execute(query)
    ]
