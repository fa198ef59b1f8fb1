"""What happened behind the phones, read from the channels' own tables."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
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


Explain = Callable[[str], str]
"""A gate's reason in Chinese; the code itself where nobody has words for it."""
Turns = dict[str, tuple[datetime, list[FeedStep]]]
"""By inbound message (or by the message that nobody asked for): when it began and what happened."""


def database_feed(
    database: Database, wechat_account: str, sms_account: str, explain: Explain = str
) -> PhoneFeed:
    """The newest turns of a person on both channels; the account ids are those of the inbox. What a text on the phone takes up
    from WeChat is told in the turn it began in."""

    async def feed(person: PhonePerson) -> Sequence[FeedStep]:
        addresses = (
            (ChannelName.WECHAT, wechat_account, person.openid),
            (ChannelName.SMS, sms_account, number_of(person)),
        )
        turns: Turns = {}
        said: list[OutboundMessage] = []
        async with database.read("phone feed") as session:
            for channel, account, address in addresses:
                found = await contacts.find(session, channel, account, address)
                if found is not None:
                    for message in await _heard(session, found[1]):
                        turns[str(message.id)] = (message.received_at, _understood(message, channel))
                    said += await _outbound(session, found[1])
            attempts = await _attempts(session, said)
        _tell(turns, said, attempts, explain)
        newest = sorted(turns.values(), key=lambda turn: turn[0])[-TURNS_SHOWN:]
        return [step for _, steps in newest for step in steps]

    return feed


async def _heard(session: AsyncSession, conversation: Conversation) -> Sequence[InboundMessage]:
    rows = select(InboundMessage).where(InboundMessage.conversation_id == conversation.id)
    return list(await session.scalars(rows.order_by(InboundMessage.seq.desc()).limit(TURNS_SHOWN)))


async def _outbound(session: AsyncSession, conversation: Conversation) -> Sequence[OutboundMessage]:
    rows = select(OutboundMessage).where(OutboundMessage.conversation_id == conversation.id)
    return list(await session.scalars(rows.order_by(OutboundMessage.seq.desc()).limit(TURNS_SHOWN * 3)))


async def _attempts(
    session: AsyncSession, said: Sequence[OutboundMessage]
) -> dict[UUID, list[DeliveryAttempt]]:
    tries = select(DeliveryAttempt).where(DeliveryAttempt.outbound_id.in_([row.id for row in said]))
    found: dict[UUID, list[DeliveryAttempt]] = {}
    for attempt in await session.scalars(tries.order_by(DeliveryAttempt.started_at, DeliveryAttempt.n)):
        found.setdefault(attempt.outbound_id, []).append(attempt)
    return found


def _tell(
    turns: Turns,
    said: Sequence[OutboundMessage],
    attempts: Mapping[UUID, Sequence[DeliveryAttempt]],
    explain: Explain,
) -> None:
    """Add what was said to the turns it belongs to; what nobody asked for is a turn of its own."""
    by_id = {row.id: row for row in said}
    for row in sorted(said, key=lambda one: (one.created_at, one.seq)):
        root = row
        while root.continues in by_id:
            root = by_id[root.continues]
        turn = str(root.inbound_id or root.id)
        if turn not in turns:
            if root.inbound_id is not None:
                continue  # the answer to something older than what is shown
            turns[turn] = (root.created_at, [])
        start, steps = turns[turn]
        steps += _said(row, attempts.get(row.id, []), turn, start, explain)


def _understood(message: InboundMessage, channel: ChannelName) -> list[FeedStep]:
    turn, start = str(message.id), message.received_at
    steps = [
        FeedStep(
            turn,
            "inbound",
            {
                "channel": str(channel),
                "kind": message.event or message.kind,
                "text": message.text or ("" if message.kind == "media" else message.event_key) or "",
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
    row: OutboundMessage, attempts: Sequence[DeliveryAttempt], turn: str, start: datetime, explain: Explain
) -> list[FeedStep]:
    reply = row.reply or {}
    steps = [
        FeedStep(
            turn,
            "reply",
            {
                "key": str(reply.get("key", "")),
                "channel": row.channel,
                "plan": list(row.plan or ()),
                "continues": row.continues is not None,
                "options": len(reply.get("options") or ()),
                "purpose": row.purpose,
                "status": row.status,
                "reason": explain(row.reason) if row.reason else "",
            },
            row.created_at,
            _ms(start, row.created_at),
        )
    ]
    steps += [
        FeedStep(
            turn,
            "attempt",
            {
                "rung": one.rung,
                "verdict": one.verdict,
                "gate": explain(one.gate) if one.gate else "",
                "code": one.code or "",
                "receipt": one.receipt or "",
            },
            one.started_at,
            _ms(start, one.finished_at),
        )
        for one in attempts
    ]
    return steps


def _ms(start: datetime, end: datetime | None) -> int | None:
    return None if end is None else max(0, round((end - start).total_seconds() * 1000))
