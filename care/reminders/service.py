"""Proposing, setting, stopping and sending reminders. Nothing here commits."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, time, timedelta
from uuid import UUID

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from care.reminders.models import Reminder, ReminderKind, ReminderStatus
from channels.contacts.models import Conversation
from channels.outbox import service as outbox
from channels.reply import Reply
from store import events
from store.clock import Clock

MOST_A_DAY = 4
"""Times of one reminder a day; ours: what comes more often is no longer read."""
HOURS = (time(8), time(20, 45))
"""Between these it may be set: the gate lets notices go from 08:00 to 21:00."""
LATE = timedelta(hours=2)
"""What could not be sent within this is left out: a reminder of this morning helps nobody at night. Ours."""
ANSWERED_WITHIN = timedelta(hours=12)
"""So long after a reminder a bare number is taken as its answer; ours."""
PURPOSE = "service_notice"
"""The patient asked for it or agreed to this very reminder: no general consent is needed, an opt-out of everything stops it."""
BATCH = 200


def fitting(times: Sequence[time]) -> tuple[list[str], bool]:
    """`HH:MM`, sorted, at most `MOST_A_DAY`, moved into `HOURS`. And whether anything was moved or left out."""
    moved = [min(max(one.replace(second=0, microsecond=0), HOURS[0]), HOURS[1]) for one in times]
    kept = sorted({f"{one:%H:%M}" for one in moved})[:MOST_A_DAY]
    return kept, kept != sorted({f"{one:%H:%M}" for one in times})


def next_due(times: Sequence[str], weekdays: Sequence[int], after: datetime) -> datetime:
    """The first of `times` after the naive local `after`, on one of the ISO `weekdays` (none: any)."""
    for ahead in range(8):
        day = after.date() + timedelta(days=ahead)
        if weekdays and day.isoweekday() not in weekdays:
            continue
        for one in sorted(times):
            at = datetime.combine(day, time.fromisoformat(one))
            if at > after:
                return at
    raise ValueError("a reminder without times")


async def propose(
    session: AsyncSession,
    patient_id: UUID,
    conversation_id: UUID,
    kind: ReminderKind,
    times: Sequence[str],
    *,
    clock: Clock,
    set_by: UUID | None = None,
    ends_on: date | None = None,
) -> Reminder:
    """Kept until the patient agrees (`agree`)."""
    row = Reminder(
        patient_id=patient_id,
        conversation_id=conversation_id,
        kind=kind,
        times=list(times),
        weekdays=[],
        starts_on=clock.local().date(),
        ends_on=ends_on,
        status=ReminderStatus.PROPOSED,
        set_by=set_by,
        attempts=0,
        created_at=clock.now(),
    )
    session.add(row)
    await session.flush()
    return row


async def agree(session: AsyncSession, row: Reminder, *, clock: Clock) -> None:
    """It begins; another of the same kind ends. Agreeing twice changes nothing. Emits `reminder.set`."""
    if row.status != ReminderStatus.PROPOSED:
        return
    now = clock.now()
    before = (Reminder.patient_id == row.patient_id, Reminder.kind == row.kind, Reminder.id != row.id)
    await _stop(session, now, *before)
    row.status = ReminderStatus.ACTIVE
    row.due_at = clock.to_utc(next_due(row.times, row.weekdays, clock.local_naive(now)))
    events.emit(session, row.patient_id, "reminder.set", now, of=row.kind, times=list(row.times))


async def stop(session: AsyncSession, ids: Sequence[UUID], now: datetime) -> int:
    """How many were stopped; those that are not sent any more stay as they are."""
    return await _stop(session, now, Reminder.id.in_(ids))


async def end_of_patient(session: AsyncSession, patient_id: UUID, now: datetime) -> int:
    """Died or moved away: nothing is reminded of any more. How many were stopped."""
    return await _stop(session, now, Reminder.patient_id == patient_id)


async def _stop(session: AsyncSession, now: datetime, *which: object) -> int:
    live = Reminder.status.in_((ReminderStatus.ACTIVE, ReminderStatus.PROPOSED))
    changed = await session.execute(
        update(Reminder)
        .where(*which, live)  # type: ignore[arg-type]
        .values(status=ReminderStatus.STOPPED, stopped_at=now, due_at=None)
        .returning(Reminder.patient_id, Reminder.kind)
        .execution_options(synchronize_session="fetch")
    )
    stopped = changed.all()
    for patient_id, kind in stopped:
        events.emit(session, patient_id, "reminder.stopped", now, of=kind)
    return len(stopped)


async def of_conversation(session: AsyncSession, conversation_id: UUID) -> Sequence[Reminder]:
    """Those that are sent there, the oldest first."""
    return await _found(
        session, Reminder.conversation_id == conversation_id, Reminder.status == ReminderStatus.ACTIVE
    )


async def of_patient(session: AsyncSession, patient_id: UUID) -> Sequence[Reminder]:
    """Active and proposed ones."""
    live = Reminder.status.in_((ReminderStatus.ACTIVE, ReminderStatus.PROPOSED))
    return await _found(session, Reminder.patient_id == patient_id, live)


async def just_sent(session: AsyncSession, conversation_id: UUID, now: datetime) -> Sequence[Reminder]:
    """Those a bare answer may belong to, the one sent last first."""
    found = await _found(
        session,
        Reminder.conversation_id == conversation_id,
        Reminder.last_at > now - ANSWERED_WITHIN,
        Reminder.status == ReminderStatus.ACTIVE,
    )
    return sorted(found, key=lambda one: one.last_at or now, reverse=True)


async def _found(session: AsyncSession, *which: object) -> Sequence[Reminder]:
    query = select(Reminder).where(*which).order_by(Reminder.created_at, Reminder.id)  # type: ignore[arg-type]
    return (await session.scalars(query.execution_options(populate_existing=True))).all()


async def send_due(session: AsyncSession, clock: Clock) -> int:
    """Queue what is due and set each one's next time, in the caller's transaction: killed before it, nothing is lost, after it nothing
    is said twice (the key holds reminder and moment). What is later than `LATE` is left out. How many rows were handled."""
    now = clock.now()
    due = (
        select(Reminder)
        .where(Reminder.due_at <= now, Reminder.status == ReminderStatus.ACTIVE)
        .order_by(Reminder.due_at)
        .limit(BATCH)
        .with_for_update(skip_locked=True)
        .execution_options(populate_existing=True)
    )
    rows = (await session.scalars(due)).all()
    talks = {
        one.id: one
        for one in await session.scalars(
            select(Conversation).where(Conversation.id.in_({row.conversation_id for row in rows}))
        )
    }
    for row in rows:
        at = row.due_at or now
        row.due_at = clock.to_utc(next_due(row.times, row.weekdays, clock.local_naive(now)))
        if row.ends_on is not None and clock.local(row.due_at).date() > row.ends_on:
            row.status, row.stopped_at, row.due_at = ReminderStatus.ENDED, now, None
        talk = talks.get(row.conversation_id)
        if talk is None or now - at > LATE:
            continue
        row.last_at = now
        await outbox.enqueue(
            session,
            talk,
            Reply(f"remind.{row.kind}"),
            dedup_key=f"habit:{row.id}:{at:%Y%m%d%H%M}",
            purpose=PURPOSE,
            now=now,
            priority=outbox.NOTICE_PRIORITY,
            patient_id=row.patient_id,
            expires_at=at + LATE,
        )
    return len(rows)
