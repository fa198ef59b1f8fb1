"""Opening, acknowledging and closing alerts. An alert always brings a desk task that is due now."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import case, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from care.alerts.models import Alert, AlertKind
from care.desk import service as desk
from care.desk.models import TaskKind
from care.rows import add_new
from store import audit, events


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
) -> tuple[Alert, bool]:
    """Open an alert once per inbound message and kind (or per `dedup_key`). Returns it and whether it is new.

    Emits `alert.opened` for a known patient.
    """
    key = dedup_key or (f"{inbound_id}:{kind}" if inbound_id else None)
    if key is None:
        raise ValueError("an alert needs the inbound id or a dedup_key, or a replay would open it twice")
    row = Alert(
        dedup_key=key,
        kind=kind,
        conversation_id=conversation_id,
        contact_id=contact_id,
        patient_id=patient_id,
        inbound_id=inbound_id,
        text=text,
        opened_at=now,
        status="open",
    )
    new = await add_new(session, row)
    stored = (await session.scalars(select(Alert).where(Alert.dedup_key == key))).one()
    if new:
        await desk.open_task(
            session,
            TaskKind.ALERT,
            dedup_key=f"alert:{stored.id}",
            now=now,
            due_at=now,
            conversation_id=conversation_id,
            contact_id=contact_id,
            patient_id=patient_id,
        )
        if patient_id is not None:
            events.emit(session, patient_id, "alert.opened", now, alert_id=str(stored.id), alert=kind.value)
    return stored, new


async def acknowledge(session: AsyncSession, alert_id: UUID, *, staff_id: UUID, now: datetime) -> bool:
    """Someone has seen it. False when another was first."""
    changed = await session.execute(
        update(Alert)
        .where(Alert.id == alert_id, Alert.status == "open")
        .values(status="acknowledged", acknowledged_at=now, acknowledged_by=staff_id)
        .returning(Alert.id)
    )
    if changed.first() is None:
        return False
    subject = audit.subject_of("alert", alert_id)
    audit.record(session, actor=f"staff:{staff_id}", action="alert.acknowledge", subject=subject, at=now)
    return True


async def false_alarm(session: AsyncSession, alert_id: UUID, *, now: datetime) -> bool:
    """The person said it was none. The alert stays open, below the others, until a nurse closes it."""
    changed = await session.execute(
        update(Alert)
        .where(Alert.id == alert_id, Alert.status != "closed", Alert.false_alarm_at.is_(None))
        .values(false_alarm_at=now)
        .returning(Alert.id)
    )
    return changed.first() is not None


async def close(
    session: AsyncSession, alert_id: UUID, *, staff_id: UUID, now: datetime, note: str | None = None
) -> bool:
    """Dealt with; its desk task is done too. False when it was closed already."""
    row = await session.get(Alert, alert_id, populate_existing=True)
    if row is None or row.status == "closed":
        return False
    if row.acknowledged_at is None:
        row.acknowledged_at, row.acknowledged_by = now, staff_id
    row.status, row.closed_at, row.closed_by = "closed", now, staff_id
    if note:
        row.note = note
    await desk.finish_by_key(session, f"alert:{alert_id}", now=now, staff_id=staff_id)
    subject = audit.subject_of("alert", alert_id)
    audit.record(session, actor=f"staff:{staff_id}", action="alert.close", subject=subject, at=now)
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
            case((Alert.kind == AlertKind.RED_FLAG, 1), else_=0),
            Alert.opened_at,
        )
        .limit(limit)
    )
    return (await session.scalars(query)).all()
