"""What happened behind the phones, read from the channels' own tables."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from channels.contacts import service as contacts
from channels.contacts.models import Conversation
from channels.inbox.models import InboundMessage
from channels.outbox.models import DeliveryAttempt, OutboundMessage
from channels.ports import ChannelName
from channels.simulator.pages import FeedStep, PhoneFeed, PhonePerson, number_of
from store.database import Database

TURNS_SHOWN = 12


def database_feed(database: Database, wechat_account: str, sms_account: str) -> PhoneFeed:
    """The newest turns of a person on both channels; the account ids are those of the inbox."""

    async def feed(person: PhonePerson) -> Sequence[FeedStep]:
        addresses = (
            (ChannelName.WECHAT, wechat_account, person.openid),
            (ChannelName.SMS, sms_account, number_of(person)),
        )
        turns: list[tuple[datetime, list[FeedStep]]] = []
        async with database.read("phone feed") as session:
            for channel, account, address in addresses:
                found = await contacts.find(session, channel, account, address)
                if found is not None:
                    turns += await _turns(session, channel, found[1])
        turns.sort(key=lambda turn: turn[0])
        return [step for _, steps in turns[-TURNS_SHOWN:] for step in steps]

    return feed


async def _turns(
    session: AsyncSession, channel: ChannelName, conversation: Conversation
) -> list[tuple[datetime, list[FeedStep]]]:
    inbound = await session.scalars(
        select(InboundMessage)
        .where(InboundMessage.conversation_id == conversation.id)
        .order_by(InboundMessage.seq.desc())
        .limit(TURNS_SHOWN)
    )
    outbound = list(
        await session.scalars(
            select(OutboundMessage)
            .where(OutboundMessage.conversation_id == conversation.id)
            .order_by(OutboundMessage.seq.desc())
            .limit(TURNS_SHOWN * 3)
        )
    )
    attempts: dict[UUID, list[DeliveryAttempt]] = {}
    tries = select(DeliveryAttempt).where(DeliveryAttempt.outbound_id.in_([row.id for row in outbound]))
    for attempt in await session.scalars(tries.order_by(DeliveryAttempt.started_at, DeliveryAttempt.n)):
        attempts.setdefault(attempt.outbound_id, []).append(attempt)

    answers: dict[UUID | None, list[FeedStep]] = {}
    turns: list[tuple[datetime, list[FeedStep]]] = []
    starts: dict[UUID, datetime] = {}
    received = list(inbound)
    for message in received:
        starts[message.id] = message.received_at
    for row in reversed(outbound):
        start = starts.get(row.inbound_id) if row.inbound_id else None
        steps = _said(row, attempts.get(row.id, []), str(row.inbound_id or row.id), start or row.created_at)
        if start is not None:
            answers.setdefault(row.inbound_id, []).extend(steps)
        elif row.inbound_id is None:
            turns.append((row.created_at, steps))
    for message in received:
        turns.append((message.received_at, _understood(message, channel) + answers.get(message.id, [])))
    return turns


def _understood(message: InboundMessage, channel: ChannelName) -> list[FeedStep]:
    turn, start = str(message.id), message.received_at
    steps = [
        FeedStep(
            turn,
            "inbound",
            {
                "channel": str(channel),
                "kind": message.event or message.kind,
                "text": message.text or message.event_key or "",
                "status": message.status,
            },
            start,
        )
    ]
    done = _ms(start, message.handled_at)
    if message.screen:
        steps.append(FeedStep(turn, "screen", {"verdict": message.screen}))
    if message.resolved:
        steps.append(FeedStep(turn, "question", {"resolved": message.resolved}))
    if message.intent:
        steps.append(
            FeedStep(
                turn, "intent", {"intent": message.intent, "confidence": message.confidence}, took_ms=done
            )
        )
    return steps


def _said(
    row: OutboundMessage, attempts: Sequence[DeliveryAttempt], turn: str, start: datetime
) -> list[FeedStep]:
    reply = row.reply or {}
    steps = [
        FeedStep(
            turn,
            "reply",
            {
                "key": str(reply.get("key", "")),
                "options": len(reply.get("options") or ()),
                "purpose": row.purpose,
                "status": row.status,
                "reason": row.reason or "",
            },
            row.created_at,
            _ms(start, row.created_at),
        )
    ]
    steps += [
        FeedStep(
            turn,
            "attempt",
            {"rung": one.rung, "verdict": one.verdict, "code": one.code or "", "receipt": one.receipt or ""},
            one.started_at,
            _ms(start, one.finished_at),
        )
        for one in attempts
    ]
    return steps


def _ms(start: datetime, end: datetime | None) -> int | None:
    return None if end is None else max(0, round((end - start).total_seconds() * 1000))
