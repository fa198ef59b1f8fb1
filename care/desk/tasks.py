"""Tasks: what a person must do, opened once, taken once, done once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from care.desk.models import CallOutcome, DeskTask, TaskKind
from care.rows import add_new

DONE_SHOWN = timedelta(days=2)


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


AGAIN = timedelta(hours=1)
"""When a call nobody answered is due again; ours."""


async def undo_task(session: AsyncSession, task_id: UUID) -> bool:
    """One step back: done becomes taken again, taken becomes open. False where it is open already."""
    row = await _locked(session, task_id)
    if row is None or row.status == "open":
        return False
    if row.status == "done" and row.assigned_to is not None:
        row.status = "taken"
    else:
        row.status, row.assigned_to = "open", None
    row.done_at, row.done_by, row.outcome = None, None, None
    return True


async def remark(session: AsyncSession, task_id: UUID, text: str) -> bool:
    """What staff write about doing it, under what was written before."""
    row = await _locked(session, task_id)
    if row is None or not text.strip():
        return False
    row.remark = f"{row.remark}\n{text.strip()}" if row.remark else text.strip()
    return True


async def called(
    session: AsyncSession, task_id: UUID, outcome: CallOutcome, *, staff_id: UUID, now: datetime
) -> bool:
    """How the call ended. Nobody answered, or another time was agreed on: the task is due again in an hour. False for one done."""
    row = await _locked(session, task_id)
    if row is None or row.status == "done":
        return False
    row.outcome = outcome
    row.tries += outcome is CallOutcome.NO_ANSWER
    if outcome in (CallOutcome.NO_ANSWER, CallOutcome.LATER):
        row.status, row.assigned_to, row.due_at = "taken", staff_id, now + AGAIN
    else:
        row.status, row.done_at, row.done_by = "done", now, staff_id
    return True


async def _locked(session: AsyncSession, task_id: UUID) -> DeskTask | None:
    found: DeskTask | None = await session.scalar(
        select(DeskTask)
        .where(DeskTask.id == task_id)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    return found


@dataclass(frozen=True, slots=True)
class TaskFilters:
    """`show`: open (default), mine, or what was done in the last two days."""

    show: str = "open"
    kind: str = ""


async def find_tasks(
    session: AsyncSession, filters: TaskFilters, staff_id: UUID, now: datetime, limit: int = 100
) -> Sequence[DeskTask]:
    """By due time; what is done by when it was done, the newest first."""
    rows = select(DeskTask)
    if filters.kind:
        rows = rows.where(DeskTask.kind == filters.kind)
    if filters.show == "done":
        rows = rows.where(DeskTask.status == "done", DeskTask.done_at > now - DONE_SHOWN)
        rows = rows.order_by(DeskTask.done_at.desc(), DeskTask.id)
    else:
        rows = rows.where(DeskTask.status != "done").order_by(DeskTask.due_at, DeskTask.id)
        if filters.show == "mine":
            rows = rows.where(DeskTask.assigned_to == staff_id)
    return (await session.scalars(rows.limit(limit).execution_options(populate_existing=True))).all()


async def due_tasks(session: AsyncSession, staff_id: UUID, now: datetime) -> int:
    """How many are due and nobody's, or due and the member of staff's own."""
    counted = select(func.count()).where(
        DeskTask.status != "done",
        DeskTask.due_at <= now,
        DeskTask.kind.not_in((TaskKind.ALERT, TaskKind.HUMAN_REQUEST)),
        DeskTask.assigned_to.is_(None) | (DeskTask.assigned_to == staff_id),
    )
    return await session.scalar(counted) or 0
