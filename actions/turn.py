"""One turn as an action sees it: who speaks, what was said or chosen, and what comes of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from channels.contacts.models import Contact, Conversation
from channels.inbox.models import InboundMessage
from channels.reply import CHOOSE, Option, Reply

if TYPE_CHECKING:
    from actions.services import Services


@dataclass(slots=True)
class Turn:
    """`intent` and `confidence` are the engine's; `params` came with a tapped option; `text` is what the patient
    typed (normalised; empty for an option). `heard_in` is the form that was active when it was said; `held` who answers the phone as
    just said, `half`: it is one of two requests of a message.

    Replies and tracker events are collected, and stored with the facts.
    """

    session: AsyncSession
    services: Services
    contact: Contact
    conversation: Conversation
    inbound_id: UUID
    text: str
    intent: str
    confidence: float
    ranking: list[tuple[str, float]]
    params: dict[str, Any]
    now: datetime
    heard_in: str | None = None
    held: str = ""
    half: bool = False
    replies: list[Reply] = field(default_factory=list)
    events: list[dict[str, Any]] = field(default_factory=list)

    @property
    def chosen(self) -> bool:
        """Whether the patient picked an option rather than wrote."""
        return self.intent == CHOOSE

    @property
    def is_sms(self) -> bool:
        return self.contact.channel == "sms"

    @property
    def holder(self) -> str:
        """Who answers the phone, as far as is known (`channels.questions.holder`)."""
        return self.held or self.contact.holder

    @property
    def next_key(self) -> str:
        """The `dedup_key` the next reply will be sent under; empty where its place is not known yet."""
        return "" if self.half else f"reply:{self.inbound_id}:{len(self.replies)}"

    @property
    def local_now(self) -> datetime:
        """Naive, in the hospital's zone."""
        return self.services.clock.local_naive(self.now)

    async def own_words(self) -> str:
        """What the patient typed, as typed and whole: `text` is normalised and cut for understanding."""
        message = await self.session.get(InboundMessage, self.inbound_id)
        return (message.text if message is not None else None) or self.text

    def say(self, key: str, *options: Option, **params: Any) -> None:
        """Answer with the wording `key`."""
        self.replies.append(Reply(key, params, options))

    def start_form(self, name: str) -> None:
        """Make `<name>_form` the active loop after this action."""
        self.events.append({"event": "followup", "name": f"{name}_form"})

    def follow_with(self, action: str) -> None:
        """Let the engine run `action` next."""
        self.events.append({"event": "followup", "name": action})

    def leave_form(self) -> None:
        """End the active loop."""
        self.events.append({"event": "slot", "name": "requested_slot", "value": None})


def option(answer: str, label: str, **params: Any) -> Option:
    """An option that answers the form asking: `params["answer"]` is what the form reads."""
    return Option(id=answer, label=label, intent=CHOOSE, params={"answer": answer, **params})


def way_to(intent: str, label: str, **params: Any) -> Option:
    """An option that leads elsewhere: choosing it means `intent`."""
    return Option(id=intent, label=label, intent=intent, params=params)
