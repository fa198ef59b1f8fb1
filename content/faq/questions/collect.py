"""Writing down that a question found no good answer, in the transaction of the turn that could not answer it."""

from __future__ import annotations

import re
from datetime import date, datetime
from uuid import UUID

from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncSession

from content.faq.questions.models import QuestionAsk, QuestionGroup, UnansweredQuestion
from language.normalise import fold, normalise
from language.private import strip_private
from store.crypto import lookup
from store.database import insert_new
from store.ids import new_id

LONGEST = 200
"""Characters kept of one question."""
SHORTEST = 3
"""Characters a question has at least, particles and punctuation taken off."""
_ASKING = re.compile(
    r"[?？吗呢]|什么|怎么|咋|啥|哪|几[点号楼天个]|多少|多久|多长|多大|是否|是不是|能不能|可不可以|行不行|好不好|要不要|用不用|需不需要|有没有"
    r"|有无|为何|为什么|如何|可以.{0,12}(?:么|嘛)$|请问|问一?下|咨询|想知道|想了解"
)


def is_question(text: str) -> bool:
    """Whether `text` asks something (and is not a remark, a greeting or an answer)."""
    return len(fold(text)) >= SHORTEST and _ASKING.search(normalise(text)) is not None


async def note(
    session: AsyncSession, text: str, *, conversation_id: UUID, now: datetime, day: date
) -> UUID | None:
    """Count `text` as asked and not answered; `day` is the hospital's. None where nothing was left to keep."""
    kept = strip_private(normalise(text)[:LONGEST]).strip()
    if len(fold(kept)) < SHORTEST:
        return None
    text_hash = lookup(fold(kept), "unanswered_question")
    question_id = new_id()
    fresh = UnansweredQuestion(
        id=question_id, text=kept, text_hash=text_hash, first_asked_at=now, last_asked_at=now
    )
    columns = ("id", "text_sealed", "text_hash", "first_asked_at", "last_asked_at")
    if not await insert_new(session, UnansweredQuestion, {name: getattr(fresh, name) for name in columns}):
        row = (
            await session.execute(
                update(UnansweredQuestion)
                .where(UnansweredQuestion.text_hash == text_hash)
                .values(last_asked_at=now)
                .returning(UnansweredQuestion.id, UnansweredQuestion.group_id)
            )
        ).one()
        question_id = row.id
        # What an entry was thought to answer is asked again and was not answered: back to the editors.
        await session.execute(
            update(QuestionGroup)
            .where(QuestionGroup.id == row.group_id, QuestionGroup.state == "answered")
            .values(state="open")
        )
    asker = lookup(str(conversation_id), "question_asker")
    key = {"question_id": question_id, "asker": asker, "day": day}
    if not await insert_new(session, QuestionAsk, {**key, "count": 1}):
        await session.execute(
            update(QuestionAsk)
            .where(QuestionAsk.question_id == question_id, QuestionAsk.asker == asker, QuestionAsk.day == day)
            .values(count=QuestionAsk.count + 1)
        )
    return question_id
