"""What happened behind the phones, read from the rows: stored → screened → understood → replied → sent."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from care.hospital.words import load
from care.seed import demo_patients
from channels.contacts import service as contacts
from channels.inbox.models import InboundMessage
from channels.outbox.models import DeliveryAttempt, OutboundMessage
from channels.reply import Reply
from channels.simulator.pages import FeedStep, PhonePerson
from server.house import House

TURNS = 8


def _note(record_number: str) -> str:
    """What the demo's data says of a patient, in a few words."""
    for row in load("patients"):
        if row["record"] == record_number:
            return "、".join(str(condition[1]) for condition in row.get("conditions") or []) or str(row.get("note", ""))
    return ""


class DemoDirectory:
    """Implements `PhoneDirectory`: the demo patients who have a WeChat account and a phone."""

    def __init__(self, house: House) -> None:
        self._people = [
            PhonePerson(
                id=one.record_number,
                name=one.name,
                note=_note(one.record_number),
                openid=next((a for c, a, _ in one.contacts if c == "wechat"), ""),
                phone=next((a for c, a, _ in one.contacts if c == "sms"), ""),
            )
            for one in demo_patients()
            if {"wechat", "sms"} <= {channel for channel, _, _ in one.contacts}
        ]

    async def people(self, query: str) -> list[PhonePerson]:
        return [one for one in self._people if query in one.name or query in one.note or query in one.id]

    async def person(self, person_id: str) -> PhonePerson | None:
        return next((one for one in self._people if one.id == person_id), None)


class Feed:
    """Callable for `phones_router`."""

    def __init__(self, house: House) -> None:
        self._house = house

    async def __call__(self, person: PhonePerson) -> Sequence[FeedStep]:
        async with self._house.database.read("phones-feed") as session:
            ids = []
            for channel, account, address in (
                ("wechat", self._house.wechat.account_id, person.openid),
                ("sms", self._house.sms.account_id, person.phone),
            ):
                found = await contacts.find(session, channel, account, address) if address else None
                if found is not None:
                    ids.append(found[1].id)
            messages = list(
                await session.scalars(
                    select(InboundMessage)
                    .where(InboundMessage.conversation_id.in_(ids))
                    .order_by(InboundMessage.received_at.desc())
                    .limit(TURNS)
                )
            )
            steps: list[FeedStep] = []
            for message in reversed(messages):
                steps += await self._turn(session, message)
        return steps

    async def _turn(self, session: AsyncSession, message: InboundMessage) -> list[FeedStep]:
        begun = message.received_at

        def step(stage: str, at: datetime | None, **values: object) -> FeedStep:
            took = int(((at or begun) - begun).total_seconds() * 1000)
            return FeedStep(str(message.id), stage, dict(values), self._house.clock.local(at or begun), took)

        steps = [
            step(
                "inbound",
                begun,
                channel=message.channel,
                kind=message.event or message.kind,
                text=message.text,
                status=message.status,
            )
        ]
        if message.screen:
            steps.append(step("screen", None, verdict=message.screen))
        if message.resolved:
            steps.append(step("question", None, resolved=message.resolved))
        if message.intent:
            steps.append(step("intent", message.handled_at, intent=message.intent, confidence=message.confidence))
        rows = await session.execute(
            select(OutboundMessage, DeliveryAttempt)
            .outerjoin(DeliveryAttempt, DeliveryAttempt.outbound_id == OutboundMessage.id)
            .where(OutboundMessage.inbound_id == message.id)
            .order_by(OutboundMessage.seq, DeliveryAttempt.n)
        )
        for outbound, attempt in rows:
            reply = Reply.from_json(outbound.reply)
            steps.append(
                step(
                    "reply",
                    outbound.created_at,
                    key=reply.key,
                    options=len(reply.options),
                    status=outbound.status,
                    reason=outbound.reason,
                )
            )
            if attempt is not None:
                steps.append(
                    step(
                        "attempt",
                        attempt.finished_at,
                        rung=attempt.rung,
                        verdict=attempt.verdict,
                        code=attempt.code,
                        receipt=attempt.receipt,
                    )
                )
        return steps
