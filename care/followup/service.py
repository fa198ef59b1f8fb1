"""Opening calls, and withdrawing them. What becomes of a call is in `calling.py`. Nothing here commits."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from uuid import UUID

from sqlalchemy import or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from care.followup.models import LIVE, CallStatus, FollowUpCall, FollowUpStep, StepKind
from care.rows import add_new


async def open_call(
    session: AsyncSession,
    patient_id: UUID,
    *,
    key: str,
    due_on: date,
    script: str,
    questionnaire: str | None = None,
    source: str,
    now: datetime,
    plan: str | None = None,
    touch_id: UUID | None = None,
) -> tuple[FollowUpCall, bool]:
    """Put a patient on the list of `due_on`, once per `key`. Returns the call and whether it is new.

    `script`: a template's name in `data/seed/followup_words.yml`, or the words to say.
    `source`: `plan`, `lost`, `staff`, `chase`, `missed`.
    """
    row = FollowUpCall(
        patient_id=patient_id,
        key=key[:160],
        due_on=due_on,
        script=script,
        questionnaire=questionnaire,
        source=source,
        plan=plan,
        touch_id=touch_id,
        status=CallStatus.OPEN,
        attempts=0,
        next_at=now,
        created_at=now,
    )
    new = await add_new(session, row)
    stored = (await session.scalars(select(FollowUpCall).where(FollowUpCall.key == row.key))).one()
    if new:
        step(session, stored.id, StepKind.OPENED, now)
    return stored, new


async def get(session: AsyncSession, call_id: UUID, *, lock: bool = False) -> FollowUpCall | None:
    found: FollowUpCall | None = await session.get(
        FollowUpCall, call_id, with_for_update=lock, populate_existing=True
    )
    return found


async def drop(
    session: AsyncSession,
    *,
    reason: str,
    now: datetime,
    patient_id: UUID | None = None,
    touch_ids: Sequence[UUID] = (),
    keys: Sequence[str] = (),
    by: UUID | None = None,
) -> int:
    """Nobody need ring any more: every live call of the patient, or those of the touches, or with these keys. How many."""
    if patient_id is None and not touch_ids and not keys:
        return 0
    which = or_(FollowUpCall.touch_id.in_(touch_ids), FollowUpCall.key.in_(keys))
    if patient_id is not None:
        which = FollowUpCall.patient_id == patient_id
    dropped = list(
        await session.scalars(
            update(FollowUpCall)
            .where(which, FollowUpCall.status.in_(LIVE))
            .values(status=CallStatus.DROPPED, reason=reason, done_at=now, undo_until=None)
            .returning(FollowUpCall.id)
            .execution_options(synchronize_session=False)
        )
    )
    for call_id in dropped:
        step(session, call_id, StepKind.DROPPED, now, by=by)
    return len(dropped)


def step(
    session: AsyncSession,
    call_id: UUID,
    kind: StepKind,
    now: datetime,
    *,
    by: UUID | None = None,
    to: UUID | None = None,
    outcome: str | None = None,
    note: str = "",
) -> None:
    row = FollowUpStep(call_id=call_id, at=now, kind=kind, by=by, to=to, outcome=outcome)
    if note:
        row.note = note
    session.add(row)


async def steps(session: AsyncSession, call_ids: Sequence[UUID]) -> Sequence[FollowUpStep]:
    """Of these calls, oldest first."""
    found = select(FollowUpStep).where(FollowUpStep.call_id.in_(call_ids))
    return (await session.scalars(found.order_by(FollowUpStep.at, FollowUpStep.id))).all()
