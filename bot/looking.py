"""Reading what a decision needs: a handful of statements for any number of conversations."""

from __future__ import annotations

from sqlalchemy.ext.asyncio import AsyncSession

from actions.appointments import remind
from bot import asides
from bot.plan import State, Words
from bot.ports import People
from bot.resolve import number_in, parse_ref
from bot.shortcuts import refusal
from channels.inbox.models import InboundMessage
from channels.inbox.queue import Claimed
from channels.questions import service as questions
from store.clock import Clock


async def look_in(
    session: AsyncSession, people: People, clock: Clock, turns: list[tuple[Claimed, InboundMessage]]
) -> list[State]:
    """The state of each conversation, as its message meets it."""
    now = clock.now()
    ids = [claimed.conversation.id for claimed, _ in turns]
    asked = await questions.current_of(session, ids, now)
    held = await people.in_charge(session, ids)
    on_duty = await people.on_duty(session, now)
    states = []
    for claimed, message in turns:
        conversation_id = claimed.conversation.id
        tapped = None
        if message.option_ref and (ref := parse_ref(message.option_ref)) is not None:
            tapped = await questions.get(session, conversation_id, ref.question_id)
        question = asked.get(conversation_id)
        unseen = question is not None and message.received_at < question.opened_at
        state = State(question, tapped, held.get(conversation_id), on_duty, unseen)
        if question is None and _may_mean_the_coming_one(message):
            state.coming = await people.coming(session, claimed.contact.id, now)
            if state.coming is not None:
                state.reminder = await questions.latest(
                    session, conversation_id, f"{remind.INSTANCE}{state.coming}"
                )
        state.reminded = await asides.expects_answer(session, claimed, message, clock)
        if message.kind == "text":
            state.words = Words(message.text or "")
        states.append(state)
    return states


def _may_mean_the_coming_one(message: InboundMessage) -> bool:
    text = message.text or ""
    return message.kind == "text" and (refusal(text) is not None or number_in(text) is not None)
