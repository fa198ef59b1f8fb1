"""What was read of a conversation before deciding, and what was decided. Data only."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any
from uuid import UUID

from actions.asides import Aside
from actions.questionnaires.saying import NUMBER, QUESTIONNAIRE, WANTS
from bot.ports import InCharge
from bot.shortcuts import Opt
from channels.questions.holder import Holder
from channels.questions.models import OpenQuestion
from channels.questions.service import options_of
from channels.reply import Reply
from language import foreign, requests
from language.normalise import normalise
from language.screen import ScreenResult

ENGINE_TEXT = 500
"""Characters the engine reads of a message; the safety screen reads all of it."""


def engine_text(text: str) -> str:
    """What the engine reads: normalised, cut, and never a command (Rasa runs a leading slash as an intent)."""
    said = normalise(text)[:ENGINE_TEXT].strip()
    return "／" + said[1:] if said.startswith("/") else said


@dataclass(frozen=True)
class Words:
    """A text and what it is made of; each is found out once, when it is first asked for."""

    text: str

    @cached_property
    def language(self) -> foreign.Foreign | None:
        """The language, where it is not Chinese."""
        return foreign.foreign(self.text)

    @cached_property
    def halves(self) -> tuple[str, str] | None:
        """The texts of two requests, where it may hold two."""
        return requests.halves(self.text)


@dataclass(slots=True)
class State:
    """What was read before deciding. `unseen`: the message came in before the question was put."""

    question: OpenQuestion | None
    tapped: OpenQuestion | None
    in_charge: InCharge | None
    on_duty: bool
    unseen: bool = False
    coming: UUID | None = None
    """The next appointment, and `reminder` what was asked of it; read only for answers that no open question takes."""
    reminder: OpenQuestion | None = None
    reminded: bool = False
    """A reminder was sent that the message may answer."""
    words: Words | None = None
    """The message's text as far as it was looked into already."""
    found: ScreenResult | None = None
    """What the safety screen found, where a thread has listened already."""

    @property
    def questioned(self) -> bool:
        """What is open is an item of a questionnaire, or the invitation to one."""
        return self.question is not None and self.question.instance.startswith(QUESTIONNAIRE)

    @property
    def free_words(self) -> bool:
        """A questionnaire asks for the patient's own words or figures: in any language, of any number of things."""
        return self.question is not None and self.questioned and not options_of(self.question)

    @property
    def wants_number(self) -> bool:
        """Nought is an answer, and no call for a person."""
        if self.question is None or not self.free_words:
            return False
        return Reply.from_json(self.question.reply).params.get(WANTS) == NUMBER

    @property
    def taken(self) -> bool:
        """A person has the conversation."""
        return self.in_charge is not None and self.in_charge.state == "taken"


@dataclass(slots=True)
class Plan:
    """What is to be done with one message. `engine` is asked if set: the text or `/intent`, and the metadata."""

    replies: list[Reply] = field(default_factory=list)
    engine: tuple[str, dict[str, Any]] | None = None
    halves: tuple[str, str] | None = None
    """The texts of two requests, where the message may hold two; `asked`: the key of the question that is open."""
    asked: str | None = None
    alert: str | None = None
    opt: Opt | None = None
    holder: Holder | None = None
    confirms: UUID | None = None
    aside: Aside | None = None
    to_desk: str | None = None
    false_alarm: bool = False
    in_english: bool = False
    reask: bool = False
    unfollowed: bool = False
    closes: UUID | None = None
    interrupts: bool = False
    forgets_key: bool = False
    types: tuple[OpenQuestion, list[str]] | None = None
    asks_before: OpenQuestion | None = None
    resolved: str = ""
    screen: str = "none"

    def to_intent(self, intent: str, params: dict[str, Any], resolved: str) -> Plan:
        """The engine is asked as if the intent had been understood."""
        self.engine = (f"/{intent}", {"params": params, "text": ""})
        self.resolved = resolved[:160]
        return self

    def says(self, reply: Reply, resolved: str, *, reask: bool = False) -> Plan:
        """A reply of ours; `reask`: what is open is asked again after it."""
        self.replies.append(reply)
        self.reask = reask
        self.resolved = resolved[:160]
        return self
