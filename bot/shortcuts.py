"""What is decided before the engine is asked: words that must work even when it is down, and WeChat's menu."""

from __future__ import annotations

from typing import Literal

from care.questionnaires.reading.words import words
from language.normalise import fold
from language.wishes import Wish

Opt = Literal["content", "all", "resume"]

# The whole message, never a part of one.
_OPT: dict[str, Opt] = {
    "退订": "content",
    "td": "content",
    "r": "content",
    "退订回t": "content",
    "拒收请回复r": "content",
    "全部退订": "all",
    "恢复": "resume",
    "恢复订阅": "resume",
    "start": "resume",
}

Refusal = Literal["t", "n", "cancel"]
_REFUSALS: dict[str, Refusal] = {"t": "t", "n": "n", "取消": "cancel"}

MENU: dict[str, str] = {
    "BOOK": "book_appointment",
    "MY_APPOINTMENTS": "check_appointment",
    "FOLLOW_UP": "start_questionnaire",
    "DEPARTMENT": "find_department",
    "EDUCATION": "ask_health",
    "BIND": "bind_patient",
    "MY_DATA": "my_data",
    "HELP": "help",
    "HUMAN": "request_human",
}
"""Keys of WeChat's menu, and the intent a click means."""
MENU_PARAMS: dict[str, dict[str, str]] = {"EDUCATION": {"wish": "recommend"}}


_MY_DATA = {
    "why": "why_sent",
    **{kind: kind for kind in ("personal_on", "personal_off", "tracking_on", "tracking_off", "reading")},
}
"""Wishes about articles that ask what is on record, or change it: what `my_data` is asked for."""


def wanted_by(wish: Wish) -> tuple[str, dict[str, str]]:
    """The intent and params a wish about articles means."""
    if (request := _MY_DATA.get(wish.kind)) is not None:
        return "my_data", {"request": request}
    return "ask_health", {"wish": wish.kind, "topic": wish.topic, "about": wish.about}


def opt_word(text: str) -> Opt | None:
    """The opt-out (or -in) a whole message consists of, whatever is open."""
    return _OPT.get(fold(text))


def refusal(text: str) -> Refusal | None:
    """A whole message that says no to what is open: to the question, else to the coming appointment. Only where there is
    neither, "T" is an opt-out."""
    return _REFUSALS.get(fold(text))


def resumes(text: str) -> bool:
    """A whole message that takes up a questionnaire put off."""
    return fold(text) in words().set("resume")
