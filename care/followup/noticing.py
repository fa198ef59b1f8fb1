"""Who is overdue: found in one statement, kept in another. Run as often as one likes; nobody is noticed twice."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, and_, exists, func, or_, select, union_all
from sqlalchemy.ext.asyncio import AsyncSession

from care.appointments.models import Appointment, Status
from care.followup.models import RUNNING, Loss, LossReason, Stage
from care.followup.rules import Rule
from care.patients.models import Condition, Patient, PatientStatus
from care.records.models import Encounter, EncounterKind
from channels.chinatime import CHINA
from store.database import insert_many
from store.ids import new_id

_NOT_DUE = (Status.CANCELLED, Status.PROPOSED)


async def notice(session: AsyncSession, rule: Rule, *, today: date, now: datetime, limit: int) -> int:
    """Keep up to `limit` patients who have this rule's diagnosis, still live here, and were neither seen nor due to be seen within
    its days. Returns how many are new."""
    since = today - rule.overdue
    patient_id = Condition.patient_id
    missed = (
        select(patient_id, func.min(Condition.recorded_date).label("recorded"))
        .join(Patient, Patient.id == patient_id)
        .where(
            Patient.status == PatientStatus.ACTIVE,
            _coded(rule.codes),
            Condition.recorded_date <= since,
            or_(Condition.ended_date.is_(None), Condition.ended_date > today),
            ~exists().where(
                Encounter.patient_id == patient_id,
                or_(
                    Encounter.start_date > since,
                    Encounter.end_date > since,
                    and_(Encounter.kind == EncounterKind.INPATIENT, Encounter.end_date.is_(None)),
                ),
            ),
            ~exists().where(
                Appointment.patient_id == patient_id,
                Appointment.day > since,
                Appointment.status.not_in(_NOT_DUE),
            ),
            ~exists().where(
                Loss.patient_id == patient_id,
                or_(Loss.stage.in_((*RUNNING, Stage.LOST)), Loss.closed_at > now - rule.overdue),
            ),
        )
        .group_by(patient_id)
        .order_by(patient_id)
        .limit(limit)
    )
    recorded = {row[0]: row[1] for row in await session.execute(missed)}
    if not recorded:
        return 0
    last = await _last_days(session, list(recorded))
    rows = [
        {
            "id": new_id(),
            "patient_id": one,
            "rule": rule.name,
            "since": last.get(one, (day, None))[0],
            "department_id": last.get(one, (day, None))[1],
            "stage": Stage.DOCTOR.value,
            "reason": LossReason.OVERDUE.value,
            "told": False,
            "noticed_at": now,
            "stage_at": now,
        }
        for one, day in recorded.items()
    ]
    before = await _running(session)
    await insert_many(session, Loss, rows)
    return await _running(session) - before


def _coded(codes: tuple[str, ...]) -> ColumnElement[bool]:
    """By the beginning, as a range of the index: `I10` to before `I10\\uffff`."""
    return or_(*(and_(Condition.code >= one, Condition.code < f"{one}\uffff") for one in codes))


async def _last_days(session: AsyncSession, ids: list[UUID]) -> dict[UUID, tuple[date, UUID | None]]:
    """The last visit, stay, appointment that was due, or recovery of each, and the department of it."""
    seen: Any = union_all(
        select(
            Encounter.patient_id,
            func.coalesce(Encounter.end_date, Encounter.start_date).label("day"),
            Encounter.department_id,
        ).where(Encounter.patient_id.in_(ids)),
        select(Appointment.patient_id, Appointment.day, Appointment.department_id).where(
            Appointment.patient_id.in_(ids), Appointment.status.not_in(_NOT_DUE)
        ),
    ).subquery()
    found: dict[UUID, tuple[date, UUID | None]] = {}
    for patient_id, day, department_id in await session.execute(select(seen).order_by(seen.c.day)):
        found[patient_id] = (day, department_id)
    back = select(Loss.patient_id, Loss.closed_at, Loss.department_id).where(
        Loss.patient_id.in_(ids), Loss.stage == Stage.RECOVERED, Loss.closed_at.is_not(None)
    )
    for patient_id, closed_at, department_id in await session.execute(back):
        assert closed_at is not None  # asked for
        before, day = found.get(patient_id), closed_at.astimezone(CHINA).date()
        if before is None or before[0] < day:
            found[patient_id] = (day, department_id)
    return found


async def _running(session: AsyncSession) -> int:
    return await session.scalar(select(func.count()).where(Loss.stage == Stage.DOCTOR)) or 0
