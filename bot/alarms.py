"""What the safety screen stops at: what is said at once, and how a patient calls it off."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence

from bot import english
from bot.plan import Words
from channels.inbox.models import InboundMessage
from channels.reply import Option, Reply
from channels.wording.labels import label
from language.screen import ScreenResult, screen

FALSE_ALARM = "_false_alarm"
LATER = "_later"
"""What an option of a safety question means without the engine: all is well; not now (the alert stays as it is)."""
INSTANCE = "alert:"
_CALLS_OFF = re.compile(
    "误报|发错|打错|按错|搞错|没事|我很好|开玩笑|不是真的|false alarm|by mistake|kidding|i'?m (?:fine|ok)\\b|i am (?:fine|ok)\\b",
    re.I,
)


async def urgent(messages: Sequence[InboundMessage]) -> list[bool]:
    """At which the safety screen stops: they are answered before whatever waits in front of them. In a thread, as it takes its time."""
    texts = [(message.text or "") if message.kind != "event" else "" for message in messages]
    return await asyncio.to_thread(lambda: [bool(text) and screen(text).verdict != "none" for text in texts])


def called_off(options: tuple[Option, ...], text: str) -> Option | None:
    """After an alarm: the option for a false one, when the patient says so in other words than its own.

    The alert stays open for the nurse either way; only the conversation goes on.
    """
    if _CALLS_OFF.search(text) is None:
        return None
    return next((option for option in options if option.intent == FALSE_ALARM), None)


def answer(found: ScreenResult, words: Words, on_duty: bool) -> Reply:
    """The fixed text, in English where the danger was told in another language than Chinese."""
    if english.speaks_it(found.rule, words.language):
        return english.safety(found.verdict, on_duty, FALSE_ALARM, LATER)
    if found.verdict == "emergency":
        return Reply(
            "safety.violence" if found.by_somebody else "safety.emergency",
            options=(Option("false_alarm", label("false_alarm"), intent=FALSE_ALARM),),
        )
    if on_duty:
        return Reply(
            "safety.crisis_on_duty",
            options=(
                Option("talk", label("yes_talk"), intent="request_human", params={"urgent": True}),
                Option("later", label("later"), intent=LATER),
            ),
        )
    return Reply("safety.crisis")
