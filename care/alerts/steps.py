"""Each step of an alert's life: a row, an audit row, and where people are called, word to those away from the screen."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from care.alerts import chain
from care.alerts.models import Alert, AlertStep, StepKind
from care.duty.service import Called
from care.reach import service as reach
from store import audit


async def add(
    session: AsyncSession,
    alert: Alert,
    kind: StepKind,
    now: datetime,
    *,
    by: UUID | None = None,
    called: Called | None = None,
    outcome: str | None = None,
    note: str | None = None,
) -> AlertStep:
    """Keep the step. `called`: whom it calls; the audit row holds ids and codes only."""
    step = AlertStep(
        alert_id=alert.id,
        at=now,
        kind=kind,
        level=alert.level,
        by=by,
        told=[str(one) for one in called.staff] if called else [],
        how=called.how if called else None,
        outcome=outcome,
        note=note or None,
    )
    session.add(step)
    detail: dict[str, object] = {"level": alert.level}
    if called:
        detail |= {"told": step.told, "how": called.how}
    if outcome:
        detail["outcome"] = outcome
    audit.record(
        session,
        actor=audit.subject_of("staff", by) if by else "system",
        action=f"alert.{_ACTION.get(kind, kind)}",
        subject=audit.subject_of("alert", alert.id),
        at=now,
        detail=detail,
    )
    return step


async def call_up(
    session: AsyncSession, alert: Alert, step: AlertStep, called: Called, now: datetime, *, all_of_them: bool
) -> None:
    """Word to whom the step calls. Unless `all_of_them`, only to those who are away from the screen."""
    await session.flush()
    staff = called.staff
    if not all_of_them:
        at_screen = await reach.at_screen(session, staff, chain.current().away)
        staff = tuple(one for one in staff if one not in at_screen)
    await reach.tell(session, staff, alert_id=alert.id, step_id=step.id, now=now)


async def of(session: AsyncSession, alert_ids: Sequence[UUID]) -> dict[UUID, list[AlertStep]]:
    """The steps of several alerts, oldest first."""
    found: dict[UUID, list[AlertStep]] = {one: [] for one in alert_ids}
    rows = await session.scalars(
        select(AlertStep).where(AlertStep.alert_id.in_(alert_ids)).order_by(AlertStep.at, AlertStep.id)
    )
    for row in rows:
        found[row.alert_id].append(row)
    return found


_ACTION = {
    StepKind.OPENED: "open",
    StepKind.ESCALATED: "escalate",
    StepKind.REPEATED: "repeat",
    StepKind.REMINDED: "remind",
    StepKind.ACKNOWLEDGED: "acknowledge",
    StepKind.ASSIGNED: "assign",
    StepKind.NOTED: "note",
    StepKind.CLOSED: "close",
    StepKind.REOPENED: "reopen",
}
