"""Dangers in plain English, for patients who write no Chinese: rules of their own, the same table of readings."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal

import yaml

from language.normalise import normalise
from language.screen.lexicon import DATA
from language.screen.prepare import prepare
from language.screen.vitals import dangerous_reading

MAX_LENGTH = 4000
"""Characters read."""
JUDGED = frozenset({"suicide"})
"""English words the Chinese rules know as well: in an English text these rules here have the last word on them."""
_HAN = re.compile(r"[\u3400-\u9fff]")
_WORD = re.compile(r"[a-z]{2}")
_NAME = re.compile(r"\{([a-z_]+)\}")
_APOSTROPHE = re.compile("(?<=[a-z])['\u2019\u2018`\u00b4](?=[a-z])")
_SENTENCE = re.compile(r"[.?!\n](?!\d)")
_CLAUSE = re.compile(r"[,;:.?!\n](?!\d)|\bbut\b")

Found = tuple[Literal["emergency", "crisis"], str, str]
"""Verdict, id of the rule, the words it fired on."""


@dataclass(frozen=True)
class _Rule:
    id: str
    verdict: Literal["emergency", "crisis"]
    pattern: re.Pattern[str]
    unless: re.Pattern[str] | None
    keep: frozenset[str]


@lru_cache(maxsize=1)
def _data() -> dict[str, Any]:
    read: dict[str, Any] = yaml.safe_load((DATA / "english.yml").read_text(encoding="utf-8"))
    return read


@lru_cache(maxsize=1)
def _rules() -> tuple[_Rule, ...]:
    words = {name: "(?:" + "|".join(parts) + ")" for name, parts in _data()["words"].items()}

    def compiled(patterns: list[str]) -> re.Pattern[str]:
        return re.compile("|".join(f"(?:{_NAME.sub(lambda m: words[m[1]], one)})" for one in patterns))

    return tuple(
        _Rule(
            raw["id"],
            raw["verdict"],
            compiled(raw["any"]),
            compiled(raw["unless"]) if raw.get("unless") else None,
            frozenset(raw.get("keep", ())),
        )
        for raw in _data()["rules"]
    )


@lru_cache(maxsize=1)
def _scopes() -> dict[str, re.Pattern[str]]:
    return {name: re.compile(pattern) for name, pattern in _data()["scopes"].items()}


@lru_cache(maxsize=1)
def _readings() -> tuple[tuple[re.Pattern[str], str], ...]:
    between = _data()["between"]
    return tuple((re.compile(f"{name}(?:{between})*"), han) for han, name in _data()["readings"].items())


def without_han(text: str) -> bool:
    """Whether it is written in Latin letters, with no Chinese character."""
    head = text[:MAX_LENGTH]
    return _HAN.search(head) is None and _WORD.search(normalise(head)) is not None


def danger(text: str) -> Found | None:
    """What the English rules and the table of readings say of a text without Chinese characters."""
    plain = _APOSTROPHE.sub("", normalise(text[:MAX_LENGTH].replace("\n", ". ")))
    for rule in _rules():
        for match in rule.pattern.finditer(plain):
            if not _taken_back(rule, plain, match):
                return rule.verdict, rule.id, match.group()
    return _reading(plain)


def _reading(plain: str) -> Found | None:
    written = plain
    for pattern, han in _readings():
        written = pattern.sub(han, written)
    if _HAN.search(written) is None:
        return None
    found = dangerous_reading(prepare(written))
    return ("emergency", *found) if found is not None else None


def _taken_back(rule: _Rule, text: str, match: re.Match[str]) -> bool:
    scopes = _scopes()
    start, end = _around(_SENTENCE, text, match)
    sentence = text[start:end]
    if rule.unless is not None and rule.unless.search(sentence):
        return True
    if "neg" not in rule.keep:
        clause = _around(_CLAUSE, text, match)[0]
        if scopes["neg"].search(text[max(clause, match.start() - 60) : match.start()]):
            return True
    if "past" not in rule.keep and scopes["past"].search(sentence) and not scopes["present"].search(sentence):
        return True
    if rule.verdict == "crisis" or "info" in rule.keep:
        return False
    return scopes["info"].search(sentence) is not None and scopes["acute"].search(sentence) is None


def _around(marks: re.Pattern[str], text: str, match: re.Match[str]) -> tuple[int, int]:
    start, end = 0, len(text)
    for mark in marks.finditer(text):
        if mark.end() <= match.start():
            start = mark.end()
        elif mark.start() >= match.end():
            end = mark.end()
            break
    return start, end
