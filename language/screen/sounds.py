"""Dangers written by sound: homophones of voice input and pinyin ("穿不上气", "zi sha")."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Literal

from language.screen.lexicon import DATA, Rule, compile_any
from language.screen.scope import Span, taken_back

_LATIN = re.compile(r"[a-z]{2,}")
_HAN = re.compile(r"[\u4e00-\u9fff]")
MAX_LENGTH = 300


@lru_cache(maxsize=1)
def _phrases() -> tuple[tuple[tuple[str, ...], str, Rule], ...]:
    import yaml
    from pypinyin import lazy_pinyin

    raw: dict[Literal["emergency", "crisis"], list[str]] = yaml.safe_load(
        (DATA / "sounds.yml").read_text(encoding="utf-8")
    )
    rows: list[tuple[tuple[str, ...], str, Rule]] = []
    for verdict, phrases in raw.items():
        rule = Rule(
            id=f"sound_{verdict}",
            verdict=verdict,
            groups=(compile_any(phrases),),
            within=0,
            unless=None,
            need=None,
            scopes=frozenset({"neg", "past", "info", "media"}),
        )
        rows += [(tuple(_blur(s) for s in lazy_pinyin(phrase)), phrase, rule) for phrase in phrases]
    return tuple(rows)


def _blur(syllable: str) -> str:
    """Sounds that accents and voice input mix up are one: zh/z, ch/c, sh/s, -ng/-n."""
    syllable = re.sub(r"^([zcs])h", r"\1", syllable)
    return re.sub(r"(?<=[aei])ng$", "n", syllable)


def heard(text: str) -> tuple[Literal["emergency", "crisis"], str, str] | None:
    """``(verdict, rule id, matched)`` when a short text *sounds* like one of the fixed phrases."""
    if len(text) > MAX_LENGTH or not (_HAN.search(text) or _LATIN.search(text)):
        return None
    from pypinyin import lazy_pinyin

    sounds = [
        _blur(s) if _HAN.match(c) else c for c, s in zip(text, _syllables(text, lazy_pinyin), strict=True)
    ]
    latin = "".join(_LATIN.findall(text)) if _LATIN.search(text) else ""
    for syllables, phrase, rule in _phrases():
        size = len(syllables)
        first = syllables[0]
        for at in range(len(sounds) - size + 1):
            if sounds[at] == first and tuple(sounds[at : at + size]) == syllables:
                # Written as it should be, the rules have judged it already.
                if text[at : at + size] == phrase:
                    continue
                if taken_back(rule, Span(text, at, at + size)) is None:
                    return rule.verdict, rule.id, phrase
        if latin and len("".join(syllables)) >= 5 and "".join(syllables) in _blur_latin(latin):
            return rule.verdict, rule.id, phrase
    return None


def _syllables(text: str, reader: object) -> list[str]:
    return [reader(c)[0] if _HAN.match(c) else c for c in text]  # type: ignore[operator]


def _blur_latin(latin: str) -> str:
    latin = re.sub(r"([zcs])h", r"\1", latin)
    return re.sub(r"([aei])ng", r"\1n", latin)
