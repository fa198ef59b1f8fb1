"""Handing a shift over: what is open is counted and kept, the next person signs, and what the giver had in hand becomes theirs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from care.alerts import service as alerts
from care.alerts.models import Alert
from care.desk import service as desk
from care.desk.models import DeskTask, Handoff
from care.duty.models import Handover
from store import audit

UNSIGNED_FOR = timedelta(days=3)
"""So long an unsigned one is shown to everybody; ours."""
SHOWN = 20


@dataclass(frozen=True, slots=True)
class Held:
    """What one person leaves: alerts and tasks that are theirs or nobody's yet, conversations they have in hand."""

    alerts: tuple[UUID, ...]
    conversations: tuple[UUID, ...]
    tasks: tuple[UUID, ...]
    late_tasks: int

    def to_json(self) -> dict[str, object]:
        return {
            "alerts": [str(one) for one in self.alerts],
            "conversations": [str(one) for one in self.conversations],
            "tasks": [str(one) for one in self.tasks],
            "late_tasks": self.late_tasks,
        }


async def held_by(session: AsyncSession, staff_id: UUID, now: datetime) -> Held:
    """As things stand now."""
    burning = await session.scalars(
        select(Alert.id)
        .where(Alert.status != "closed", or_(Alert.owner_id == staff_id, Alert.status == "open"))
        .order_by(Alert.opened_at)
    )
    talks = await session.scalars(
        select(Handoff.conversation_id).where(Handoff.state == "taken", Handoff.staff_id == staff_id)
    )
    tasks = (
        await session.execute(
            select(DeskTask.id, DeskTask.due_at)
            .where(
                DeskTask.status != "done",
                or_(DeskTask.assigned_to == staff_id, DeskTask.assigned_to.is_(None)),
            )
            .order_by(DeskTask.due_at)
        )
    ).all()
    return Held(
        tuple(burning),
        tuple(talks),
        tuple(row[0] for row in tasks),
        sum(row[1] < now for row in tasks),
    )


async def give(session: AsyncSession, staff_id: UUID, note: str, now: datetime) -> Handover:
    """Leave the shift to the next; it is theirs once signed. A newer one of the same person takes an unsigned one's place."""
    held = await held_by(session, staff_id, now)
    standing = await session.scalars(
        select(Handover).where(Handover.given_by == staff_id, Handover.signed_at.is_(None))
    )
    for older in standing:
        await session.delete(older)
    row = Handover(given_by=staff_id, given_at=now, note=note.strip() or None, held=held.to_json())
    session.add(row)
    _audit(session, staff_id, "handover.give", row.id, now)
    return row


async def sign(session: AsyncSession, handover_id: UUID, *, staff_id: UUID, now: datetime) -> bool:
    """Take the shift over. Alerts, conversations and tasks the giver still has in hand pass to the signer.

    False for one's own, and when somebody was first.
    """
    changed = await session.execute(
        update(Handover)
        .where(Handover.id == handover_id, Handover.signed_at.is_(None), Handover.given_by != staff_id)
        .values(signed_by=staff_id, signed_at=now)
        .returning(Handover.given_by)
        .execution_options(synchronize_session=False)
    )
    giver = changed.scalar()
    if giver is None:
        return False
    theirs = await session.scalars(select(Alert.id).where(Alert.owner_id == giver, Alert.status != "closed"))
    for alert_id in theirs.all():
        await alerts.assign(session, alert_id, staff_id, staff_id=staff_id, now=now)
    talks = await session.scalars(
        select(Handoff.conversation_id).where(Handoff.state == "taken", Handoff.staff_id == giver)
    )
    for conversation_id in talks.all():
        await desk.pass_on(session, conversation_id, staff_id=giver, to_staff=staff_id, now=now)
    await session.execute(
        update(DeskTask)
        .where(DeskTask.assigned_to == giver, DeskTask.status == "taken")
        .values(assigned_to=staff_id)
    )
    _audit(session, staff_id, "handover.sign", handover_id, now)
    return True


async def waiting(session: AsyncSession, now: datetime) -> Sequence[Handover]:
    """What nobody has taken over yet, the oldest first."""
    query = select(Handover).where(Handover.signed_at.is_(None), Handover.given_at > now - UNSIGNED_FOR)
    return (await session.scalars(query.order_by(Handover.given_at))).all()


async def past(session: AsyncSession) -> Sequence[Handover]:
    """The last ones that were taken over."""
    query = select(Handover).where(Handover.signed_at.is_not(None))
    return (await session.scalars(query.order_by(Handover.signed_at.desc()).limit(SHOWN))).all()


async def gone_since(session: AsyncSession, rows: Sequence[Handover]) -> dict[UUID, int]:
    """Of the alerts each row named, how many are still not closed."""
    ids = {UUID(one) for row in rows for one in row.held["alerts"]}
    still = set(await session.scalars(select(Alert.id).where(Alert.id.in_(ids), Alert.status != "closed")))
    return {row.id: sum(UUID(one) in still for one in row.held["alerts"]) for row in rows}


def _audit(session: AsyncSession, staff_id: UUID, action: str, handover_id: UUID, now: datetime) -> None:
    audit.record(
        session,
        actor=audit.subject_of("staff", staff_id),
        action=action,
        subject=audit.subject_of("handover", handover_id),
        at=now,
    )
