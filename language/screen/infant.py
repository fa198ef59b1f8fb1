"""Fever in an infant under three months, however the age and the temperature are said (囡囡四十天 耳温38.3, 不到俩月的宝宝烧到39)."""

from __future__ import annotations

import re
from functools import lru_cache

from language.screen.lexicon import Rule, compile_any, infant_words
from language.screen.numerals import digits
from language.screen.scope import Span, taken_back

OLDEST = 92
"""Days; from 38 ℃ on: NICE NG143 and 国家卫健委 guides count an infant under three months with fever as at high risk."""
FEVER = 38.0
_DAYS = {"天": 1, "日": 1, "周": 7, "星期": 7, "月": 30.5}
_DEGREES = re.compile(r"(?<![\d./])(3[5-9]|4[0-3])(\.\d)?(?![\d/])(?!个|天|岁|周|块|元|斤|次|月|%|层|号|床)")
_RULE = Rule(
    "infant_fever",
    "emergency",
    groups=(),
    within=0,
    unless=None,
    need=None,
    scopes=frozenset({"neg", "past", "info", "hypo", "media"}),
)


@lru_cache(maxsize=1)
def _words() -> dict[str, re.Pattern[str]]:
    return {name: compile_any(patterns) for name, patterns in infant_words().items()}


@lru_cache(maxsize=1)
def _ages() -> tuple[re.Pattern[str], ...]:
    child = _words()["child"].pattern
    number = r"(?<![\d.])(?P<n>\d{1,3})(?:多|来|几)?个?(?:多|半)?(?P<u>天|日|周|星期|月)(?:零?\d+天|半|多)?"
    return (
        re.compile(f"{number}(?:大|的?(?:{child}))"),
        re.compile(
            f"(?:{child}|出生|生下来|刚生|落地)(?:才|刚|现在|已经|今天|有|了|只有|到|第|满|不到|还没到|不满|未满)*{number}"
            "(?!前|后|没|不|还|都|以|内|一直|反复|总|老|每|来|拉|吐|咳|发|烧|流|大便|以上)"
        ),
        re.compile(r"(?P<n>\d)个?(?P<u>月)零?\d{1,2}天"),
    )


def feverish_infant(prepared: str) -> str | None:
    """The words that say so, in a prepared text; None where there is no such infant or no fever."""
    text = digits(prepared)
    age = _young(text)
    if age is None:
        return None
    temperature = next(iter(_DEGREES.finditer(text)), None)
    if temperature is not None and float(temperature.group(1) + (temperature.group(2) or "")) < FEVER:
        return None
    fever = temperature or _words()["fever"].search(text)
    if fever is None or taken_back(_RULE, Span(text, fever.start(), fever.end())) is not None:
        return None
    return f"{age} + {fever.group()}"


def _young(text: str) -> str | None:
    newborn = _words()["newborn"].search(text)
    if newborn is not None:
        return newborn.group()
    for pattern in _ages():
        for match in pattern.finditer(text):
            under = re.search(
                "(?:不到|没到|未满|不满)$", text[max(0, match.start("n") - 3) : match.start("n")]
            )
            days = float(match["n"]) * _DAYS[match["u"]]
            if 0 < days < OLDEST - 1 or (under and days <= OLDEST):
                return match.group()
    return None
