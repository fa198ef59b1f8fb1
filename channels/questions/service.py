"""Opening, queueing, finding and closing questions. Resolving an answer against one is the conversation's business (`bot/`).

What is said at once opens its question at once. What is pushed (and may be dated ahead) lets its question wait until the
message leaves; `ranks` says when its turn has come.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from channels.outbox.models import OutboundMessage
from channels.questions.models import OpenQuestion
from channels.questions.ranks import HURRIED, LIFETIME, SHOWN, Rank, is_again, kept, rank_of
from channels.reply import CHOOSE, Option, Reply

WAITS = "question_open"
"""Reason on a queued message whose question waits for another to be answered."""


def options_of(question: OpenQuestion) -> tuple[Option, ...]:
    return Reply.from_json(question.reply).options


def only_ways(options: tuple[Option, ...]) -> bool:
    """Whether they lead elsewhere, each: no dialogue asks, that could take a number for something else."""
    return bool(options) and all(one.intent != CHOOSE for one in options)


async def open_question(
    session: AsyncSession,
    *,
    conversation_id: UUID,
    instance: str,
    reply: Reply,
    now: datetime,
    expires: timedelta = LIFETIME,
    patient_id: UUID | None = None,
    resumes: UUID | None = None,
    waiting: bool = False,
) -> OpenQuestion:
    """Ask: whatever was open in the conversation is superseded. `waiting`: only when its message is sent (`on_sending`)."""
    if not waiting:
        await _supersede(session, conversation_id, now)
    question = OpenQuestion(
        conversation_id=conversation_id,
        patient_id=patient_id,
        instance=instance[:120],
        reply=reply.to_json(),
        status="waiting" if waiting else "open",
        resumes=resumes,
        opened_at=now,
        expires_at=now + expires,
    )
    session.add(question)
    return question


async def _supersede(session: AsyncSession, conversation_id: UUID, now: datetime) -> None:
    await session.execute(
        update(OpenQuestion)
        .where(OpenQuestion.conversation_id == conversation_id, OpenQuestion.status == "open")
        .values(status="superseded", closed_at=now)
        .execution_options(synchronize_session=False)
    )


async def on_sending(
    session: AsyncSession, messages: Sequence[OutboundMessage], now: datetime
) -> dict[UUID, datetime]:
    """The messages are about to leave: open the questions that waited for it, if their turn has come.

    Returns message id → when to ask again, for those that must not leave yet: they go back to the queue with reason `WAITS`
    and are due earlier when the question in their way is answered.
    """
    pushed = [one for one in messages if one.question_id is not None and one.inbound_id is None]
    if not pushed:
        return {}
    ids = [one.question_id for one in pushed]
    waiting = {
        row.id: row
        for row in await session.scalars(
            select(OpenQuestion).where(OpenQuestion.id.in_(ids), OpenQuestion.status == "waiting")
        )
    }
    if not waiting:
        return {}
    standing = await current_of(session, {row.conversation_id for row in waiting.values()}, now)
    later: dict[UUID, datetime] = {}
    for message in sorted(pushed, key=lambda one: (one.priority, one.seq)):
        question = waiting.get(message.question_id) if message.question_id else None
        if question is None:
            continue  # tried before: its question is open
        before = standing.get(question.conversation_id)
        if before is not None and (until := _keeps_until(before, question, message.expires_at)) > now:
            later[message.id] = until
            continue
        displaced = before is not None and not is_again(before.instance, question.instance)
        if before is not None and displaced and rank_of(before.instance) >= Rank.DIALOGUE:
            question.resumes = before.id
        await _supersede(session, question.conversation_id, now)
        question.expires_at = now + (question.expires_at - question.opened_at)
        question.status, question.opened_at = "open", now
        standing[question.conversation_id] = question
    return later


async def not_seen(session: AsyncSession, messages: Sequence[OutboundMessage], now: datetime) -> None:
    """The pushed messages did not reach the patient here: what they ask is no open question, and what it took the place of is
    again. A digit must not answer what nobody read. Sent once more, they ask anew (`on_sending`).
    """
    ids = [one.question_id for one in messages if one.question_id is not None and one.inbound_id is None]
    if not ids:
        return
    rows = await session.scalars(
        select(OpenQuestion).where(OpenQuestion.id.in_(ids), OpenQuestion.status == "open")
    )
    for question in list(rows):
        question.status = "waiting"
        before = await session.scalar(
            select(OpenQuestion)
            .where(
                OpenQuestion.conversation_id == question.conversation_id,
                OpenQuestion.status == "superseded",
                OpenQuestion.closed_at == question.opened_at,
                OpenQuestion.expires_at > now,
            )
            .order_by(OpenQuestion.opened_at.desc(), OpenQuestion.id.desc())
            .limit(1)
        )
        if before is not None:
            before.status, before.closed_at = "open", None
    await session.flush()


def _keeps_until(before: OpenQuestion, coming: OpenQuestion, worth: datetime | None) -> datetime:
    """`worth`: until when the coming one is worth asking."""
    if is_again(before.instance, coming.instance):
        return before.opened_at
    standing = rank_of(before.instance)
    keep = kept(standing, rank_of(coming.instance))
    if standing is Rank.DIALOGUE and only_ways(options_of(before)):
        keep = min(keep, SHOWN)
    until = min(before.expires_at, before.opened_at + keep)
    if standing >= Rank.DIALOGUE and worth is not None and until >= worth:
        until = min(until, before.opened_at + HURRIED)
    return until


async def current(session: AsyncSession, conversation_id: UUID, now: datetime) -> OpenQuestion | None:
    """The open question of the conversation that has not expired."""
    return (await current_of(session, [conversation_id], now)).get(conversation_id)


async def current_of(
    session: AsyncSession, conversation_ids: Sequence[UUID] | set[UUID], now: datetime
) -> dict[UUID, OpenQuestion]:
    """As `current`, for several conversations."""
    rows = await session.scalars(
        select(OpenQuestion)
        .where(
            OpenQuestion.conversation_id.in_(conversation_ids),
            OpenQuestion.status == "open",
            OpenQuestion.expires_at > now,
        )
        .order_by(OpenQuestion.opened_at, OpenQuestion.id)
    )
    return {row.conversation_id: row for row in rows}


async def get(session: AsyncSession, conversation_id: UUID, question_id: UUID) -> OpenQuestion | None:
    """A question by its id, only if it belongs to the conversation: ids come back from outside."""
    question = await session.get(OpenQuestion, question_id)
    return question if question is not None and question.conversation_id == conversation_id else None


async def latest(session: AsyncSession, conversation_id: UUID, prefix: str) -> OpenQuestion | None:
    """The question put last whose instance begins with `prefix`, whatever became of it; one that waits was not put."""
    rows = (
        select(OpenQuestion)
        .where(
            OpenQuestion.conversation_id == conversation_id,
            OpenQuestion.instance.startswith(prefix, autoescape=True),
            OpenQuestion.status != "waiting",
        )
        .order_by(OpenQuestion.opened_at.desc(), OpenQuestion.id.desc())
        .limit(1)
    )
    return (await session.scalars(rows)).first()


async def close(session: AsyncSession, question_id: UUID, now: datetime, status: str = "answered") -> None:
    """The question is settled; what waited for it is due now."""
    conversation_id = await session.scalar(
        update(OpenQuestion)
        .where(OpenQuestion.id == question_id, OpenQuestion.status == "open")
        .values(status=status, closed_at=now)
        .returning(OpenQuestion.conversation_id)
    )
    if conversation_id is None:
        return
    await session.execute(
        update(OutboundMessage)
        .where(
            OutboundMessage.conversation_id == conversation_id,
            OutboundMessage.status == "queued",
            OutboundMessage.reason == WAITS,
        )
        .values(due_at=now)
        .execution_options(synchronize_session=False)
    )
