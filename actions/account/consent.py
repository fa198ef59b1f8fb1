"""退订, 恢复 in the patient's own words (the bare words are taken before the engine is asked)."""

from __future__ import annotations

import re
from typing import ClassVar

from actions.base import BanyiAction
from actions.turn import Turn, way_to
from care.consents import service as consents
from care.consents.models import OptOutLevel
from channels.wording.labels import label

_ALL = ("全部", "都别", "所有", "什么都")
_SAID = re.compile(r"[\u3400-\u9fff]|\b(?:stop|unsubscribe|subscribe|start|opt (?:out|in))\b")
"""What a wish to hear nothing more is said with; code, addresses and foreign text are not taken for one."""


class OptOut(BanyiAction):
    action: ClassVar[str] = "action_opt_out"

    async def act(self, turn: Turn) -> None:
        if turn.text and _SAID.search(turn.text) is None:
            turn.say("unsure.nothing", way_to("request_human", label("human")))
            return
        level = OptOutLevel.ALL if any(word in turn.text for word in _ALL) else OptOutLevel.CONTENT
        await consents.opt_out(
            turn.session, turn.contact.id, level, channel=turn.contact.channel, now=turn.now
        )
        turn.say("consent.all" if level is OptOutLevel.ALL else "consent.content")


class OptIn(BanyiAction):
    action: ClassVar[str] = "action_opt_in"

    async def act(self, turn: Turn) -> None:
        if turn.text and _SAID.search(turn.text) is None:
            turn.say("unsure.nothing", way_to("request_human", label("human")))
            return
        await consents.opt_in(turn.session, turn.contact.id, channel=turn.contact.channel, now=turn.now)
        turn.say("consent.resume")
