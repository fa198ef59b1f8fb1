"""What becomes of a call: taken, passed on, rung, its outcome, what follows from that once nobody takes it back. Nothing here commits."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, time, timedelta
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from care.consents import service as consents
from care.consents.models import Purpose
from care.desk import holders
from care.desk import service as desk
from care.desk.due import soon
from care.desk.models import TaskKind
from care.followup import losses, service
from care.followup.models import (
    LIVE,
    CallOutcome,
    CallStatus,
    FollowUpCall,
    LossReason,
    StepKind,
)
from care.hospital.workdays import Workdays, workdays
from care.patients import service as patients
from channels.contacts import service as contacts
from channels.ports import ChannelName
from store import audit, events
from store.clock import Clock

UNDO = timedelta(minutes=1)
"""So long an outcome can be taken back; what follows from it waits until then."""
NOON, HALVES = time(12), (time(8, 30), time(14, 0))
"""When a half-day's calls begin; ours."""
CONSENT_TEXT = "by_phone"
"""The text version in the ledger: the person said it on the phone."""


@dataclass(frozen=True, slots=True)
class Redial:
    """`tries` calls without an answer, each on another half-day, and the person counts as unreachable. `sms_account`: whose contact a
    phone number is."""

    tries: int
    sms_account: str


def next_half_day(local: datetime, days: Workdays) -> datetime:
    """When to ring again (naive local): this afternoon after a call in the morning, else the next working day's morning."""
    today = local.date()
    if local.time() < NOON and days.is_workday(today):
        return datetime.combine(today, HALVES[1])
    return datetime.combine(days.next_workday(today + timedelta(days=1)), HALVES[0])


async def take(session: AsyncSession, call_id: UUID, staff_id: UUID, now: datetime) -> bool:
    """False when a colleague has it, or it is over."""
    call = await service.get(session, call_id, lock=True)
    if call is None or call.status not in LIVE or call.owner_id not in (None, staff_id):
        return False
    if call.owner_id is None:
        call.status, call.owner_id = CallStatus.TAKEN, staff_id
        _step(session, call, StepKind.TAKEN, now, staff_id)
    return True


async def give(
    session: AsyncSession, call_id: UUID, to: UUID | None, note: str, *, by: UUID, now: datetime
) -> bool:
    """Hand a call over to a colleague, or (`to` None) put it back for everybody, with what they should know. False when a colleague
    has it, or it is over."""
    call = await service.get(session, call_id, lock=True)
    if call is None or call.status not in LIVE or call.owner_id not in (None, by):
        return False
    call.status, call.owner_id = (CallStatus.TAKEN if to else CallStatus.OPEN), to
    _step(session, call, StepKind.PASSED if to else StepKind.BACK, now, by, to=to, note=note)
    return True


async def ended(
    session: AsyncSession,
    call_id: UUID,
    outcome: CallOutcome,
    note: str,
    *,
    by: UUID,
    clock: Clock,
    redial: Redial,
) -> bool:
    """How ringing went. False for a call that is over, or that a colleague has.

    Nobody answered: open again for another half-day, until the tries are used up. What else follows, `settle` does after `UNDO`.
    """
    now = clock.now()
    call = await service.get(session, call_id, lock=True)
    if call is None or call.status not in LIVE or call.owner_id not in (None, by):
        return False
    call.owner_id, call.outcome, call.undo_until = by, outcome, now + UNDO
    if outcome is CallOutcome.NO_ANSWER:
        call.attempts += 1
    if outcome is CallOutcome.NO_ANSWER and call.attempts < redial.tries:
        call.status = CallStatus.OPEN
        local = clock.local_naive(now)
        days = await workdays(session, local.date(), local.date())
        call.next_at = clock.to_utc(next_half_day(local, days))
    else:
        call.status, call.done_at = CallStatus.DONE, now
        if outcome is CallOutcome.NO_ANSWER:
            call.reason = LossReason.UNREACHABLE
    _step(session, call, StepKind.CALLED, now, by, outcome=outcome, note=note)
    return True


async def undo(session: AsyncSession, call_id: UUID, *, by: UUID, now: datetime) -> bool:
    """Take the last outcome back, within `UNDO` and by whoever gave it."""
    call = await service.get(session, call_id, lock=True)
    if call is None or call.undo_until is None or call.undo_until <= now or call.owner_id != by:
        return False
    if call.outcome == CallOutcome.NO_ANSWER:
        call.attempts -= 1
    call.status, call.outcome, call.reason = CallStatus.TAKEN, None, None
    call.done_at, call.undo_until, call.next_at = None, None, now
    _step(session, call, StepKind.UNDONE, now, by)
    return True


async def due(session: AsyncSession, now: datetime) -> bool:
    """Whether an outcome waits to be carried out."""
    return (
        await session.scalar(select(FollowUpCall.id).where(FollowUpCall.undo_until <= now).limit(1))
        is not None
    )


async def settle(session: AsyncSession, *, redial: Redial, now: datetime, limit: int = 50) -> int:
    """Carry out what follows from outcomes nobody took back. Once each, whoever dies in between; how many."""
    over = select(FollowUpCall).where(FollowUpCall.undo_until <= now).order_by(FollowUpCall.undo_until)
    calls = (await session.scalars(over.limit(limit).with_for_update(skip_locked=True))).all()
    for call in calls:
        call.undo_until = None
        await _follow(session, call, redial, now)
    return len(calls)


async def _follow(session: AsyncSession, call: FollowUpCall, redial: Redial, now: datetime) -> None:
    outcome = call.outcome or ""
    if call.status == CallStatus.OPEN and outcome == CallOutcome.NO_ANSWER:
        call.owner_id = None  # whoever is there on the next half-day
        return
    events.emit(
        session,
        call.patient_id,
        "followup.called",
        now,
        call_id=str(call.id),
        key=call.key,
        outcome=outcome,
        touch_id=str(call.touch_id) if call.touch_id else None,
    )
    if outcome == CallOutcome.CONNECTED:
        await losses.recover(session, call.patient_id, "answer", now)
    elif outcome == CallOutcome.WRONG_NUMBER:
        await _wrong(session, call, redial, now)
        await losses.lose(session, call.patient_id, LossReason.WRONG_NUMBER, now)
    elif outcome == CallOutcome.REFUSED:
        await _refused(session, call, now)
        await losses.lose(session, call.patient_id, LossReason.REFUSED, now)
    elif outcome == CallOutcome.NO_ANSWER:
        await losses.lose(session, call.patient_id, LossReason.UNREACHABLE, now)


async def _refused(session: AsyncSession, call: FollowUpCall, now: datetime) -> None:
    """No more follow-up: the ledger says so, plans stop by its event, and nobody rings."""
    await consents.decide(
        session,
        subject="patient",
        subject_id=call.patient_id,
        purpose=Purpose.FOLLOW_UP,
        granted=False,
        text_version=CONSENT_TEXT,
        channel="phone",
        now=now,
        proof=f"call:{call.id}",
    )
    await service.drop(session, patient_id=call.patient_id, reason=LossReason.REFUSED, now=now)


async def _wrong(session: AsyncSession, call: FollowUpCall, redial: Redial, now: datetime) -> None:
    """The number is stopped for messages too, and somebody corrects the record: the same as when it answers "打错了"."""
    patient = await patients.get(session, call.patient_id)
    due = soon(TaskKind.CORRECTION, now)
    if patient is not None and patient.phone and redial.sms_account:
        contact, _ = await contacts.ensure(session, ChannelName.SMS, redial.sms_account, patient.phone, now)
        await holders.settle(session, contact, "wrong", now=now, due_at=due)
        return
    await desk.open_task(
        session,
        TaskKind.CORRECTION,
        dedup_key=f"wrong_number:call:{call.id}",
        now=now,
        due_at=due,
        patient_id=call.patient_id,
    )


def _step(
    session: AsyncSession,
    call: FollowUpCall,
    kind: StepKind,
    now: datetime,
    by: UUID,
    *,
    to: UUID | None = None,
    outcome: str | None = None,
    note: str = "",
) -> None:
    service.step(session, call.id, kind, now, by=by, to=to, outcome=outcome, note=note)
    audit.record(
        session,
        actor=audit.subject_of("staff", by),
        action=f"call.{kind}",
        subject=audit.subject_of("call", call.id),
        at=now,
    )
