"""Opening, finding and closing questions. Resolving an answer against one is the conversation's business (`bot/`)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from channels.questions.models import OpenQuestion
from channels.reply import Option, Reply

LIFETIME = timedelta(hours=48)


def options_of(question: OpenQuestion) -> tuple[Option, ...]:
    return Reply.from_json(question.reply).options


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
) -> OpenQuestion:
    """Ask: whatever was open in the conversation is superseded."""
    await session.execute(
        update(OpenQuestion)
        .where(OpenQuestion.conversation_id == conversation_id, OpenQuestion.status == "open")
        .values(status="superseded", closed_at=now)
        .execution_options(synchronize_session=False)
    )
    question = OpenQuestion(
        conversation_id=conversation_id,
        patient_id=patient_id,
        instance=instance[:120],
        reply=reply.to_json(),
        status="open",
        resumes=resumes,
        opened_at=now,
        expires_at=now + expires,
    )
    session.add(question)
    return question


async def current(session: AsyncSession, conversation_id: UUID, now: datetime) -> OpenQuestion | None:
    """The open question of the conversation that has not expired."""
    return (await current_of(session, [conversation_id], now)).get(conversation_id)


async def current_of(
    session: AsyncSession, conversation_ids: Sequence[UUID], now: datetime
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


async def close(session: AsyncSession, question_id: UUID, now: datetime, status: str = "answered") -> None:
    await session.execute(
        update(OpenQuestion)
        .where(OpenQuestion.id == question_id, OpenQuestion.status == "open")
        .values(status=status, closed_at=now)
    )


async def reopen(session: AsyncSession, conversation_id: UUID, question_id: UUID, now: datetime) -> None:
    """Make a question that another had interrupted the open one again, unless its time is over."""
    await session.execute(
        update(OpenQuestion)
        .where(
            OpenQuestion.id == question_id,
            OpenQuestion.conversation_id == conversation_id,
            OpenQuestion.status == "superseded",
            OpenQuestion.expires_at > now,
        )
        .values(status="open", closed_at=None)
        .execution_options(synchronize_session=False)
    )
