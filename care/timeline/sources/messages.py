"""What was written to us, what was answered, and what was pushed, with the gate's reasons."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Select, and_, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from care.gate.reasons import words as gate_words
from care.timeline.ports import Entry, Said, Who
from care.timeline.words import words
from channels.inbox.models import InboundMessage
from channels.ops.shown import OpsWords
from channels.outbox.models import DeliveryAttempt, OutboundMessage

ANSWERS = ("reply", "staff_reply", "code")
"""Purposes that belong to the conversation; every other is a push."""
_VENDORS = ("view", "templatesendjobfinish", "location", "subscribe_msg_sent_event")
"""Events of the vendor that nobody did on purpose."""
_SILENT = frozenset({"accepted", "delivered", "queued", "sending"})
"""States that need no reason."""


@dataclass(frozen=True, slots=True)
class Inbound:
    """Implements `TimelineSource`: what the contacts who speak for the patient wrote or tapped."""

    name: str = "inbound"
    kind: str = "message"

    def rows(self, who: Who) -> Select[datetime, Any]:
        return select(InboundMessage.received_at, InboundMessage.id).where(
            InboundMessage.conversation_id.in_(who.conversations),
            InboundMessage.event.not_in(_VENDORS),
        )

    async def load(self, session: AsyncSession, who: Who, keys: Sequence[UUID]) -> Mapping[UUID, Entry]:
        rows = await session.scalars(select(InboundMessage).where(InboundMessage.id.in_(keys)))
        return {one.id: self._entry(one) for one in rows}

    @staticmethod
    def _entry(row: InboundMessage) -> Entry:
        marks = [(words("channels", row.channel), "badge-ghost")]
        if row.screen in words.known("screens"):
            marks.append((words("screens", row.screen), "badge-error"))
        if row.status == "dead":
            marks.append((words("states", "dead"), "badge-warning"))
        return Entry(
            at=row.received_at,
            title=words("titles", "inbound"),
            text=row.text or words("inbound", row.event if row.event in words.known("inbound") else row.kind),
            side="in",
            marks=marks,
        )


@dataclass(frozen=True, slots=True)
class Outbound:
    """Implements `TimelineSource`. `pushes`: what nobody had asked for at that moment; else the answers."""

    said: Said
    ops: OpsWords
    pushes: bool = False

    @property
    def name(self) -> str:
        return "push" if self.pushes else "outbound"

    @property
    def kind(self) -> str:
        return "push" if self.pushes else "message"

    def rows(self, who: Who) -> Select[datetime, Any]:
        """About the patient by whichever way; and what was said to those who speak for them about nobody in particular."""
        purpose = OutboundMessage.purpose
        mine: ColumnElement[bool] = OutboundMessage.patient_id == who.patient_id
        if who.conversations:
            mine = or_(
                mine,
                and_(
                    OutboundMessage.patient_id.is_(None),
                    OutboundMessage.conversation_id.in_(who.conversations),
                ),
            )
        return select(OutboundMessage.created_at, OutboundMessage.id).where(
            mine, purpose.not_in(ANSWERS) if self.pushes else purpose.in_(ANSWERS)
        )

    async def load(self, session: AsyncSession, who: Who, keys: Sequence[UUID]) -> Mapping[UUID, Entry]:
        rows = (await session.scalars(select(OutboundMessage).where(OutboundMessage.id.in_(keys)))).all()
        reasons = await self._reasons(session, keys) if self.pushes else {}
        return {one.id: self._entry(one, reasons.get(one.id, ())) for one in rows}

    async def _reasons(self, session: AsyncSession, keys: Sequence[UUID]) -> dict[UUID, list[str]]:
        """The gate's verdicts in words, the oldest first, each once."""
        rows = await session.execute(
            select(DeliveryAttempt.outbound_id, DeliveryAttempt.verdict, DeliveryAttempt.gate)
            .where(DeliveryAttempt.outbound_id.in_(keys), DeliveryAttempt.gate.is_not(None))
            .order_by(DeliveryAttempt.outbound_id, DeliveryAttempt.n)
        )
        found: dict[UUID, list[str]] = {}
        for message_id, verdict, reason in rows:
            assert reason is not None
            sentence = words(
                "facts", "verdict", verdict=self.ops("verdicts", verdict), why=gate_words(reason)
            )
            said = found.setdefault(message_id, [])
            if sentence not in said:
                said.append(sentence)
        return found

    def _entry(self, row: OutboundMessage, reasons: Sequence[str]) -> Entry:
        facts = list(reasons)
        if not facts and row.reason and row.status not in _SILENT:
            facts.append(self.ops.reason(row.reason))
        marks = [
            (self.ops("channels", row.channel), "badge-ghost"),
            (self.ops("statuses", row.status), self.ops("tones", row.status)),
        ]
        secret = row.purpose == "code"
        return Entry(
            at=row.created_at,
            title=self.ops("purposes", row.purpose),
            text=words("inbound", "code") if secret else self.said(row),
            side="out",
            marks=marks,
            facts=facts,
        )
