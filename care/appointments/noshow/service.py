"""The hospital's own history, the nightly training, and the score of each visit to come. Nothing here commits."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Row, case, func, literal, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from care.appointments.coming.models import ComingVisit
from care.appointments.models import Appointment, Status
from care.appointments.noshow import model
from care.appointments.noshow.model import Fitted, Visit
from care.appointments.noshow.models import NoshowModel, Verdict
from care.patients.models import Patient
from store.database import insert_many

BACK = timedelta(days=730)
AHEAD = timedelta(days=30)
MOST = 200_000
"""Visits a training reads at most, the newest."""
_KEPT = (Status.FULFILLED, Status.ARRIVED)


async def history(session: AsyncSession, now: datetime) -> list[tuple[Visit, bool]]:
    """Visits of two years that were kept or missed, oldest first; cancelled ones say nothing of staying away."""
    over = [Status.NOSHOW, *_KEPT]
    earlier: dict[str, Any] = {
        "partition_by": Appointment.patient_id,
        "order_by": (Appointment.start, Appointment.id),
        "rows": (None, -1),
    }
    missed = case((Appointment.status == Status.NOSHOW, 1), else_=0)
    query = (
        select(
            Appointment.created_at,
            Appointment.start,
            Appointment.day,
            Appointment.part,
            Patient.birth_year,
            func.coalesce(func.sum(missed).over(**earlier), 0).label("missed_before"),
            func.count().over(**earlier).label("before"),
            Appointment.status,
        )
        .join(Patient, Patient.id == Appointment.patient_id)
        .where(Appointment.status.in_(over), Appointment.start > now - BACK, Appointment.start <= now)
        .order_by(Appointment.start.desc(), Appointment.id.desc())
        .limit(MOST)
    )
    rows = (await session.execute(query)).all()
    return [(_visit(row), row.status == Status.NOSHOW) for row in reversed(rows)]


def _visit(row: Row[Any]) -> Visit:
    missed, before = int(row.missed_before), int(row.before)
    return Visit(row.created_at, row.start, row.day, row.part, row.birth_year, missed, before - missed)


async def keep(session: AsyncSession, fitted: Fitted, now: datetime) -> NoshowModel:
    row = NoshowModel(
        trained_at=now,
        verdict=fitted.verdict,
        visits=fitted.visits,
        missed=fitted.missed,
        brier=fitted.brier,
        brier_base=fitted.brier_base,
        bins=[list(one) for one in fitted.bins],
        weights=fitted.weights,
        means=fitted.means,
        intercept=fitted.intercept,
    )
    session.add(row)
    await session.flush()
    return row


async def latest(session: AsyncSession) -> NoshowModel | None:
    newest = select(NoshowModel).order_by(NoshowModel.trained_at.desc(), NoshowModel.id.desc()).limit(1)
    return (await session.scalars(newest)).first()


async def score(session: AsyncSession, trained: NoshowModel | None, now: datetime) -> int:
    """Each booked visit of the next weeks; how many. Without a model that is good all scores are taken away."""
    none = (
        update(ComingVisit).where(ComingVisit.risk.is_not(None)).values(risk=None, risk_why=[], scored_at=now)
    )
    await session.execute(none.execution_options(synchronize_session=False))
    if trained is None or trained.verdict != Verdict.GOOD:
        return 0
    rows = await _ahead(session, now)
    if not rows:
        return 0
    fresh = [{"appointment_id": row.id, "patient_id": row.patient_id, "risk_why": []} for row in rows]
    await insert_many(session, ComingVisit, fresh)
    scored = []
    for row in rows:
        chance, why = model.risk(_visit(row), trained.weights, trained.means, trained.intercept)
        scored.append(
            {
                "appointment_id": row.id,
                "risk": chance,
                "risk_why": [list(one) for one in why],
                "scored_at": now,
            }
        )
    await session.execute(update(ComingVisit), scored)
    return len(scored)


async def _ahead(session: AsyncSession, now: datetime) -> Sequence[Row[Any]]:
    past = (
        select(
            Appointment.patient_id,
            func.sum(case((Appointment.status == Status.NOSHOW, 1), else_=0)).label("missed"),
            func.count().label("visits"),
        )
        .where(
            Appointment.status.in_([Status.NOSHOW, *_KEPT]),
            Appointment.start > now - BACK,
            Appointment.start <= now,
        )
        .group_by(Appointment.patient_id)
        .subquery()
    )
    query = (
        select(
            Appointment.id,
            Appointment.patient_id,
            Appointment.created_at,
            Appointment.start,
            Appointment.day,
            Appointment.part,
            Patient.birth_year,
            func.coalesce(past.c.missed, literal(0)).label("missed_before"),
            func.coalesce(past.c.visits, literal(0)).label("before"),
        )
        .join(Patient, Patient.id == Appointment.patient_id)
        .outerjoin(past, past.c.patient_id == Appointment.patient_id)
        .where(Appointment.status == Status.BOOKED, Appointment.start > now, Appointment.start <= now + AHEAD)
    )
    rows: Sequence[Row[Any]] = (await session.execute(query)).all()
    return rows


async def likely(
    session: AsyncSession, at_least: float, now: datetime, limit: int = 30
) -> list[tuple[UUID, Patient, datetime, float, list[tuple[str, float]]]]:
    """Visits to come with this risk or more: appointment, patient, start, risk, why; the likeliest first."""
    query = (
        select(ComingVisit, Appointment.start, Patient)
        .join(Appointment, Appointment.id == ComingVisit.appointment_id)
        .join(Patient, Patient.id == ComingVisit.patient_id)
        .where(Appointment.status == Status.BOOKED, Appointment.start > now, ComingVisit.risk >= at_least)
        .order_by(ComingVisit.risk.desc(), ComingVisit.appointment_id)
        .limit(limit)
        .execution_options(populate_existing=True)
    )
    return [
        (
            row.appointment_id,
            patient,
            start,
            float(row.risk or 0),
            [(str(n), float(v)) for n, v in row.risk_why],
        )
        for row, start, patient in await session.execute(query)
    ]
