"""Tasks: what a person must do, opened once, taken once, done once."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from care.desk.models import DeskTask, TaskKind
from care.rows import add_new


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
