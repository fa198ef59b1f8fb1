"""An alert's life: opened, acknowledged, given to somebody, noted, closed. Each with its step and its audit row."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import case, func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from care.alerts import chain, steps
from care.alerts.models import Alert, AlertKind, Outcome, Severity, Source, StepKind
from care.desk import service as desk
from care.desk.models import DeskTask, TaskKind
from care.duty.service import Called, called_for
from care.reach import service as reach
from care.rows import add_new
from store import events

UNDO_WITHIN = timedelta(minutes=1)
"""So long a close may be taken back; ours."""


async def open_alert(
    session: AsyncSession,
    kind: AlertKind,
    *,
    text: str,
    now: datetime,
    inbound_id: UUID | None = None,
    dedup_key: str | None = None,
    conversation_id: UUID | None = None,
    contact_id: UUID | None = None,
    patient_id: UUID | None = None,
    severity: Severity | None = None,
    source: Source = "message",
    rule: str | None = None,
    title: str | None = None,
    response_id: UUID | None = None,
    department_id: UUID | None = None,
) -> tuple[Alert, bool]:
    """Open an alert once per inbound message and kind (or per `dedup_key`). Returns it and whether it is new.

    It has an owner and a time at once, and who is away from the screen gets word. Danger to life is an emergency; a red flag
    without a `severity` is urgent. Emits `alert.opened` for a known patient.
    """
    key = dedup_key or (f"{inbound_id}:{kind}" if inbound_id else None)
    if key is None:
        raise ValueError("an alert needs the inbound id or a dedup_key, or a replay would open it twice")
    grave = severity or ("urgent" if kind is AlertKind.RED_FLAG else "emergency")
    rules = chain.current()
    called = await called_for(session, chain.LEVELS[0], now, department_id)
    row = Alert(
        dedup_key=key[:120],
        kind=kind,
        severity=grave,
        source=source,
        rule=rule,
        title=title,
        conversation_id=conversation_id,
        contact_id=contact_id,
        patient_id=patient_id,
        inbound_id=inbound_id,
        response_id=response_id,
        department_id=department_id,
        text=text,
        opened_at=now,
        status="open",
        owner_id=await _least_busy(session, called),
        level=0,
        due_at=rules.due(grave, 0, now, rostered=called.rostered),
        attempts=0,
    )
    new = await add_new(session, row)
    stored = (await session.scalars(select(Alert).where(Alert.dedup_key == row.dedup_key))).one()
    if new:
        await _opened(session, stored, called, now)
    return stored, new


async def _opened(session: AsyncSession, alert: Alert, called: Called, now: datetime) -> None:
    await desk.open_task(
        session,
        TaskKind.ALERT,
        dedup_key=f"alert:{alert.id}",
        now=now,
        due_at=now if alert.severity == "emergency" else alert.due_at or now,
        conversation_id=alert.conversation_id,
        contact_id=alert.contact_id,
        patient_id=alert.patient_id,
    )
    step = await steps.add(session, alert, StepKind.OPENED, now, called=called)
    if chain.current().awake(alert.severity, now, rostered=called.rostered):
        await steps.call_up(session, alert, step, called, now, all_of_them=False)
    if alert.patient_id is not None:
        events.emit(
            session,
            alert.patient_id,
            "alert.opened",
            now,
            alert_id=str(alert.id),
            alert=alert.kind,
            severity=alert.severity,
        )


async def _least_busy(session: AsyncSession, called: Called) -> UUID | None:
    """Of those on the roster, who answers for the fewest alerts; where the roster is empty nobody is picked."""
    if not called.rostered:
        return None
    held = await session.execute(
        select(Alert.owner_id, func.count())
        .where(Alert.owner_id.in_(called.staff), Alert.status != "closed")
        .group_by(Alert.owner_id)
    )
    number = {row[0]: row[1] for row in held}
    return min(called.staff, key=lambda one: number.get(one, 0))


async def acknowledge(session: AsyncSession, alert_id: UUID, *, staff_id: UUID, now: datetime) -> bool:
    """Someone has seen it and answers for it from now on. False when another was first."""
    row = await _change(
        session,
        alert_id,
        "open",
        status="acknowledged",
        acknowledged_at=now,
        acknowledged_by=staff_id,
        owner_id=staff_id,
    )
    if row is None:
        return False
    row.due_at = now + chain.current().waits[row.severity].close
    await _task_to(session, alert_id, staff_id)
    await steps.add(session, row, StepKind.ACKNOWLEDGED, now, by=staff_id)
    await reach.drop(session, alert_id, now)
    return True


async def assign(session: AsyncSession, alert_id: UUID, to: UUID, *, staff_id: UUID, now: datetime) -> bool:
    """Give it to a colleague, who gets word; unseen, it goes on waiting for an acknowledgement. False when it is closed."""
    row = await _change(session, alert_id, "not closed", owner_id=to)
    if row is None:
        return False
    await _task_to(session, alert_id, to)
    called = Called((to,), "roster")
    step = await steps.add(session, row, StepKind.ASSIGNED, now, by=staff_id, called=called)
    if to != staff_id:
        await steps.call_up(session, row, step, called, now, all_of_them=False)
    return True


async def note(session: AsyncSession, alert_id: UUID, text: str, *, staff_id: UUID, now: datetime) -> bool:
    """Add a note; it never replaces an older one. False for an alert nobody knows. Raises `ValueError` for no words."""
    if not text.strip():
        raise ValueError("a note needs words")
    row = await session.get(Alert, alert_id)
    if row is None:
        return False
    await steps.add(session, row, StepKind.NOTED, now, by=staff_id, note=text.strip())
    return True


async def false_alarm(session: AsyncSession, alert_id: UUID, *, now: datetime) -> bool:
    """The person said it was none. The alert stays open, below the others and with a longer time, until a nurse closes it."""
    row = await session.get(Alert, alert_id, populate_existing=True)
    if row is None or row.status == "closed" or row.false_alarm_at is not None:
        return False
    values: dict[str, Any] = {"false_alarm_at": now}
    if row.status == "open":
        rules = chain.current()
        called = await called_for(session, chain.LEVELS[row.level], now, row.department_id)
        values["due_at"] = rules.due(rules.called_off, row.level, now, rostered=called.rostered)
    changed = await _change(session, alert_id, row.status, **values)
    if changed is None:
        return False
    await steps.add(session, changed, StepKind.FALSE_ALARM, now)
    return True


async def close(
    session: AsyncSession,
    alert_id: UUID,
    *,
    staff_id: UUID,
    now: datetime,
    note: str | None = None,
    outcome: Outcome = Outcome.OTHER,
) -> bool:
    """Dealt with; its desk task is done too. False when it was closed already."""
    row = await _change(
        session,
        alert_id,
        "not closed",
        status="closed",
        closed_at=now,
        closed_by=staff_id,
        outcome=outcome.value,
        due_at=None,
        acknowledged_at=func.coalesce(Alert.acknowledged_at, now),
        acknowledged_by=func.coalesce(Alert.acknowledged_by, staff_id),
        owner_id=func.coalesce(Alert.owner_id, staff_id),
    )
    if row is None:
        return False
    if note:
        row.note = note
    await desk.finish_by_key(session, f"alert:{alert_id}", now=now, staff_id=staff_id)
    await steps.add(session, row, StepKind.CLOSED, now, by=staff_id, outcome=outcome.value, note=note)
    await reach.drop(session, alert_id, now)
    return True


async def reopen(session: AsyncSession, alert_id: UUID, *, staff_id: UUID, now: datetime) -> bool:
    """Take back one's own close within `UNDO_WITHIN`. False when it is too late or was somebody else's."""
    row = await session.get(Alert, alert_id, populate_existing=True)
    late = row is None or row.closed_at is None or now - row.closed_at > UNDO_WITHIN
    if row is None or late or row.closed_by != staff_id:
        return False
    changed = await _change(
        session,
        alert_id,
        "closed",
        status="acknowledged",
        closed_at=None,
        closed_by=None,
        outcome=None,
        due_at=now + chain.current().waits[row.severity].close,
    )
    if changed is None:
        return False
    await session.execute(
        update(DeskTask)
        .where(DeskTask.dedup_key == f"alert:{alert_id}")
        .values(status="taken", assigned_to=staff_id, done_at=None, done_by=None)
    )
    await steps.add(session, changed, StepKind.REOPENED, now, by=staff_id)
    return True


async def open_alerts(session: AsyncSession, limit: int = 100) -> Sequence[Alert]:
    """Alerts not yet closed.

    Unseen before seen, false alarms last, danger to life before red flags, oldest first.
    """
    query = (
        select(Alert)
        .where(Alert.status != "closed")
        .order_by(
            case((Alert.status == "open", 0), else_=1),
            case((Alert.false_alarm_at.is_(None), 0), else_=1),
            case((Alert.severity == "emergency", 0), (Alert.severity == "urgent", 1), else_=2),
            Alert.opened_at,
        )
        .limit(limit)
    )
    return (await session.scalars(query)).all()


async def _change(session: AsyncSession, alert_id: UUID, was: str, /, **values: Any) -> Alert | None:
    """The alert after the change; None when it `was` something else meanwhile. What the chain was about to do with it is lost."""
    where = Alert.status != "closed" if was == "not closed" else Alert.status == was
    changed = await session.execute(
        update(Alert)
        .where(Alert.id == alert_id, where)
        .values(lease_token=None, lease_until=None, **values)
        .returning(Alert.id)
        .execution_options(synchronize_session=False)
    )
    if changed.first() is None:
        return None
    return await session.get_one(Alert, alert_id, populate_existing=True)


async def _task_to(session: AsyncSession, alert_id: UUID, staff_id: UUID) -> None:
    await session.execute(
        update(DeskTask)
        .where(DeskTask.dedup_key == f"alert:{alert_id}", DeskTask.status != "done")
        .values(status="taken", assigned_to=staff_id)
    )


async def figures(session: AsyncSession, now: datetime) -> tuple[dict[str, int], float]:
    """For the metrics: severity → alerts not closed, and how many seconds the oldest unacknowledged one has waited (0: none)."""
    rows = await session.execute(
        select(Alert.severity, func.count()).where(Alert.status != "closed").group_by(Alert.severity)
    )
    oldest = await session.scalar(select(func.min(Alert.opened_at)).where(Alert.status == "open"))
    waited = (now - oldest).total_seconds() if oldest is not None else 0.0
    return {row[0]: row[1] for row in rows}, max(0.0, waited)
