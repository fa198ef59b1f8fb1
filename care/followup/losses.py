"""How a loss ends, one patient at a time: found again, or lost with a reason. `lost.py` does it for everybody by night. Nothing commits."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import case, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from care.desk import service as desk
from care.followup import service
from care.followup.models import RUNNING, Loss, LossReason, Stage
from care.rows import add_new
from channels.chinatime import CHINA
from store import events

BACK = (*RUNNING, Stage.LOST)
"""Who can be found again: also those who were given up, except the dead."""


def task_key(loss_id: UUID) -> str:
    """Of the doctor's task."""
    return f"lost:{loss_id}:doctor"


def call_key(loss_id: UUID) -> str:
    return f"lost:{loss_id}"


async def recover(session: AsyncSession, patient_id: UUID, by: str, now: datetime) -> int:
    """`by`: `visit`, `answer`, `reply`, `staff`. Emits `followup.recovered`; 0: the patient was not lost."""
    changed = await session.execute(
        update(Loss)
        .where(Loss.patient_id == patient_id, Loss.stage.in_(BACK), Loss.reason != LossReason.DIED)
        .values(stage=Stage.RECOVERED, stage_at=now, next_at=None, recovered_by=by, closed_at=now)
        .returning(Loss.id)
        .execution_options(synchronize_session=False)
    )
    found = [row[0] for row in changed]
    for loss_id in found:
        await desk.finish_by_key(session, task_key(loss_id), staff_id=None, now=now)
    if found:
        await service.drop(session, keys=[call_key(one) for one in found], reason="recovered", now=now)
        events.emit(session, patient_id, "followup.recovered", now, by=by)
    return len(found)


def _kept(reason: LossReason) -> object:
    if reason is not LossReason.UNREACHABLE:
        return reason
    return case((Loss.reason == LossReason.OVERDUE, reason.value), else_=Loss.reason)


async def lose(session: AsyncSession, patient_id: UUID, reason: LossReason, now: datetime) -> None:
    """The running loss ends with its reason; where none runs, one is kept: a plan's call came to the same end. Who does not answer the
    telephone either keeps the reason that was known before (left the account, a wrong number)."""
    changed = await session.execute(
        update(Loss)
        .where(Loss.patient_id == patient_id, Loss.stage.in_(RUNNING))
        .values(stage=Stage.LOST, reason=_kept(reason), stage_at=now, next_at=None, closed_at=now)
        .returning(Loss.id)
        .execution_options(synchronize_session=False)
    )
    ended = [row[0] for row in changed]
    for loss_id in ended:
        await desk.finish_by_key(session, task_key(loss_id), staff_id=None, now=now)
    if not ended and not await _still_lost(session, patient_id, reason, now):
        return
    events.emit(session, patient_id, "followup.lost", now, reason=reason.value)


async def _still_lost(session: AsyncSession, patient_id: UUID, reason: LossReason, now: datetime) -> bool:
    """None runs: who was given up before keeps one row, with the reason known now. False: nothing is new."""
    before = (
        await session.scalars(
            select(Loss)
            .where(Loss.patient_id == patient_id, Loss.stage == Stage.LOST)
            .order_by(Loss.closed_at.desc())
            .limit(1)
            .with_for_update()
            .execution_options(populate_existing=True)
        )
    ).first()
    if before is not None:
        new = reason not in (before.reason, LossReason.UNREACHABLE)
        before.reason = reason if new else before.reason
        return new
    row = Loss(
        patient_id=patient_id,
        rule="call",
        since=now.astimezone(CHINA).date(),
        stage=Stage.LOST,
        reason=reason,
        told=True,
        noticed_at=now,
        stage_at=now,
        closed_at=now,
    )
    return await add_new(session, row)
