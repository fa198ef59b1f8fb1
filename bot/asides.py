"""Requests that are plain without the engine (`actions/asides.py`): when a message is one. Pure, but for whether a reminder was sent."""

from __future__ import annotations

from sqlalchemy.ext.asyncio import AsyncSession

from actions.asides import INTENT, Aside
from actions.plans import reading as plans
from actions.reminders import reading
from bot.plan import Plan, State
from care.reminders import service as reminders
from channels.inbox.models import InboundMessage
from channels.inbox.queue import Claimed
from channels.reply import Option
from store.clock import Clock


async def expects_answer(
    session: AsyncSession, claimed: Claimed, message: InboundMessage, clock: Clock
) -> bool:
    """Whether the message may answer a reminder that was sent; asked of the database only where the text looks like it."""
    if message.kind != "text" or not reading.may_answer(message.text or ""):
        return False
    return bool(await reminders.just_sent(session, claimed.conversation.id, clock.now()))


def read(text: str, state: State) -> Aside | None:
    """Not inside a questionnaire: there a number or a wish is an answer."""
    if state.questioned:
        return None
    if state.reminded and reading.may_answer(text):
        return Aside(reading.ANSWERED, {"text": text})
    return reading.wants(text) or plans.wants(text)


def beside(text: str, state: State) -> Aside | None:
    """A reading a reminder asked for, at which the safety screen stops: the alarm answers, the number is kept all the same."""
    if state.reminded and not state.questioned and reading.may_answer(text):
        return Aside(reading.BESIDE, {"text": text})
    return None


def take(plan: Plan, aside: Aside) -> Plan:
    plan.aside, plan.resolved = aside, f"aside:{aside.kind}"
    return plan


def chosen(plan: Plan, option: Option) -> Plan | None:
    """The option means one of these; None: it does not."""
    if option.intent != INTENT:
        return None
    return take(plan, Aside(str(option.params.get("aside")), option.params))
