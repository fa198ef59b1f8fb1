"""A nurse at work in one conversation: may she take it, answer, hand it back. Over `service`, with what must hold on the way."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from care.desk import service as desk
from care.desk import talks
from care.desk.models import TaskKind
from care.desk.replies import staff_reply
from care.desk.telling import tell
from care.desk.weighing import Weigher, Weight
from channels.contacts.models import Contact
from channels.reply import Reply

LONGEST = 2000
"""Characters of one answer; ours. WeChat cuts a text into messages of 2048 bytes, each of which counts."""


class CannotSend(RuntimeError):
    """The answer does not go out as it is; `weight.cannot` says why. Nothing was sent, nothing lost."""

    def __init__(self, weight: Weight) -> None:
        super().__init__(weight.cannot)
        self.weight = weight


async def take(session: AsyncSession, talk: talks.Talk, *, staff_id: UUID, now: datetime) -> bool:
    """Take it over. One that is about a confidential patient only when a person is asked for, or by who has them in charge: nobody
    takes a conversation to look into it."""
    if talk.hidden and not (talk.handoff.state == "waiting" or talk.handoff.for_staff == staff_id):
        return False
    if not await desk.take(session, talk.id, staff_id=staff_id, now=now):
        return False
    await talks.seen(session, staff_id, talk.id, now)
    return True


async def answer(
    session: AsyncSession,
    talk: talks.Talk,
    text: str,
    *,
    staff_id: UUID,
    key: str,
    now: datetime,
    weigher: Weigher,
) -> bool:
    """Queue the answer; False when the form was sent before. Raises `CannotSend`, `desk.NotInCharge`, `ValueError` (no words)."""
    _in_hand(talk, staff_id)
    contact = await session.get(Contact, talk.contact.id, populate_existing=True)
    assert contact is not None
    weight = await weigher.weigh(session, contact, text.strip(), now, first=talk.handoff.answered_at is None)
    if weight.cannot:
        raise CannotSend(weight)
    said = await staff_reply(
        session, talk.conversation, text[:LONGEST], staff_id, now, dedup_key=f"{staff_id}:{key}"
    )
    await talks.seen(session, staff_id, talk.id, now)
    return said is not None


async def by_phone(
    session: AsyncSession,
    talk: talks.Talk,
    text: str,
    *,
    staff_id: UUID,
    key: str,
    now: datetime,
    due: datetime,
) -> bool:
    """It cannot be written: a task to ring up instead, with what was to be said. False when the form was sent before.

    Raises `desk.NotInCharge`.
    """
    _in_hand(talk, staff_id)
    own = [one.patient.id for one in talk.people]
    _, new = await desk.open_task(
        session,
        TaskKind.CALL,
        dedup_key=f"staff:{staff_id}:{key}"[:160],
        now=now,
        due_at=due,
        note=text.strip() or None,
        conversation_id=talk.id,
        contact_id=talk.contact.id,
        patient_id=own[0] if len(own) == 1 else None,
    )
    await desk.touched(session, talk.id, now=now, staff_id=staff_id)
    return new


async def give_back(
    session: AsyncSession, talk: talks.Talk, summary: str, *, staff_id: UUID, now: datetime
) -> tuple[bool, bool]:
    """Back to the bot; whether it was, and whether the patient is told."""
    done = await desk.hand_back(session, talk.id, now=now, staff_id=staff_id, summary=summary.strip() or None)
    return done, done and await tell(session, talk.conversation, Reply("desk.back"), now)


def _in_hand(talk: talks.Talk, staff_id: UUID) -> None:
    held = talk.handoff
    if held.state != "taken" or held.staff_id != staff_id:
        raise desk.NotInCharge(held.staff_id if held.state == "taken" else None)
