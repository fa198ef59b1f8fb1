"""What a chosen option leads to, whether it was tapped, said or given by its digit. Pure."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from actions.appointments import remind
from bot import asides, english
from bot import media as voices
from bot.alarms import FALSE_ALARM, LATER
from bot.plan import Plan, State
from bot.resolve import by_id, parse_ref
from channels.inbox.models import InboundMessage
from channels.questions import holder as holders
from channels.questions import service as questions
from channels.questions.models import OpenQuestion
from channels.reply import Option, Reply

TWICE = timedelta(minutes=2)
"""A menu tapped once more so soon after it was answered is a finger that came down twice; ours."""


def tap(message: InboundMessage, state: State, plan: Plan, now: datetime) -> Plan:
    """An item of a menu was tapped, maybe of an old one."""
    ref = parse_ref(message.option_ref)
    question = state.tapped
    if question is not None and _answered_just_now(question, now):
        again = Reply("smalltalk.chosen_already")
        return plan.says(again, "chosen_already", reask=state.question is not None)
    if ref is None or question is None or not _stands(question, now):
        # Old menus stay tappable for ever: say so kindly, apply nothing, ask again what is open.
        return plan.says(Reply("smalltalk.stale_choice"), "stale_menu", reask=state.question is not None)
    option = by_id(questions.options_of(question), ref.option_id)
    if option is None:
        return plan.says(Reply("smalltalk.stale_choice"), "foreign_option", reask=True)
    return choose(plan, question, option)


def _stands(question: OpenQuestion, now: datetime) -> bool:
    """A reminder is answered whenever the patient finds it, whatever was asked since: what it leads to looks whether the visit is
    still to come."""
    if question.status == "waiting":
        return False
    if question.instance.startswith(remind.INSTANCE):
        return True
    return question.status == "open" and question.expires_at > now


def _answered_just_now(question: OpenQuestion, now: datetime) -> bool:
    if question.status != "answered" or question.closed_at is None:
        return False
    return now - question.closed_at < TWICE and not question.instance.startswith(remind.INSTANCE)


def choose(plan: Plan, question: OpenQuestion, option: Option) -> Plan:
    """The question is answered with one of its options."""
    plan.closes = question.id
    plan.in_english = bool(option.params.get(english.SAYS))
    if option.intent == english.PATH:
        return plan.says(english.about(str(option.params.get("topic"))), f"english:{option.id}")
    if option.intent == english.PERSON:
        return english_person(plan, option.params, f"english:{option.id}")
    if option.intent == FALSE_ALARM:
        plan.false_alarm = True
        plan.resolved = "false_alarm"
        return plan
    if option.intent == LATER:
        key = "english.crisis_later" if plan.in_english else "safety.crisis_later"
        return plan.says(Reply(key), "crisis_later")
    if (taken := asides.chosen(plan, option)) is not None:
        return taken
    if option.intent == holders.INTENT:
        return _held(plan, option)
    if option.intent == remind.CONFIRM:
        plan.confirms = UUID(str(option.params["appointment_id"]))
        plan.resolved = f"{question.instance}:{option.id}"[:160]
        return plan
    if option.intent == voices.SAID:
        plan.types = (question, [str(one) for one in option.params.get("heard", ())])
        plan.resolved = "voice:said"
        return plan
    if option.intent == voices.NOT_SAID:
        plan.asks_before = question
        return plan.says(Reply("voice.type_it"), "voice:not_said")
    return plan.to_intent(option.intent, option.params, f"{question.instance}:{option.id}")


def english_person(plan: Plan, params: dict[str, Any], resolved: str) -> Plan:
    """Staff, told in English first."""
    plan.replies.append(Reply("english.person"))
    return plan.to_intent("request_human", params, resolved)


def _held(plan: Plan, option: Option) -> Plan:
    """Who answers the phone is known; what was wanted when it was asked goes on."""
    plan.holder, go = option.params["holder"], option.params.get("go")
    plan.resolved = f"holder:{plan.holder}"
    if plan.holder != "wrong" and go:
        metadata = {"params": go["params"], "text": go["plain"], "holder": plan.holder}
        plan.engine = (str(go["text"]), metadata)
    return plan
