"""Answering questions: the FAQ's own words with their source, the nearest questions when unsure, people when not."""

from __future__ import annotations

from typing import ClassVar

from actions.base import BanyiAction
from actions.desk import take_complaint
from actions.turn import Turn, way_to
from channels.reply import Option
from channels.wording.labels import label
from content.faq.questions import collect
from content.faq.search import FaqHit

OFFERS = 3
ANGRY = 0.7
"""Where nothing else was understood, a text at least so surely angry is taken for a complaint, not for a question."""
_UNANSWERED = {"ask_medication": "faq.medication", "ask_health": "faq.health_unknown"}
SAY_ENTRY = "ask_faq"


def say_entry(turn: Turn, found: FaqHit) -> None:
    """The entry's answer; on SMS its approved template."""
    turn.say(
        "faq.answer", answer=found.answer, source=found.source, entry=found.entry_id, sms_key=found.sms_key
    )


def _ways(turn: Turn, found: list[FaqHit]) -> list[Option]:
    """Options that say an entry; by SMS without the question mark, in the middle of a sentence."""
    return [
        Option(
            id=f"faq-{one.entry_id}",
            label=one.question.rstrip("？?") if turn.is_sms else one.question,
            intent=SAY_ENTRY,
            params={"faq": one.entry_id},
        )
        for one in found
    ]


def offer(turn: Turn, found: list[FaqHit]) -> None:
    """The nearest questions to choose from, and people."""
    options = _ways(turn, found[:OFFERS])
    if turn.is_sms:
        turn.say("unsure.offer", *options)
    else:
        turn.say("unsure.offer", *options, way_to("request_human", label("none_of_these")))


async def remember_unanswered(turn: Turn) -> None:
    """For the editors: this found no good answer. Without who asked."""
    if turn.text:
        await collect.note(
            turn.session,
            turn.text,
            conversation_id=turn.conversation.id,
            now=turn.now,
            day=turn.local_now.date(),
        )


class Answer(BanyiAction):
    """`ask_faq`, `ask_health`, `ask_medication`, `get_report`."""

    action: ClassVar[str] = "action_answer"

    async def prepare(self, turn_text: str) -> None:
        if turn_text:
            await self.services.faq.search(turn_text)

    async def act(self, turn: Turn) -> None:
        faq = self.services.faq
        chosen = faq.entry(str(turn.params.get("faq", "")))
        if chosen is not None:
            return say_entry(turn, chosen)
        found = list(await faq.search(turn.text)) if turn.text else []
        if found and found[0].score >= faq.answer_from:
            return say_entry(turn, found[0])
        await remember_unanswered(turn)
        near = [one for one in found if one.score >= faq.offer_from]
        if turn.intent in _UNANSWERED:
            # Near is not enough where health is asked about: say so instead of guessing.
            turn.say(
                _UNANSWERED[turn.intent],
                way_to("book_appointment", label("book")),
                way_to("request_human", label("nurse")),
            )
        elif near:
            offer(turn, near)
        else:
            turn.say("unsure.nothing", way_to("request_human", label("human")))


class Unsure(BanyiAction):
    """The engine was not sure what is wanted: an FAQ that fits well, a complaint, else the likeliest choices, else people."""

    action: ClassVar[str] = "action_unsure"
    ways: ClassVar[dict[str, str]] = {
        "book_appointment": "book",
        "check_appointment": "my_appointments",
        "cancel_appointment": "cancel_appointment",
        "reschedule_appointment": "reschedule_appointment",
        "find_department": "which_department",
        "describe_symptom": "which_department",
        "bind_patient": "bind",
    }
    """Intents that can be offered as a way, and the label of each."""

    async def prepare(self, turn_text: str) -> None:
        if turn_text:
            await self.services.faq.search(turn_text)

    async def act(self, turn: Turn) -> None:
        faq = self.services.faq
        found = list(await faq.search(turn.text)) if turn.text else []
        if found and found[0].score >= faq.answer_from:
            return say_entry(turn, found[0])
        if turn.text and self.services.mood(turn.text).probabilities["angry"] >= ANGRY:
            return await take_complaint(turn)
        if collect.is_question(turn.text):
            await remember_unanswered(turn)
        near = [one for one in found if one.score >= faq.offer_from][:2]
        options = _ways(turn, near)
        seen: set[str] = set()
        for intent, confidence in turn.ranking:
            word = self.ways.get(intent)
            if word and word not in seen and confidence >= 0.1 and len(options) < OFFERS:
                seen.add(word)
                options.append(way_to(intent, label(word), text=turn.text))
        if not options:
            turn.say("unsure.nothing", way_to("request_human", label("human")))
            return None
        if not turn.is_sms:
            options.append(way_to("request_human", label("none_of_these")))
        turn.say("unsure.offer", *options)
