"""Who is in charge of a conversation: asked for, taken, passed on, handed back. Tasks are in `tasks`, and reached from here too."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal
from uuid import UUID, uuid4

from sqlalchemy import and_, case, func, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from care.desk.entries import enter
from care.desk.hours import DutyHours
from care.desk.models import DeskTask, EntryKind, Handoff, TaskKind
from care.desk.tasks import finish_by_key, finish_task, open_task, open_tasks, take_task
from care.rows import add_new
from channels.contacts.models import Conversation
from channels.inbox.models import InboundMessage
from channels.questions import service as questions
from store import audit
from store.clock import Clock

__all__ = [
    "HandoffStarted",
    "InCharge",
    "NotInCharge",
    "begin_anew",
    "finish_by_key",
    "finish_task",
    "hand_back",
    "in_charge",
    "in_charge_of",
    "open_task",
    "open_tasks",
    "pass_on",
    "stale",
    "start",
    "take",
    "take_task",
    "touched",
]

ANSWER_WITHIN = timedelta(minutes=30)
OWNED_FOR = timedelta(days=7)
"""Who answered first answers for it when the patient comes back within so long; ours."""


IDLE_AFTER = timedelta(hours=8)


@dataclass(frozen=True, slots=True)
class Stale:
    """A take-over that has gone stale. `unanswered`: the patient still waits for a person."""

    conversation_id: UUID
    unanswered: bool


class NotInCharge(RuntimeError):
    """Somebody else has the conversation: `staff_id`, or None while it is passed on to nobody in particular."""

    def __init__(self, staff_id: UUID | None) -> None:
        super().__init__("somebody else has the conversation")
        self.staff_id = staff_id


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
                owner_id=case((Handoff.back_at > now - OWNED_FOR, Handoff.owner_id)),
                for_staff=None,
                for_group=None,
                requested_at=now,
                due_at=due,
                taken_at=None,
                answered_at=None,
                contact_id=contact_id,
                patient_id=patient_id,
            )
            .returning(Handoff.id)
            .execution_options(synchronize_session=False)
        )
        if reopened.first() is None:
            standing = await _handoff(session, conversation_id)
            return HandoffStarted(on_duty, standing.due_at if standing else due, new=False)
    enter(session, conversation_id, EntryKind.ASKED, at=now)
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
    """A nurse takes over: the bot falls silent. False when a colleague has it. May be done unasked; what was passed on to
    somebody who has not come yet may be taken by anybody."""
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
            .where(
                Handoff.conversation_id == conversation_id,
                or_(
                    Handoff.state.in_(("waiting", "back")),
                    and_(Handoff.state == "taken", Handoff.staff_id.is_(None)),
                ),
            )
            .values(
                state="taken",
                staff_id=staff_id,
                for_staff=None,
                for_group=None,
                taken_at=now,
                answered_at=case((Handoff.state != "back", Handoff.answered_at)),
                last_staff_at=now,
            )
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
    enter(session, conversation_id, EntryKind.TAKEN, at=now, staff_id=staff_id)
    _audit(session, conversation_id, f"staff:{staff_id}", "handoff.take", now)
    return True


async def pass_on(
    session: AsyncSession,
    conversation_id: UUID,
    *,
    staff_id: UUID,
    to_staff: UUID | None = None,
    to_group: str | None = None,
    note: str | None = None,
    now: datetime,
) -> bool:
    """To a colleague, or to whoever of a position or department comes first; the bot stays silent meanwhile.

    False when `staff_id` has not got it. Raises `ValueError` without anybody to pass it on to.
    """
    if (to_staff is None) == (to_group is None) or to_staff == staff_id:
        raise ValueError("pass it on to one colleague, or to one group")
    changed = await session.execute(
        update(Handoff)
        .where(
            Handoff.conversation_id == conversation_id,
            Handoff.state == "taken",
            Handoff.staff_id == staff_id,
        )
        .values(
            staff_id=None,
            owner_id=func.coalesce(Handoff.owner_id, staff_id),
            for_staff=to_staff,
            for_group=to_group,
            taken_at=now,
            last_staff_at=now,
        )
        .returning(Handoff.id)
        .execution_options(synchronize_session=False)
    )
    if changed.first() is None:
        return False
    enter(
        session,
        conversation_id,
        EntryKind.PASSED,
        at=now,
        staff_id=staff_id,
        to_staff=to_staff,
        to_group=to_group,
        text=note,
    )
    _audit(session, conversation_id, f"staff:{staff_id}", "handoff.pass", now)
    return True


async def hand_back(
    session: AsyncSession,
    conversation_id: UUID,
    *,
    now: datetime,
    staff_id: UUID | None = None,
    summary: str | None = None,
) -> bool:
    """Give the conversation back to the bot; `staff_id` None: the person fell silent.

    The bot begins anew: what it had asked before the person came is closed, its half-filled dialogue forgotten. A digit must
    not answer what was asked hours ago, or never reached the patient. False when the bot has it, or a colleague.
    """
    row = await _handoff(session, conversation_id)
    if row is None or row.state == "back" or (staff_id and row.staff_id not in (None, staff_id)):
        return False
    row.state, row.back_at, row.staff_id, row.for_staff, row.for_group = "back", now, None, None, None
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
    await begin_anew(session, conversation_id, now)
    actor = f"staff:{staff_id}" if staff_id else "system"
    kind = EntryKind.BACK if staff_id else EntryKind.STALE
    enter(session, conversation_id, kind, at=now, staff_id=staff_id, text=summary)
    _audit(session, conversation_id, actor, "handoff.back", now)
    return True


async def begin_anew(session: AsyncSession, conversation_id: UUID, now: datetime) -> None:
    """Close what the bot had asked, and let the engine know the conversation by another name: it keeps facts nowhere."""
    if (question := await questions.current(session, conversation_id, now)) is not None:
        await questions.close(session, question.id, now, status="superseded")
    await session.execute(
        update(Conversation)
        .where(Conversation.id == conversation_id)
        .values(engine_id=uuid4())
        .execution_options(synchronize_session=False)
    )


async def touched(
    session: AsyncSession, conversation_id: UUID, *, now: datetime, staff_id: UUID | None = None
) -> bool:
    """The person in charge wrote something: the take-over does not go stale. Whoever answers first owns it.

    Whether it is the first answer since a person was asked for. Raises `NotInCharge` when it is not `staff_id` who has it.
    """
    row = await session.scalar(
        select(Handoff)
        .where(Handoff.conversation_id == conversation_id)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    if row is None or row.state != "taken":
        return False
    if staff_id is not None and row.staff_id != staff_id:
        raise NotInCharge(row.staff_id)
    first = row.answered_at is None
    row.answered_at, row.last_staff_at = row.answered_at or now, now
    row.owner_id = row.owner_id or staff_id
    await session.flush()
    return first


async def stale(
    session: AsyncSession, *, now: datetime, after: timedelta, idle: timedelta = IDLE_AFTER
) -> Sequence[Stale]:
    """Take-overs to be given back to the bot, and the patient told: nobody has answered for `after`, or the talk has been over
    for `idle`."""
    unheard = (
        select(InboundMessage.id)
        .where(
            InboundMessage.conversation_id == Handoff.conversation_id,
            InboundMessage.kind != "event",
            InboundMessage.received_at > Handoff.last_staff_at,
            InboundMessage.received_at <= now - after,
        )
        .exists()
    )
    silent = Handoff.last_staff_at < now - after
    unanswered = and_(silent, or_(Handoff.answered_at.is_(None), Handoff.staff_id.is_(None), unheard))
    rows = await session.execute(
        select(Handoff.conversation_id, unanswered.label("unanswered"))
        .where(
            Handoff.state == "taken",
            silent,
            or_(unanswered, Handoff.last_staff_at < now - idle),
        )
        .order_by(Handoff.last_staff_at)
    )
    return [Stale(conversation_id, bool(missed)) for conversation_id, missed in rows]


async def _handoff(session: AsyncSession, conversation_id: UUID) -> Handoff | None:
    query = select(Handoff).where(Handoff.conversation_id == conversation_id)
    return (await session.scalars(query.execution_options(populate_existing=True))).one_or_none()


def _request_key(conversation_id: UUID, now: datetime) -> str:
    return f"human:{conversation_id}:{now.isoformat()}"


def _audit(session: AsyncSession, conversation_id: UUID, actor: str, action: str, now: datetime) -> None:
    subject = audit.subject_of("conversation", conversation_id)
    audit.record(session, actor=actor, action=action, subject=subject, at=now)
