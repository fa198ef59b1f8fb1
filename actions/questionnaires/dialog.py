"""The one form of every questionnaire: its question, the answer to it, and what is said about the questionnaire itself."""

from __future__ import annotations

from typing import Any, ClassVar

from actions.desk import open_complaint
from actions.forms import INSIDE, OUT, SMALL, Dialog
from actions.questionnaires import starting
from actions.questionnaires.elsewhere import go_on_elsewhere
from actions.questionnaires.saying import doubt, fits, question
from actions.turn import Turn, way_to
from care.questionnaires import service as questionnaires
from care.questionnaires.models import QuestionnaireResponse
from care.questionnaires.outcomes import (
    Accepted,
    Doubted,
    Invalid,
    NotOpen,
    Outcome,
    Overtaken,
    Position,
    Value,
)
from care.questionnaires.parts import Item
from care.questionnaires.reading.words import fold, words
from care.recovery import service as recovery
from channels.wording.labels import label

SURE, ASKED = 0.85, 0.5
"""Confidence from which words that are no answer are a wish, or a question, instead."""
_WISHES = frozenset({"request_human", "book_appointment", "go_back", "stop"})
LOW = 2
"""A first answer of at most this opens a complaint for people to follow up; so does a comment that is one, whatever the mark."""
_NO_DIGRESSION = frozenset({"describe_symptom"})
"""In a follow-up a complaint about one's health is part of the answer: the scale is asked for, no department advised."""


class QuestionnaireDialog(Dialog):
    """Any definition. All state is the response's row."""

    name: ClassVar[str] = starting.FORM
    leads_out: ClassVar[dict[str, str]] = {
        "book_appointment": "action_booking_start",
        "cancel_appointment": "action_cancel_start",
        "reschedule_appointment": "action_reschedule_start",
    }

    async def start(self, turn: Turn) -> None:
        await starting.begin(turn)

    async def ask(self, turn: Turn) -> None:
        response = await questionnaires.active(turn.session, turn.conversation.id)
        here = await questionnaires.position(turn.session, response) if response is not None else None
        if response is None or here is None or here.item is None:
            turn.say("questionnaire.none")
            return
        if response.doubt is not None:
            turn.replies.append(doubt(response, here.item, response.doubt))
            return
        turn.replies.append(question(here.definition, response, here, here.item, sms=turn.is_sms))

    async def choose(self, turn: Turn, answer: str) -> bool:
        """An option of an item, or the yes or no to what was asked back. It names its response: an old one changes nothing."""
        if not turn.params.get("link"):
            return False
        response = await starting.named(turn)
        if response is None or not questionnaires.is_open(response):
            turn.say("questionnaire.over")
            turn.leave_form()
            return True
        moved = response.conversation_id != turn.conversation.id
        response.conversation_id = turn.conversation.id
        link, revision = str(turn.params["link"]), int(turn.params["revision"])
        if turn.params.get("again"):
            response.doubt = None
            return True
        if turn.params.get("sure"):
            if response.doubt is None or response.revision != revision:
                turn.say("form.stale_option" if not moved else "questionnaire.moved")
                return True
            return await self._settle(turn, response, await self._confirmed(turn, response))
        value = Value(turn.params.get("answer"))
        outcome = await questionnaires.answer(
            turn.session, response, link, value, now=turn.now, by=_by(turn), revision=revision
        )
        return await self._settle(turn, response, outcome)

    async def read(self, turn: Turn) -> bool:
        response = await questionnaires.active(turn.session, turn.conversation.id)
        if response is None:
            return await self._elsewhere(turn)
        here = await questionnaires.position(turn.session, response)
        if here.item is None:
            turn.say("questionnaire.over")
            turn.leave_form()
            return True
        said = fold(turn.text)
        if await self._about(turn, response, here, here.item, said):
            return True
        if response.doubt is not None:
            if said in words().set("right"):
                return await self._settle(turn, response, await self._confirmed(turn, response))
            if said in words().set("wrong"):
                response.doubt = None
                return True
        if here.item.type in ("text", "open-choice") and self._rather_a_wish(turn, here.item, said):
            return False
        text = await turn.own_words() if here.item.type in ("text", "open-choice") else turn.text
        outcome = await questionnaires.answer(
            turn.session, response, here.item.link_id, text, now=turn.now, by=_by(turn)
        )
        if isinstance(outcome, Doubted) and _same(response.doubt, outcome):
            outcome = await self._confirmed(turn, response)  # said once more: it is meant
        if isinstance(outcome, Invalid):
            response.doubt = None
        if isinstance(outcome, Invalid) and self._digresses(turn, outcome):
            return False
        return await self._settle(turn, response, outcome)

    async def _about(
        self, turn: Turn, response: QuestionnaireResponse, here: Position, item: Item, said: str
    ) -> bool:
        """Words about the questionnaire rather than an answer: why, how many more, skip, not now."""
        if said in words().set("why"):
            turn.say("questionnaire.why" if item.why else "questionnaire.why_any", why=item.why or "")
            return True
        if said in words().set("progress"):
            turn.say("questionnaire.progress", left=here.total - here.number + 1)
            return True
        if said in words().set("pause"):
            starting.later(turn, response)
            turn.leave_form()
            return True
        return said in words().set("resume")

    @staticmethod
    def _rather_a_wish(turn: Turn, item: Item, said: str) -> bool:
        """Whether what was written under a free question is rather a question or a wish of another kind."""
        if said in words().skip:
            return False
        if turn.intent in _WISHES:
            return turn.confidence >= SURE
        asks = any(one in turn.text for one in words().list("asking"))
        return turn.intent in INSIDE and turn.confidence >= ASKED and asks

    def _digresses(self, turn: Turn, outcome: Invalid) -> bool:
        """Whether what is no answer is something else that is understood; otherwise the question says what it needs."""
        if outcome.why in ("which", "compared", "out_of_range", "required") or turn.intent in _NO_DIGRESSION:
            return False
        known = (
            turn.intent in INSIDE
            or turn.intent in SMALL
            or turn.intent in OUT
            or turn.intent in self.leads_out
        )
        return turn.intent in ("stop", "go_back") or (known and turn.confidence >= ASKED)

    async def _elsewhere(self, turn: Turn) -> bool:
        """Nothing is asked here now: it went on on another channel, or is over."""
        found = await starting.open_here(turn)
        if not found:
            turn.say("questionnaire.over")
            turn.leave_form()
            return True
        found[0].conversation_id = turn.conversation.id
        questionnaires.resume(found[0], now=turn.now)
        turn.say("questionnaire.moved")
        return True

    async def _confirmed(self, turn: Turn, response: QuestionnaireResponse) -> Outcome:
        kept: dict[str, Any] = response.doubt
        if kept.get("rest"):
            return await questionnaires.answer_rest(
                turn.session, response, kept["rest"], now=turn.now, by=_by(turn)
            )
        value = Value(kept["value"], sure=True, second=kept.get("second"))
        return await questionnaires.answer(
            turn.session, response, str(kept["link"]), value, now=turn.now, by=_by(turn)
        )

    async def _settle(self, turn: Turn, response: QuestionnaireResponse, outcome: Outcome) -> bool:
        """Say what came of an answer; the next question is the form's to ask."""
        match outcome:
            case Accepted():
                await self._accepted(turn, response, outcome)
            case Doubted():
                response.doubt = await _kept(turn, response, outcome)
            case Invalid(why=why):
                turn.say("questionnaire.two_values" if why == "which" else f"questionnaire.{why}")
            case Overtaken():
                turn.say("questionnaire.moved")
            case NotOpen():
                turn.say("questionnaire.over")
                turn.leave_form()
        return True

    async def _accepted(self, turn: Turn, response: QuestionnaireResponse, outcome: Accepted) -> None:
        for raised in outcome.raised:
            turn.say(raised.says, **raised.params)
        if outcome.finished:
            await self._finished(turn, response, alarmed=bool(outcome.raised))
            turn.leave_form()
        elif any(raised.severity == "emergency" for raised in outcome.raised):
            # Whoever is told to ring 120 is asked no more questions; "go on" takes it up again.
            questionnaires.pause(response, now=turn.now)
            turn.leave_form()
        elif outcome.next is not None:
            definition = await questionnaires.definition_of(turn.session, response)
            if not fits(definition, "sms" if turn.is_sms else "wechat", outcome.next):
                questionnaires.pause(response, now=turn.now)
                await go_on_elsewhere(turn, response)
                turn.leave_form()

    async def _finished(self, turn: Turn, response: QuestionnaireResponse, *, alarmed: bool) -> None:
        definition = await questionnaires.definition_of(turn.session, response)
        if definition.purpose == "survey":
            await self._rated(turn, response)
            return
        says = [] if turn.is_sms or alarmed else list(questionnaires.result_of(response))
        options = []
        if others := await starting.open_here(turn):
            options.append(
                way_to("start_questionnaire", label("next_questionnaire"), response=others[0].id.hex)
            )
        if not alarmed and not turn.is_sms:
            options.append(way_to("request_human", label("nurse")))
        turn.say("questionnaire.result" if says else "questionnaire.done", *options, result="".join(says))

    @staticmethod
    async def _rated(turn: Turn, response: QuestionnaireResponse) -> None:
        answers: dict[str, Any] = response.answers
        overall, comment = str(answers.get("overall", "")), str(answers.get("comment") or "")
        complains = bool(comment) and turn.services.mood(comment).complaint
        if complains or (overall.isdigit() and int(overall) <= LOW):
            await open_complaint(turn, recovery.task_key(response.id), comment)
            turn.say("survey.sorry")
        else:
            turn.say("survey.done")

    async def back(self, turn: Turn) -> None:
        response = await questionnaires.active(turn.session, turn.conversation.id)
        if response is None:
            turn.say("form.first_step")
        elif response.doubt is not None:
            response.doubt = None
        elif (await questionnaires.position(turn.session, response)).number == 1:
            turn.say("form.first_step")
        else:
            await questionnaires.back(turn.session, response, now=turn.now)

    async def quit(self, turn: Turn) -> None:
        response = await questionnaires.active(turn.session, turn.conversation.id)
        survey = False
        if response is not None:
            survey = (await questionnaires.definition_of(turn.session, response)).purpose == "survey"
            await questionnaires.stop(turn.session, response, now=turn.now)
        turn.say("survey.left" if survey else "questionnaire.left")
        turn.leave_form()

    async def suspend(self, turn: Turn) -> None:
        """Left half-way: it stays open and goes on where it was."""


def _by(turn: Turn) -> questionnaires.By:
    return questionnaires.By("sms" if turn.is_sms else "wechat", inbound_id=turn.inbound_id)


def _same(kept: dict[str, Any] | None, doubted: Doubted) -> bool:
    return kept is not None and (kept["link"], kept["value"]) == (doubted.item.link_id, doubted.value)


async def _kept(turn: Turn, response: QuestionnaireResponse, doubted: Doubted) -> dict[str, Any]:
    """What is asked back, as it is kept until the yes."""
    here = await questionnaires.position(turn.session, response)
    names = [one.text for link in doubted.rest if (one := here.definition.item(link)) is not None]
    return {
        "link": doubted.item.link_id,
        "value": doubted.value,
        "second": doubted.second,
        "why": doubted.why,
        "rest": dict(doubted.rest),
        "names": names,
    }
