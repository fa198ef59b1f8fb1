"""Who is overdue, and how far it has come: the list behind the word to the doctor. A handful of statements whatever its length."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal
from uuid import UUID

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from care.access import service as access
from care.access.models import CareTeamMember, TeamRole
from care.followup import losses, service
from care.followup.models import RUNNING, Loss, LossReason
from care.followup.responsible import doctors_of
from care.hospital.models import HealthcareService
from care.patients import service as patients
from care.patients.models import Patient, PatientStatus
from care.reach.models import StaffNotice
from store import audit
from web.signin.models import StaffUser

Show = Literal["mine", "running", "lost", "recovered"]
Ending = Literal["found", "transferred", "moved", "died"]
FOR_GOOD = ("moved", "died")
"""Endings that mark the record and cannot be taken back here."""
MOST = 100
"""On one page, the longest overdue first; what ended: the latest first."""


@dataclass(frozen=True, slots=True)
class Line:
    """`hidden`: a confidential patient's, of whom nothing is said. `word`: the day's word as (to, channel, status); None: none was
    written. `days`: since the last visit."""

    loss: Loss
    patient: Patient
    hidden: bool
    department: str
    doctor: UUID | None
    word: tuple[UUID, str, str] | None
    days: int

    @property
    def running(self) -> bool:
        return self.loss.stage in RUNNING


async def lines(
    session: AsyncSession, staff: StaffUser, show: Show, reason: str, *, today: date, now: datetime
) -> list[Line]:
    query = (
        select(Loss, Patient, HealthcareService.name, StaffNotice)
        .join(Patient, Patient.id == Loss.patient_id)
        .outerjoin(HealthcareService, HealthcareService.id == Loss.department_id)
        .outerjoin(StaffNotice, StaffNotice.id == Loss.word_id)
        .where(*_which(show, staff.id))
        .order_by(Loss.since if show in ("mine", "running") else Loss.closed_at.desc(), Loss.id)
        .limit(MOST)
    )
    if reason:
        query = query.where(Loss.reason == reason)
    rows = (await session.execute(query)).all()
    secret = await access.hidden(session, staff.id, [one.Patient for one in rows], now=now)
    doctors = await doctors_of(session, [one.Patient.id for one in rows])
    return [
        Line(
            loss,
            patient,
            patient.id in secret,
            department or "",
            doctors.get(patient.id),
            (word.staff_id, word.channel, word.status) if word is not None else None,
            (today - loss.since).days,
        )
        for loss, patient, department, word in rows
    ]


def _which(show: Show, staff_id: UUID) -> Sequence[ColumnElement[bool]]:
    match show:
        case "lost" | "recovered":
            return (Loss.stage == show,)
        case "mine":
            mine = select(CareTeamMember.patient_id).where(
                CareTeamMember.staff_id == staff_id, CareTeamMember.role == TeamRole.DOCTOR
            )
            told = select(StaffNotice.id).where(
                StaffNotice.staff_id == staff_id, StaffNotice.kind == "overdue"
            )
            return Loss.stage.in_(RUNNING), Loss.patient_id.in_(mine) | Loss.word_id.in_(told)
        case _:
            return (Loss.stage.in_(RUNNING),)


async def counts(session: AsyncSession, since: datetime) -> dict[str, int]:
    """By stage: of those that ended, since then."""
    live = Loss.stage.in_(RUNNING)
    rows = await session.execute(
        select(Loss.stage, func.count()).where(live | (Loss.closed_at >= since)).group_by(Loss.stage)
    )
    return dict(rows.tuples().all())


async def end(
    session: AsyncSession, loss: Loss, patient: Patient, how: Ending, *, by: UUID, now: datetime
) -> bool:
    """What a member of staff knows of the patient. False: it is over already. Who died or moved is marked so in the record, which ends
    plans and calls; nothing more is sent to them."""
    if loss.stage not in (RUNNING if how != "found" else losses.BACK):
        return False
    actor = audit.subject_of("staff", by)
    if how == "found":
        if not await losses.recover(session, patient.id, "staff", now):
            return False
    else:
        if how in FOR_GOOD:
            await patients.set_status(session, patient, PatientStatus(how), at=now, actor=actor)
            await service.drop(session, patient_id=patient.id, reason=how, now=now, by=by)
        else:
            await service.drop(session, keys=[losses.call_key(loss.id)], reason=how, now=now, by=by)
        await losses.lose(session, patient.id, LossReason(how), now)
    audit.record(
        session,
        actor=actor,
        action="followup.ended",
        subject=audit.subject_of("patient", patient.id),
        at=now,
        detail={"how": how},
    )
    return True
