"""Bring patients' text into one plain form before anything else looks at it.

Three strengths, weakest first:

* ``clean``: removes characters nobody can see (controls, zero-width, bidi marks); safe to store and show.
* ``normalise``: ``clean`` + NFKC + traditional to simplified + lower case + white space folded; what rules,
  classifiers and search read.
* ``fold``: ``normalise`` without punctuation, spaces and the polite particles at both ends; what a typed
  answer is compared by with the text of an option.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from opencc import OpenCC

# Cc controls but tab and newlines; Cf marks (soft hyphen, zero-width, bidi, word joiner, BOM, tags);
# variation selectors; the Hangul and Mongolian fillers that show as nothing; lone surrogates.
_INVISIBLE = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f"
    "\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb\ud800-\udfff"
    "\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff]+"
)
_SPACE = re.compile(r"\s+")
_HAN = re.compile("[\u3400-\u9fff\U00020000-\U0003ffff]")
_EDGE = r"[\s\W_]"
_LEAD = re.compile(rf"^(?:{_EDGE}|嗯+|呃+|那个|那就|就|请|我选|我要|选|要)+")
_TAIL = re.compile(rf"(?:{_EDGE}|[吧呢啊哦呀嘛了的哈啦喔嗯]|谢谢你?|可以吗)+$")
_PUNCT = re.compile(r"[\s\W_]+")


@lru_cache(maxsize=1)
def _converter() -> OpenCC:
    from opencc import OpenCC

    return OpenCC("t2s")


@lru_cache(maxsize=1)
def _traditional() -> frozenset[str]:
    """Characters the converter changes: most messages hold none and skip it."""
    converter = _converter()
    changed: set[str] = set()
    for code in range(0x3400, 0x9FFF):
        char = chr(code)
        if converter.convert(char) != char:
            changed.add(char)
    return frozenset(changed)


def clean(text: str) -> str:
    """``text`` without characters that cannot be seen; everything else (emoji, spaces, case) is kept."""
    return _INVISIBLE.sub("", text)


def simplify(text: str) -> str:
    """Traditional characters to simplified ones (OpenCC ``t2s``, phrases included)."""
    if _HAN.search(text) is None or _traditional().isdisjoint(text):
        return text
    converted: str = _converter().convert(text)
    return converted


@lru_cache(maxsize=4096)
def _normalise_short(text: str) -> str:
    text = unicodedata.normalize("NFKC", clean(text))
    return _SPACE.sub(" ", simplify(clean(text))).strip().lower()


def normalise(text: str) -> str:
    """The one plain form of ``text``; idempotent, never raises, short texts are remembered."""
    return _normalise_short(text) if len(text) <= 200 else _normalise_short.__wrapped__(text)


def fold(text: str) -> str:
    """``normalise`` without punctuation, spaces, and filler or polite words at the ends ("那就选1吧" -> "1").

    A text that is nothing but fillers keeps its words, so that "要" or "了" is never folded to nothing.
    """
    plain = normalise(text)
    core = _TAIL.sub("", _LEAD.sub("", plain))
    return _PUNCT.sub("", core) or _PUNCT.sub("", plain)
