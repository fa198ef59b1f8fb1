"""The one shape of every form, and the one place where digressions are handled.

A form asks for the single slot `answer` again and again; what has been answered so far is a row of ours. A message is read as
an answer first; if it is none, by its intent: back, stop, a question of another kind (answered, then the form goes on), or
a wish that leads out of the form.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from actions.base import BanyiAction
from actions.services import Services
from actions.turn import Turn

BACK_WORDS = frozenset({"上一步", "返回", "返回上一步", "回上一步", "上一题", "改上一题", "回退"})
STOP_WORDS = frozenset({"退出", "结束", "不填了", "不约了", "算了", "取消操作", "停止"})
SURE = 0.6
"""Confidence from which an intent may lead out of a form."""


class Dialog:
    """One form's conversation. Subclasses hold no state: every method finds it in the turn's rows.

    `name` gives `action_<name>_start`, `<name>_form`, `validate_<name>_form` and `action_ask_<name>_form_answer`.
    """

    name: ClassVar[str]
    leads_out: ClassVar[Mapping[str, str]] = {}
    """Intents that leave this form, and the action they lead to. Others are answered inside (`INSIDE`) or not understood."""

    async def start(self, turn: Turn) -> None:
        """Begin from the message that asked for it; call `turn.start_form(self.name)` when there is something to ask."""
        raise NotImplementedError

    async def ask(self, turn: Turn) -> None:
        """Say the question that is open now."""
        raise NotImplementedError

    async def choose(self, turn: Turn, answer: str) -> bool:
        """Take a picked option. False when it is not one of this step's."""
        raise NotImplementedError

    async def read(self, turn: Turn) -> bool:
        """Take free text if it is an answer to the open question; False when it is none."""
        raise NotImplementedError

    async def back(self, turn: Turn) -> None:
        """One step back; says so when there is none."""
        raise NotImplementedError

    async def quit(self, turn: Turn) -> None:
        """End early: say what was kept or dropped, then `turn.leave_form()`."""
        raise NotImplementedError

    async def suspend(self, turn: Turn) -> None:
        """Called when the patient is led out of the form; free what is held."""


INSIDE = {
    "ask_faq": "action_answer",
    "ask_health": "action_answer",
    "ask_medication": "action_answer",
    "get_report": "action_answer",
    "ask_doctor": "action_ask_doctor",
    "check_appointment": "action_list_appointments",
    "ask_queue": "action_queue",
    "describe_symptom": "action_advise_department",
    "find_department": "action_advise_department",
    "opt_in": "action_opt_in",
    "opt_out": "action_opt_out",
}
SMALL = {
    "greet": "smalltalk.greet_short",
    "thank": "smalltalk.thank_short",
    "bot_challenge": "smalltalk.bot_challenge",
    "out_of_scope": "form.off_topic",
    "help": "smalltalk.help",
}
OUT = {"request_human": "action_human", "complain": "action_complain"}
ANYWHERE = {"start_questionnaire": "action_questionnaire_start"}
"""An invitation lies in the conversation whatever form is under way; taking it up leads out of that."""


A_CHOICE = 2
"""A number of so few figures that no step could read was meant as a choice, whatever the engine makes of it."""


class StartForm(BanyiAction):
    needs_holder: ClassVar[bool] = True

    def __init__(self, services: Services, dialog: Dialog) -> None:
        super().__init__(services)
        self.dialog = dialog
        self.action = f"action_{dialog.name}_start"  # type: ignore[misc]  # one class for all forms

    async def act(self, turn: Turn) -> None:
        await self.dialog.start(turn)


class AskForm(BanyiAction):
    ends_turn = False

    def __init__(self, services: Services, dialog: Dialog) -> None:
        super().__init__(services)
        self.dialog = dialog
        self.action = f"action_ask_{dialog.name}_form_answer"  # type: ignore[misc]

    async def act(self, turn: Turn) -> None:
        await self.dialog.ask(turn)


class ValidateForm(BanyiAction):
    """Reads the message for the active form. `others` are the actions a digression may call, by name."""

    ends_turn = False

    def __init__(self, services: Services, dialog: Dialog, others: Mapping[str, BanyiAction]) -> None:
        super().__init__(services)
        self.dialog = dialog
        self.others = others
        self.action = f"validate_{dialog.name}_form"  # type: ignore[misc]

    async def act(self, turn: Turn) -> None:
        # Setting the slot tells the engine that the form heard something; its value is never used.
        turn.events.append({"event": "slot", "name": "answer", "value": None})
        if turn.heard_in != f"{self.dialog.name}_form":
            return None  # the message that started the form has been read by its start
        if turn.chosen:
            if not await self.dialog.choose(turn, str(turn.params.get("answer", ""))):
                turn.say("form.stale_option")
            return None
        if turn.params.get("qr"):  # a code shown by staff was scanned meanwhile
            await self.dialog.suspend(turn)
            turn.leave_form()
            turn.follow_with("action_bind_start")
            return None
        if turn.text in BACK_WORDS:
            return await self.dialog.back(turn)
        if turn.text in STOP_WORDS:
            return await self.dialog.quit(turn)
        if turn.text and await self.dialog.read(turn):
            return None
        await self._digress(turn)

    async def _digress(self, turn: Turn) -> None:
        if turn.text.strip().isdecimal() and len(turn.text.strip()) <= A_CHOICE:
            return turn.say("form.number_not_offered")
        intent, sure = turn.intent, turn.confidence >= SURE or not turn.text
        if intent == "go_back":
            return await self.dialog.back(turn)
        if intent == "stop":
            return await self.dialog.quit(turn)
        leads = {**ANYWHERE, **self.dialog.leads_out, **{k: v for k, v in OUT.items() if v in self.others}}
        if sure and (action := leads.get(intent)) is not None:
            await self.dialog.suspend(turn)
            turn.leave_form()
            turn.follow_with(action)
            return None
        if (action := INSIDE.get(intent)) is not None and action in self.others:
            await self.others[action].prepare(turn.text)
            before = len(turn.replies)
            await self.others[action].act(turn)
            # The form's own question follows: what the digression offered must not compete with it.
            turn.replies[before:] = [type(r)(r.key, r.params) for r in turn.replies[before:]]
            turn.events = [event for event in turn.events if event["event"] != "followup"]
            return None
        if intent in SMALL:
            turn.say(SMALL[intent])
            return None
        turn.say("form.not_understood")
