"""What the desk's pages show, in as few numbers as tell that it changed. Each is a few statements over what is open."""

from __future__ import annotations

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from care.alerts.models import Alert
from care.desk.models import DeskEntry, DeskTask, Handoff
from channels.contacts.models import Conversation
from channels.media.models import MediaItem
from channels.outbox.models import OutboundMessage

MOST = 1000
"""Rows of one look: more conversations in hand than this are not told apart any more."""


async def conversations(session: AsyncSession) -> object:
    """Who has which conversation, how far each has come, how what was said there was delivered, which pictures have come,
    what staff wrote beside it."""
    held = select(
        Handoff.id,
        Handoff.state,
        Handoff.staff_id,
        Handoff.for_staff,
        Handoff.for_group,
        Handoff.due_at,
        Conversation.inbound_seq,
        Conversation.handled_seq,
        Conversation.outbound_seq,
    ).join(Conversation, Conversation.id == Handoff.conversation_id)
    rows = await session.execute(
        held.where(Handoff.state.in_(("waiting", "taken"))).order_by(Handoff.id).limit(MOST)
    )
    said = (
        select(OutboundMessage.status, func.count())
        .join(Handoff, Handoff.conversation_id == OutboundMessage.conversation_id)
        .where(Handoff.state == "taken", OutboundMessage.created_at >= Handoff.requested_at)
        .group_by(OutboundMessage.status)
        .order_by(OutboundMessage.status)
    )
    fetched = (
        select(MediaItem.state, func.count())
        .join(Conversation, Conversation.contact_id == MediaItem.contact_id)
        .join(Handoff, Handoff.conversation_id == Conversation.id)
        .where(Handoff.state == "taken")
        .group_by(MediaItem.state)
        .order_by(MediaItem.state)
    )
    media = [tuple(row) for row in await session.execute(fetched)]
    written = select(func.count(), func.max(DeskEntry.at)).join(
        Handoff, Handoff.conversation_id == DeskEntry.conversation_id
    )
    beside = (await session.execute(written.where(Handoff.state.in_(("waiting", "taken"))))).one()
    return (
        [tuple(row) for row in rows],
        [tuple(row) for row in await session.execute(said)],
        media,
        tuple(beside),
    )


async def tasks(session: AsyncSession) -> object:
    """How many there are of each kind and state, and the newest."""
    rows = await session.execute(
        select(DeskTask.kind, DeskTask.status, func.count(), func.max(DeskTask.created_at))
        .where(DeskTask.status != "done")
        .group_by(DeskTask.kind, DeskTask.status)
        .order_by(DeskTask.kind, DeskTask.status)
    )
    return [tuple(row) for row in rows]


async def alerts(session: AsyncSession) -> object:
    """Every alert that is not closed, and whose it is."""
    rows = await session.execute(
        select(Alert.id, Alert.status, Alert.owner_id, Alert.level, Alert.escalated_at, Alert.false_alarm_at)
        .where(Alert.status != "closed")
        .order_by(Alert.id)
        .limit(MOST)
    )
    return [tuple(row) for row in rows]


LOOKS = {"alerts": alerts, "conversations": conversations, "tasks": tasks}
