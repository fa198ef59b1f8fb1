"""退订, 恢复 in the patient's own words (the bare words are taken before the engine is asked)."""

from __future__ import annotations

from typing import ClassVar

from actions.base import BanyiAction
from actions.turn import Turn
from care.consents import service as consents
from care.consents.models import OptOutLevel

_ALL = ("全部", "都别", "所有", "什么都")


class OptOut(BanyiAction):
    action: ClassVar[str] = "action_opt_out"

    async def act(self, turn: Turn) -> None:
        level = OptOutLevel.ALL if any(word in turn.text for word in _ALL) else OptOutLevel.CONTENT
        await consents.opt_out(turn.session, turn.contact.id, level, channel=turn.contact.channel, now=turn.now)
        turn.say("consent.all" if level is OptOutLevel.ALL else "consent.content")


class OptIn(BanyiAction):
    action: ClassVar[str] = "action_opt_in"

    async def act(self, turn: Turn) -> None:
        await consents.opt_in(turn.session, turn.contact.id, channel=turn.contact.channel, now=turn.now)
        turn.say("consent.resume")
