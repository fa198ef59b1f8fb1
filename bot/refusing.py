"""取消, N, T: what they say no to. Pure.

They answer the open question if it has an option that says no; without one they mean the coming appointment, and the engine
asks once more before anything is cancelled.
"""

from __future__ import annotations

from bot.shortcuts import Refusal
from channels.reply import Option
from language.normalise import fold

CANCEL = "cancel_appointment"
_NO = frozenset({"否", "不", "没有", "不是", "不对", "不用", "不要", "不了", "保留", "晚点", "不约了"})


def refused(options: tuple[Option, ...], word: Refusal) -> Option | None:
    """The option `word` chooses: the way to cancelling first, for N also the one that says no."""
    for option in options:
        if option.intent == CANCEL:
            return option
    if word != "n":
        return None
    same = [option for option in options if fold(option.label.partition("，")[0]) in _NO]
    return same[0] if len(same) == 1 else None
