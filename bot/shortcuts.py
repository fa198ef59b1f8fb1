"""What is decided before the engine is asked: words that must work even when it is down, and WeChat's menu."""

from __future__ import annotations

from typing import Literal

from language.normalise import fold

Opt = Literal["content", "all", "resume"]

# The whole message, never a part of one. "取消" and "N" are not here: they cancel appointments and answer questions.
_OPT: dict[str, Opt] = {
    "退订": "content",
    "t": "content",
    "td": "content",
    "r": "content",
    "退订回t": "content",
    "拒收请回复r": "content",
    "全部退订": "all",
    "恢复": "resume",
    "恢复订阅": "resume",
    "start": "resume",
}

MENU: dict[str, str] = {
    "BOOK": "book_appointment",
    "MY_APPOINTMENTS": "check_appointment",
    "FOLLOW_UP": "start_questionnaire",
    "HELP": "help",
    "HUMAN": "request_human",
    "DEPARTMENT": "find_department",
    "BIND": "bind_patient",
    "MY_DATA": "my_data",
}
"""Keys of WeChat's menu, and the intent a click means."""


def opt_word(text: str) -> Opt | None:
    """The opt-out (or -in) a whole message consists of."""
    return _OPT.get(fold(text))
