"""Desk tasks and hand-off."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal
from uuid import UUID

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from care.desk.hours import DutyHours
from care.desk.models import DeskTask, Handoff, TaskKind
from care.rows import add_new
from store import audit
from store.clock import Clock

ANSWER_WITHIN = timedelta(minutes=30)


@dataclass(frozen=True, slots=True)
class InCharge:
    """`waiting`: a person was asked for, nobody has taken it.

    `taken`: `staff_id` answers; the bot is silent.
    """

    state: Literal["waiting", "taken"]
    staff_id: UUID | None
    due_at: datetime


@dataclass(frozen=True, slots=True)
class HandoffStarted:
    """What to tell the patient: someone is there now, or by when they answer (aware UTC).

    `new`: not waiting already.
    """

    on_duty: bool
    due_at: datetime
    new: bool


# --- tasks ---


async def open_task(
    session: AsyncSession,
    kind: TaskKind,
    *,
    dedup_key: str,
    now: datetime,
    due_at: datetime,
    note: str | None = None,
    conversation_id: UUID | None = None,
    contact_id: UUID | None = None,
    patient_id: UUID | None = None,
) -> tuple[DeskTask, bool]:
    """Open a task once per `dedup_key`. Returns it and whether it is new."""
    row = DeskTask(
        dedup_key=dedup_key,
        kind=kind,
        note=note,
        status="open",
        conversation_id=conversation_id,
        contact_id=contact_id,
        patient_id=patient_id,
        created_at=now,
        due_at=due_at,
    )
    new = await add_new(session, row)
    stored = (await session.scalars(select(DeskTask).where(DeskTask.dedup_key == dedup_key))).one()
    return stored, new


async def open_tasks(
    session: AsyncSession, *, kind: TaskKind | None = None, limit: int = 100
) -> Sequence[DeskTask]:
    """Tasks not done, the most urgent first."""
    query = select(DeskTask).where(DeskTask.status != "done").order_by(DeskTask.due_at, DeskTask.id)
    if kind is not None:
        query = query.where(DeskTask.kind == kind)
    return (await session.scalars(query.limit(limit))).all()


async def take_task(session: AsyncSession, task_id: UUID, *, staff_id: UUID) -> bool:
    """False when it was taken or done by another."""
    changed = await session.execute(
        update(DeskTask)
        .where(DeskTask.id == task_id, DeskTask.status == "open")
        .values(status="taken", assigned_to=staff_id)
        .returning(DeskTask.id)
    )
    return changed.first() is not None


async def finish_task(session: AsyncSession, task_id: UUID, *, staff_id: UUID, now: datetime) -> bool:
    return await _finish(session, DeskTask.id == task_id, staff_id, now)


async def finish_by_key(
    session: AsyncSession, dedup_key: str, *, staff_id: UUID | None, now: datetime
) -> bool:
    """Finish the task with this key, if it is open; `staff_id` None: it settled by itself."""
    return await _finish(session, DeskTask.dedup_key == dedup_key, staff_id, now)


async def _finish(session: AsyncSession, which: object, staff_id: UUID | None, now: datetime) -> bool:
    changed = await session.execute(
        update(DeskTask)
        .where(which, DeskTask.status != "done")  # type: ignore[arg-type]
        .values(status="done", done_at=now, done_by=staff_id)
        .returning(DeskTask.id)
    )
    return changed.first() is not None


# --- hand-off ---


async def in_charge(session: AsyncSession, conversation_id: UUID) -> InCharge | None:
    """Who answers this conversation; None: the bot."""
    row = await _handoff(session, conversation_id)
    if row is None or row.state not in ("waiting", "taken"):
        return None
    return InCharge("taken" if row.state == "taken" else "waiting", row.staff_id, row.due_at)


async def in_charge_of(session: AsyncSession, conversation_ids: Sequence[UUID]) -> dict[UUID, InCharge]:
    """As `in_charge`, for several conversations; those the bot has are left out."""
    rows = await session.scalars(
        select(Handoff).where(
            Handoff.conversation_id.in_(conversation_ids), Handoff.state.in_(("waiting", "taken"))
        )
    )
    return {
        row.conversation_id: InCharge(
            "taken" if row.state == "taken" else "waiting", row.staff_id, row.due_at
        )
        for row in rows
    }


async def start(
    session: AsyncSession,
    conversation_id: UUID,
    *,
    clock: Clock,
    hours: DutyHours,
    note: str | None = None,
    contact_id: UUID | None = None,
    patient_id: UUID | None = None,
    within: timedelta = ANSWER_WITHIN,
) -> HandoffStarted:
    """Ask for a person. Asking again while one is waited for, or there, changes nothing."""
    now, local = clock.now(), clock.local_naive()
    on_duty = hours.on_duty(local)
    promised = hours.answer_by(local, within)
    due = clock.to_utc(promised) if promised is not None else now + timedelta(days=1)
    row = Handoff(
        conversation_id=conversation_id,
        contact_id=contact_id,
        patient_id=patient_id,
        state="waiting",
        requested_at=now,
        due_at=due,
    )
    if not await add_new(session, row):
        reopened = await session.execute(
            update(Handoff)
            .where(Handoff.conversation_id == conversation_id, Handoff.state == "back")
            .values(
                state="waiting",
                staff_id=None,
                requested_at=now,
                due_at=due,
                taken_at=None,
                contact_id=contact_id,
                patient_id=patient_id,
            )
            .returning(Handoff.id)
            .execution_options(synchronize_session=False)
        )
        if reopened.first() is None:
            standing = await _handoff(session, conversation_id)
            return HandoffStarted(on_duty, standing.due_at if standing else due, new=False)
    await open_task(
        session,
        TaskKind.HUMAN_REQUEST,
        dedup_key=_request_key(conversation_id, now),
        now=now,
        due_at=due,
        note=note,
        conversation_id=conversation_id,
        contact_id=contact_id,
        patient_id=patient_id,
    )
    return HandoffStarted(on_duty, due, new=True)


async def take(session: AsyncSession, conversation_id: UUID, *, staff_id: UUID, now: datetime) -> bool:
    """A nurse takes over: the bot falls silent. False when a colleague has it. May be done unasked."""
    row = Handoff(
        conversation_id=conversation_id,
        state="taken",
        staff_id=staff_id,
        requested_at=now,
        due_at=now,
        taken_at=now,
        last_staff_at=now,
    )
    if not await add_new(session, row):
        changed = await session.execute(
            update(Handoff)
            .where(Handoff.conversation_id == conversation_id, Handoff.state.in_(("waiting", "back")))
            .values(state="taken", staff_id=staff_id, taken_at=now, last_staff_at=now)
            .returning(Handoff.id)
            .execution_options(synchronize_session=False)
        )
        if changed.first() is None:
            return False
    await session.execute(
        update(DeskTask)
        .where(
            DeskTask.conversation_id == conversation_id,
            DeskTask.kind == TaskKind.HUMAN_REQUEST,
            DeskTask.status == "open",
        )
        .values(status="taken", assigned_to=staff_id)
    )
    _audit(session, conversation_id, f"staff:{staff_id}", "handoff.take", now)
    return True


async def hand_back(
    session: AsyncSession,
    conversation_id: UUID,
    *,
    now: datetime,
    staff_id: UUID | None = None,
    summary: str | None = None,
) -> bool:
    """Give the conversation back to the bot; `staff_id` None: nobody answered in time.

    False when the bot has it.
    """
    row = await _handoff(session, conversation_id)
    if row is None or row.state == "back":
        return False
    row.state, row.back_at = "back", now
    if summary:
        row.summary = summary
    await session.execute(
        update(DeskTask)
        .where(
            DeskTask.conversation_id == conversation_id,
            DeskTask.kind == TaskKind.HUMAN_REQUEST,
            DeskTask.status != "done",
        )
        .values(status="done", done_at=now, done_by=staff_id)
    )
    actor = f"staff:{staff_id}" if staff_id else "system"
    _audit(session, conversation_id, actor, "handoff.back", now)
    return True


async def touched(session: AsyncSession, conversation_id: UUID, *, now: datetime) -> None:
    """The person in charge wrote something: the take-over does not go stale."""
    await session.execute(
        update(Handoff).where(Handoff.conversation_id == conversation_id).values(last_staff_at=now)
    )


async def stale(session: AsyncSession, *, now: datetime, after: timedelta) -> Sequence[Handoff]:
    """Take-overs in which the person has been silent for `after`: to be handed back, and the patient told."""
    query = select(Handoff).where(Handoff.state == "taken", Handoff.last_staff_at < now - after)
    return (await session.scalars(query)).all()


async def _handoff(session: AsyncSession, conversation_id: UUID) -> Handoff | None:
    query = select(Handoff).where(Handoff.conversation_id == conversation_id)
    return (await session.scalars(query.execution_options(populate_existing=True))).one_or_none()


def _request_key(conversation_id: UUID, now: datetime) -> str:
    return f"human:{conversation_id}:{now.isoformat()}"


def _audit(session: AsyncSession, conversation_id: UUID, actor: str, action: str, now: datetime) -> None:
    subject = audit.subject_of("conversation", conversation_id)
    audit.record(session, actor=actor, action=action, subject=subject, at=now)
