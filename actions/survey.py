"""Questionnaires in chat, one question at a time. The definition and the answers are `care.questionnaires`' business."""

from __future__ import annotations

import re
from typing import ClassVar

from actions.base import BanyiAction
from actions.desk import open_complaint
from actions.forms import INSIDE, Dialog
from actions.turn import Turn, option
from care.patients import service as patients
from care.questionnaires import reading
from care.questionnaires import service as questionnaires
from care.questionnaires.definition import Item
from care.questionnaires.models import QuestionnaireResponse
from care.questionnaires.outcomes import Value

SATISFACTION = "satisfaction"
SURE, ASKED = 0.85, 0.5
"""Confidence from which words under a free question are a wish, or a question, instead of the answer."""
_WISHES = frozenset({"request_human", "book_appointment", "go_back", "stop"})
_QUESTION = re.compile(r"[?？]|吗$|呢$|请问|哪|几[点楼层天号]|怎么|多少|什么时候|在不在|能不能|可不可以")
LOW = 2
"""A first answer of at most this opens a complaint for people to follow up; so does a comment that is one, whatever the mark."""
_PROBLEMS = {
    "not_an_option": "survey.choose_one",
    "not_a_number": "survey.choose_one",
    "out_of_range": "survey.choose_one",
    "empty": "survey.empty",
    "required": "survey.choose_one",
}


class SurveyDialog(Dialog):
    """The three questions of satisfaction."""

    name: ClassVar[str] = "survey"
    leads_out: ClassVar[dict[str, str]] = {
        "book_appointment": "action_booking_start",
        "cancel_appointment": "action_cancel_start",
        "reschedule_appointment": "action_reschedule_start",
    }

    async def start(self, turn: Turn) -> None:
        definition = await questionnaires.latest(turn.session, SATISFACTION)
        if definition is None:
            turn.say("questionnaire.none")
            return
        linked = await patients.patients_of_contact(turn.session, turn.contact.id)
        own = [one for one in linked if one.relation == "self"]
        response = await questionnaires.start(
            turn.session,
            definition,
            now=turn.now,
            conversation_id=turn.conversation.id,
            contact_id=turn.contact.id,
            patient_id=own[0].patient.id if len(own) == 1 else None,
        )
        here = await questionnaires.position(turn.session, response)
        if here.item is not None and here.number == 1:
            turn.say("survey.intro", count=here.total)
        turn.start_form(self.name)

    async def ask(self, turn: Turn) -> None:
        _, item = await self._open(turn)
        if item is None:
            turn.say("questionnaire.none")
            return
        turn.say(
            "survey.item",
            *(option(choice.code, choice.label) for choice in item.choices),
            n=item.number,
            count=item.total,
            question=item.text,
            question_short=re.split("[。？?]", item.text)[0],
        )

    async def choose(self, turn: Turn, answer: str) -> bool:
        return await self._answer(turn, Value(answer))

    @staticmethod
    async def _open(turn: Turn) -> tuple[QuestionnaireResponse | None, Item | None]:
        response = await questionnaires.active(turn.session, turn.conversation.id)
        return response, (await questionnaires.position(turn.session, response)).item if response else None

    async def read(self, turn: Turn) -> bool:
        _, item = await self._open(turn)
        if item is None:
            turn.say("questionnaire.none")
            turn.leave_form()
            return True
        # Our own word for it is no wish to stop.
        skipped = reading.read(item, turn.text, today=turn.local_now.date()) == reading.Read(None)
        if not item.choices and not skipped and self._elsewhere(turn):
            return False
        if item.choices:
            return await self._answer(turn, turn.text, quiet=True)
        return await self._answer(turn, await turn.own_words())

    @staticmethod
    def _elsewhere(turn: Turn) -> bool:
        """Whether what was written under a free question is rather a question or a wish of another kind."""
        if turn.intent in _WISHES:
            return turn.confidence >= SURE
        return turn.intent in INSIDE and turn.confidence >= ASKED and _QUESTION.search(turn.text) is not None

    async def _answer(self, turn: Turn, said: str | Value, *, quiet: bool = False) -> bool:
        """Store the answer. With `quiet`, what fits no option is left to be understood otherwise."""
        response, item = await self._open(turn)
        if response is None or item is None:
            return False
        by = questionnaires.By("sms" if turn.is_sms else "wechat", inbound_id=turn.inbound_id)
        result = await questionnaires.answer(turn.session, response, item.link_id, said, now=turn.now, by=by)
        match result:
            case questionnaires.Invalid(why=why):
                if quiet:
                    return False
                turn.say(_PROBLEMS.get(why, "survey.choose_one"))
            case questionnaires.Doubted():
                turn.say("survey.choose_one")
            case questionnaires.Accepted(next=None):
                await self._finished(turn, response.answers)
                turn.leave_form()
            case questionnaires.NotOpen():
                turn.leave_form()
                turn.say("questionnaire.none")
        return True

    async def _finished(self, turn: Turn, answers: dict[str, object]) -> None:
        overall = str(answers.get("overall", ""))
        comment = str(answers.get("comment") or "")
        complains = bool(comment) and turn.services.mood(comment).complaint
        if complains or (overall.isdigit() and int(overall) <= LOW):
            await open_complaint(turn, f"survey:{turn.inbound_id}", comment)
            turn.say("survey.sorry")
        else:
            turn.say("survey.done")

    async def back(self, turn: Turn) -> None:
        response, before = await self._open(turn)
        if response is None or before is None or before.number == 1:
            turn.say("form.first_step")
            return
        await questionnaires.back(turn.session, response, now=turn.now)

    async def quit(self, turn: Turn) -> None:
        response = await questionnaires.active(turn.session, turn.conversation.id)
        if response is not None:
            await questionnaires.stop(turn.session, response, now=turn.now)
        turn.say("survey.left")
        turn.leave_form()

    async def suspend(self, turn: Turn) -> None:
        """Left half-way: it stays open and goes on where it was."""


class StartQuestionnaire(BanyiAction):
    """`start_questionnaire`: goes on with what is under way, else says there is none."""

    action: ClassVar[str] = "action_questionnaire_start"
    needs_holder: ClassVar[bool] = True

    async def act(self, turn: Turn) -> None:
        if await questionnaires.active(turn.session, turn.conversation.id) is not None:
            turn.start_form(SurveyDialog.name)
        else:
            turn.say("questionnaire.none")
