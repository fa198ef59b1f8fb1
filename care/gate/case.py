"""One message at the gate: the few values its rules look at, read from the rows once."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from care.consents.models import Purpose
from care.gate.ports import ContentRef, Piece
from care.gate.rules import ANSWERS, CAPPED, RANK, RECEIPTS
from channels.contacts.models import Contact
from channels.outbox.models import OutboundMessage
from channels.outbox.ports import Candidate
from channels.ports import ChannelName
from channels.reply import Reply

_NEVER_URGENT = frozenset({"survey", "education", "marketing"})
_NEVER_ANSWERS = frozenset({"marketing"})


@dataclass(slots=True)
class Case:
    """`emergency`: passes hours, caps and mute. `answers`: says something to what the patient wrote; whether that was just now
    is for the facts to say."""

    candidate: Candidate
    message: OutboundMessage
    contact: Contact
    id: UUID
    contact_id: UUID
    conversation_id: UUID
    patient_id: UUID | None
    purpose: str
    on_wechat: bool
    emergency: bool
    answers: bool
    needs_consent: bool
    expires_at: datetime | None
    tried: frozenset[str]
    weight: int
    content: ContentRef
    _reply: Reply | None = None

    @property
    def reply(self) -> Reply:
        """What is said; opened from its seal on the first look."""
        if self._reply is None:
            raw: dict[str, Any] = self.message.reply
            self._reply = Reply.from_json(raw)
        return self._reply

    @property
    def teaches(self) -> Piece | None:
        """Whom it teaches by which text; None for what is no education, or carries no text of ours."""
        if self.purpose != Purpose.EDUCATION or self.patient_id is None or not self.content[0]:
            return None
        return self.patient_id, self.content[0]

    @property
    def yields(self) -> bool:
        """Whether it gives way to a person who has the conversation: what the bot answers, and what can wait."""
        return not self.emergency and (self.purpose in CAPPED or self.purpose == "reply")

    @property
    def receipt(self) -> bool:
        """Whether it confirms what the patient decided about messages: that is said whoever has the conversation."""
        return self.reply.key.startswith(RECEIPTS)

    @property
    def rank(self) -> int:
        """The lower, the earlier it is decided: what counts against others before what is counted."""
        return RANK.get(self.purpose, -1)


def make_case(candidate: Candidate) -> Case:
    message, contact = candidate.message, candidate.contact
    purpose = message.purpose
    return Case(
        candidate=candidate,
        message=message,
        contact=contact,
        id=message.id,
        contact_id=contact.id,
        conversation_id=message.conversation_id,
        patient_id=message.patient_id,
        purpose=purpose,
        on_wechat=contact.channel == ChannelName.WECHAT,
        emergency=message.priority < 0 and purpose not in _NEVER_URGENT,
        answers=purpose in ANSWERS or (message.inbound_id is not None and purpose not in _NEVER_ANSWERS),
        needs_consent=purpose in RANK,
        expires_at=message.expires_at,
        tried=candidate.tried,
        weight=candidate.weight,
        content=(message.content_ref or "", message.content_revision),
    )
