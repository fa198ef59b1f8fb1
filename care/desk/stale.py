"""Nobody answers: the conversation goes back to the bot by itself, and the patient is told."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from sqlalchemy.ext.asyncio import AsyncSession

from care.desk import service as desk
from care.desk.hours import DutyHours
from care.desk.telling import tell
from channels.contacts.models import Conversation
from channels.reply import Reply
from store.clock import Clock


async def give_back_stale(
    session: AsyncSession,
    *,
    clock: Clock,
    hours: DutyHours,
    after: timedelta,
    within: timedelta,
    promised: Callable[[datetime], str],
) -> int:
    """Give back what has been silent for `after`; how many there were.

    Who still waits for an answer is asked for a person again (`within`: how soon one is promised, said by `promised`); the bot
    answers meanwhile.
    """
    found = await desk.stale(session, now=clock.now(), after=after)
    for one in found:
        talk = await session.get(Conversation, one.conversation_id)
        if talk is None or not await desk.hand_back(session, talk.id, now=clock.now()):
            continue
        reply = Reply("desk.back")
        if one.unanswered:
            started = await desk.start(
                session, talk.id, clock=clock, hours=hours, contact_id=talk.contact_id, within=within
            )
            reply = Reply("desk.stale", {"until": promised(started.due_at)})
        await tell(session, talk, reply, clock.now())
    return len(found)
