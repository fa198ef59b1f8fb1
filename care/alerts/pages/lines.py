"""The alerts as a page shows them: with the patient where the reader may see them, who has it, what happened so far."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal
from uuid import UUID

from sqlalchemy import Select, case, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from care.access import service as access
from care.alerts import steps
from care.alerts.models import Alert, AlertStep
from care.alerts.service import UNDO_WITHIN
from care.patients.models import Patient
from care.reach import service as reach
from channels.contacts.models import Contact
from store import audit
from web.signin import staffing
from web.signin.models import StaffUser

Show = Literal["open", "mine", "closed"]
PAGE = 50


@dataclass(frozen=True, slots=True)
class Filters:
    """`show`: what is not closed (default), of it what the reader answers for, or what was closed."""

    show: Show = "open"
    severity: str = ""

    def as_dict(self) -> dict[str, str]:
        return {"show": "" if self.show == "open" else self.show, "severity": self.severity}


@dataclass(frozen=True, slots=True)
class Line:
    """`hidden`: about a confidential patient who is not in the reader's charge: neither name nor words are shown.

    `told`: (step, channel, status) → words sent. `names`: staff id → name. `undo`: the reader may still take the close back.
    """

    alert: Alert
    patient: Patient | None
    channel: str | None
    hidden: bool
    steps: list[AlertStep]
    told: dict[tuple[UUID, str, str], int]
    names: dict[UUID | None, str]
    undo: bool = False
    said: str = field(default="")

    def of_step(self, step: AlertStep) -> list[tuple[str, str, int]]:
        """(channel, status, number) of the words that went out with a step."""
        return sorted((c, s, n) for (of, c, s), n in self.told.items() if of == step.id)

    def called(self, step: AlertStep) -> list[str]:
        return [self.names.get(UUID(one), "") for one in step.told]


async def lines(
    session: AsyncSession, staff: StaffUser, filters: Filters, now: datetime, *, limit: int = PAGE
) -> list[Line]:
    """The most urgent first (what was closed: the newest), and into the audit trail whom they are about."""
    alerts = (await session.scalars(_query(filters, staff).limit(limit))).all()
    patients = await _patients(session, alerts)
    hidden = await access.hidden(session, staff.id, patients.values(), now=now)
    of = await steps.of(session, [one.id for one in alerts])
    told = await reach.told(session, [one.id for one in alerts])
    people = {UUID(one) for kept in of.values() for step in kept for one in step.told}
    people |= {step.by for kept in of.values() for step in kept if step.by is not None}
    people |= {one.owner_id for one in alerts if one.owner_id is not None}
    names = await staffing.names(session, people)
    channels = await _channels(session, alerts)
    found = []
    for alert in alerts:
        patient = patients.get(alert.patient_id) if alert.patient_id else None
        covered = patient is not None and patient.id in hidden
        closed = alert.closed_at is not None and alert.closed_by == staff.id
        found.append(
            Line(
                alert=alert,
                patient=patient,
                channel=channels.get(alert.contact_id) if alert.contact_id else None,
                hidden=covered,
                steps=of[alert.id],
                told={key: number for key, number in told.items() if key[0] in {s.id for s in of[alert.id]}},
                names=names,
                undo=closed and alert.closed_at is not None and now - alert.closed_at <= UNDO_WITHIN,
                said="" if covered else alert.text or "",
            )
        )
    await _keep(session, staff, found, now)
    return found


async def summary(session: AsyncSession) -> dict[str, int]:
    """Severity → alerts nobody has acknowledged yet."""
    rows = await session.execute(
        select(Alert.severity, func.count()).where(Alert.status == "open").group_by(Alert.severity)
    )
    return {row[0]: row[1] for row in rows}


def _query(filters: Filters, staff: StaffUser) -> Select[Alert]:
    query = select(Alert)
    if filters.severity:
        query = query.where(Alert.severity == filters.severity)
    if filters.show == "closed":
        return query.where(Alert.status == "closed").order_by(Alert.closed_at.desc(), Alert.id.desc())
    query = query.where(Alert.status != "closed")
    if filters.show == "mine":
        query = query.where(Alert.owner_id == staff.id)
    return query.order_by(
        case((Alert.status == "open", 0), else_=1),
        case((Alert.false_alarm_at.is_(None), 0), else_=1),
        case((Alert.severity == "emergency", 0), (Alert.severity == "urgent", 1), else_=2),
        Alert.opened_at,
        Alert.id,
    )


async def _patients(session: AsyncSession, alerts: Sequence[Alert]) -> dict[UUID, Patient]:
    ids = {one.patient_id for one in alerts if one.patient_id is not None}
    rows = await session.scalars(select(Patient).where(Patient.id.in_(ids)))
    return {row.id: row for row in rows}


async def _channels(session: AsyncSession, alerts: Sequence[Alert]) -> dict[UUID, str]:
    ids = {one.contact_id for one in alerts if one.contact_id is not None}
    rows = await session.execute(select(Contact.id, Contact.channel).where(Contact.id.in_(ids)))
    return {row[0]: row[1] for row in rows}


async def _keep(session: AsyncSession, staff: StaffUser, found: Sequence[Line], now: datetime) -> None:
    """The list refreshes itself: a row for each in ten minutes."""
    shown = [one.patient.id for one in found if one.patient is not None and not one.hidden]
    await access.seen(session, staff, shown, "alerts", now=now, live=True)
    unbound = {
        audit.subject_of("contact", one.alert.contact_id)
        for one in found
        if one.patient is None and one.alert.contact_id is not None
    }
    await audit.read_live(session, staff.id, unbound, now, "alerts")
