"""Reaching people: asking for one, complaining."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar

from sqlalchemy.ext.asyncio import AsyncSession

from actions import say
from actions.base import BanyiAction
from actions.services import Services
from actions.turn import Turn
from care.desk import service as desk
from care.desk.models import TaskKind
from channels.contacts.models import Contact, Conversation
from channels.reply import Reply


def promised(services: Services, due: datetime) -> str:
    """The time by which somebody answers: `下午15:30`, with the day when it is not today."""
    local, today = services.clock.local(due), services.clock.local().date()
    return say.clock(local) if local.date() == today else say.day_short(local.date()) + say.clock(local)


async def ask_for_person(
    session: AsyncSession, services: Services, contact: Contact, conversation: Conversation, note: str | None
) -> Reply:
    """Open the hand-off; what to tell the patient."""
    started = await desk.start(
        session,
        conversation.id,
        clock=services.clock,
        hours=services.duty_hours,
        note=note,
        contact_id=contact.id,
        within=services.answer_within,
    )
    until = promised(services, started.due_at)
    if not started.new:
        return Reply("human.already", {"until": until})
    return Reply("human.on_duty" if started.on_duty else "human.off_duty", {"until": until})


class Human(BanyiAction):
    action: ClassVar[str] = "action_human"

    async def act(self, turn: Turn) -> None:
        turn.replies.append(
            await ask_for_person(
                turn.session, self.services, turn.contact, turn.conversation, turn.text or None
            )
        )


async def open_complaint(turn: Turn, dedup_key: str, note: str) -> None:
    """Its task, to be seen to within the hour somebody is on duty."""
    await desk.open_task(
        turn.session,
        TaskKind.COMPLAINT,
        dedup_key=dedup_key,
        now=turn.now,
        due_at=turn.services.due_at(TaskKind.COMPLAINT, turn.now),
        note=note,
        conversation_id=turn.conversation.id,
        contact_id=turn.contact.id,
    )


async def take_complaint(turn: Turn) -> None:
    """Open its task and say so."""
    await open_complaint(turn, f"complaint:{turn.inbound_id}", await turn.own_words())
    turn.say("complain.sorry")


class Complain(BanyiAction):
    """A complaint opens a task at once; the patient may add to it, people call back."""

    action: ClassVar[str] = "action_complain"

    async def act(self, turn: Turn) -> None:
        await take_complaint(turn)
