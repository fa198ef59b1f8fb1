"""Answering questions: the FAQ's or an article's own words with their source, the nearest ones when unsure, people when not.

Which of both answers is `actions.answering`'s one rule.
"""

from __future__ import annotations

from typing import ClassVar

from actions import education, reports
from actions.answering import Found, best
from actions.articles import offer_articles, related, say_article
from actions.base import BanyiAction
from actions.desk import take_complaint
from actions.turn import Turn, way_to
from channels.reply import Option
from channels.wording.labels import label
from content.faq.questions import collect
from content.faq.search import FaqHit

OFFERS = 3
NEAR = 2
"""Articles offered where none is sure."""
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


async def search(turn: Turn) -> Found:
    """What FAQ and articles have for what was typed."""
    if not turn.text:
        return Found()
    services = turn.services
    return Found(list(await services.faq.search(turn.text)), list(await services.articles.search(turn.text)))


async def say_best(turn: Turn, found: Found) -> bool:
    """Answer by the surer of FAQ and articles; False where neither is sure."""
    answer = best(turn, found)
    if isinstance(answer, FaqHit):
        say_entry(turn, answer)
    elif answer is not None:
        await say_article(turn, answer)
    return answer is not None


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

    def is_personal(self, turn: Turn) -> bool:
        return turn.params.get("wish") in education.WISHES

    async def prepare(self, turn_text: str) -> None:
        if turn_text:
            await self.services.faq.search(turn_text)
            await self.services.articles.search(turn_text)

    async def act(self, turn: Turn) -> None:
        faq, articles = self.services.faq, self.services.articles
        if turn.params.get("wish") in education.WISHES:
            return await education.grant(turn)
        if (chosen := faq.entry(str(turn.params.get("faq", "")))) is not None:
            return say_entry(turn, chosen)
        if (article := articles.article(str(turn.params.get("article", "")))) is not None:
            return await say_article(turn, article)
        if (article := articles.article(str(turn.params.get("related", "")))) is not None:
            return offer_articles(turn, "education.related", related(turn, article))
        if turn.intent == reports.INTENT and await reports.say_ready(turn):
            return None
        found = await search(turn)
        if await say_best(turn, found):
            return None
        await remember_unanswered(turn)
        near = [one for one in found.entries if one.score >= faq.offer_from]
        some = [one.article for one in found.articles if one.score >= articles.offer_from]
        if turn.intent == "ask_health" and some and not turn.is_sms:
            offer_articles(turn, "education.near", some[:NEAR])
        elif turn.intent in _UNANSWERED:
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
            await self.services.articles.search(turn_text)

    async def act(self, turn: Turn) -> None:
        faq = self.services.faq
        found = await search(turn)
        if await say_best(turn, found):
            return None
        if turn.text and self.services.mood(turn.text).probabilities["angry"] >= ANGRY:
            return await take_complaint(turn)
        if collect.is_question(turn.text):
            await remember_unanswered(turn)
        near = [one for one in found.entries if one.score >= faq.offer_from][:2]
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
