"""Does a patient write another language than Chinese, and what about? Pure; errs towards "no": the usual path asks again.

Codes, brand and drug names, single words every Chinese reader types ("ok", "hi", "CT", "NO"), pinyin and keyboard noise are
nobody's language.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal, cast

import yaml

from language.normalise import normalise

DATA = Path(__file__).resolve().parents[1] / "data" / "language" / "foreign.yml"
Foreign = Literal["english", "other"]
Topic = Literal["appointment", "address", "person", "any"]

MAX_LENGTH = 2000
"""Characters looked at."""
SHARE = 0.5
SURE_SHARE = 0.25
"""Of the words of an English text, at least this many are on the list; fewer do where two of them are such as tell the language."""
RUN = 3
"""Letters of another script side by side; fewer may be a face made of signs, or a unit."""
_HAN = re.compile("[\u3400-\u9fff\U00020000-\U0003ffff]")
_WEB = re.compile(r"\S+@\S+|https?://\S+|www\.\S+|<[^>]*>")
_CODE = re.compile(r"--|[={}<>\\|`]")
"""Signs of a program, a query or a mark-up: nobody writes to a hospital in them."""
_WORD = re.compile(r"[a-z\u00c0-\u024f\u1ea0-\u1eff]+(?:['\u2019-][a-z\u00c0-\u024f\u1ea0-\u1eff]+)*")
_ACCENT = re.compile("[\u00e0-\u00f6\u00f8-\u024f\u1ea0-\u1eff]")
_SYLLABLES = re.compile(
    r"(?:(?:[bpmfdtnlgkhjqxrzcsyw]|zh|ch|sh)?"
    r"(?:iang|iong|uang|ang|eng|ing|ong|uai|uan|iao|ian|ai|ei|ao|ou|an|en|in|un|ia|ie|iu|ua|uo|ui|ue|er|a|o|e|i|u|v))+"
)
_SCRIPTS = ("CYRILLIC", "HANGUL", "HIRAGANA", "KATAKANA", "ARABIC", "THAI", "DEVANAGARI", "HEBREW", "GREEK")


@lru_cache(maxsize=1)
def _data() -> dict[str, Any]:
    read: dict[str, Any] = yaml.safe_load(DATA.read_text(encoding="utf-8"))
    return read


@lru_cache(maxsize=1)
def _english() -> tuple[frozenset[str], frozenset[str], frozenset[str], frozenset[str]]:
    words = _data()["english"]
    telling, common, alone, greetings = (
        frozenset(map(str, words[name])) for name in ("telling", "common", "alone", "greetings")
    )
    return telling, common | telling, alone, greetings


def foreign(text: str) -> Foreign | None:
    """The language of a message that holds no Chinese character: English, another one, or None for neither."""
    head = text[:MAX_LENGTH]
    if _HAN.search(head) is not None:
        return None
    if _other_script(head):
        return "other"
    if _CODE.search(_WEB.sub(" ", head)) is not None:
        return None
    plain = _WEB.sub(" ", normalise(head)).replace("\u2019", "'")
    words = _WORD.findall(plain)
    if _is_english(plain, words):
        return "english"
    others = {str(word) for word in _data()["other"]}
    known = sum(word in others for word in words)
    accents = sum(_ACCENT.search(word) is not None for word in words)
    if not accents and 2 * known <= len(words) and all(_is_pinyin(word) for word in words):
        return None  # "dao wo le ma": "le" is no French here
    return "other" if len(words) > 1 and known + (accents > 0) > 1 and known else None


def topic(text: str) -> Topic:
    """What an English message asks for, as far as we can help: "any" when it is not plain."""
    plain = normalise(text[:MAX_LENGTH])
    for name, pattern in _topics():
        if pattern.search(plain):
            return name
    return "any"


@lru_cache(maxsize=1)
def _topics() -> tuple[tuple[Topic, re.Pattern[str]], ...]:
    return tuple((cast("Topic", name), re.compile(pattern)) for name, pattern in _data()["topics"].items())


def _is_english(plain: str, words: list[str]) -> bool:
    telling, known, alone, greetings = _english()
    if len(words) == 1:
        return words[0] in alone and not any(sign.isdigit() for sign in plain)
    if len(words) < 2 or all(_is_pinyin(word) for word in words):
        return False
    if not any(word in telling for word in words) and len(words) < 4 and not all(w in known for w in words):
        return False
    if greetings.issuperset(words):
        return False
    tells = {word for word in words if word in telling}
    share = SURE_SHARE if len(tells) > 1 else SHARE
    return sum(word in known for word in words) / len(words) >= share


def _is_pinyin(word: str) -> bool:
    return word not in ("i", "a") and _SYLLABLES.fullmatch(word) is not None


def _other_script(text: str) -> bool:
    run, before = 0, ""
    for letter in text:
        script = next(
            (one for one in _SCRIPTS if letter > "\u024f" and unicodedata.name(letter, "").startswith(one)),
            "",
        )
        script = "KANA" if script in ("HIRAGANA", "KATAKANA") else script
        run = run + 1 if script and script == before else int(bool(script))
        before = script
        if run >= RUN:
            return True
    return False
