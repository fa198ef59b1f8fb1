"""The words of the screen, read from ``data/language/screen/*.yml`` and compiled once."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

import yaml

DATA = Path(__file__).resolve().parents[2] / "data" / "language" / "screen"
SCOPES = ("neg", "past", "info", "admin", "hypo", "worry", "media", "soft", "house")

_GAP = re.compile(r"([~≈])(\d{1,2})")
_GROUP = re.compile(r"\((?!\?)")
_NAME = re.compile(r"\{([a-z_]+)\}")


@dataclass(frozen=True)
class Rule:
    """One compiled rule: every group of ``groups`` must be met (see the head of ``emergency.yml``)."""

    id: str
    verdict: Literal["emergency", "crisis"]
    groups: tuple[re.Pattern[str], ...]
    within: int
    unless: re.Pattern[str] | None
    need: re.Pattern[str] | None
    scopes: frozenset[str] = field(default_factory=frozenset)


def _load(name: str) -> Any:
    return yaml.safe_load((DATA / f"{name}.yml").read_text(encoding="utf-8"))


@lru_cache(maxsize=1)
def typos() -> dict[str, str]:
    """Known slips: wrong -> right."""
    return {str(wrong): str(right) for wrong, right in _load("typos").items()}


@lru_cache(maxsize=1)
def _concepts() -> dict[str, list[str]]:
    return {name: [str(word) for word in words] for name, words in _load("concepts").items()}


def _expand(pattern: str, depth: int = 0) -> str:
    if depth > 6:
        raise ValueError(f"concepts refer to each other in a circle: {pattern}")

    def concept(match: re.Match[str]) -> str:
        words = _concepts().get(match.group(1))
        if words is None:
            raise ValueError(f"unknown concept {match.group()} in {pattern}")
        return "(?:" + "|".join(_expand(word, depth + 1) for word in words) + ")"

    def gap(match: re.Match[str]) -> str:
        within = "[^，。？]" if match.group(1) == "~" else "[^。？]"
        return f"{within}{{0,{match.group(2)}}}?(?<![没不未无])"  # "脸没歪": what follows the gap is denied

    return _GROUP.sub("(?:", _GAP.sub(gap, _NAME.sub(concept, pattern)))


def compile_any(patterns: list[Any]) -> re.Pattern[str]:
    """One regular expression that matches any of ``patterns`` (in the rules' small language)."""
    return re.compile("|".join(f"(?:{_expand(str(pattern))})" for pattern in patterns))


def _rule(raw: dict[str, Any], verdict: Literal["emergency", "crisis"]) -> Rule:
    groups = raw["all"] if "all" in raw else [raw["any"]]
    keep = set(raw.get("keep", ()))
    scopes = {"neg", "past", "info", "hypo", "worry", "media"} - keep
    scopes |= {"house"} if verdict == "emergency" else set()
    scopes |= {
        flag for scope, flag in (("weak", "admin"), ("soft", "soft")) if raw.get(scope) and flag not in keep
    }
    return Rule(
        id=str(raw["id"]),
        verdict=verdict,
        groups=tuple(compile_any(group) for group in groups),
        within=int(raw.get("within", 40)),
        unless=compile_any(raw["unless"]) if raw.get("unless") else None,
        need=compile_any(raw["need"]) if raw.get("need") else None,
        scopes=frozenset(scopes),
    )


@lru_cache(maxsize=1)
def rules() -> tuple[Rule, ...]:
    """All rules; a crisis outranks an emergency, because its text names 110 and 120 too."""
    return tuple(
        [_rule(raw, "crisis") for raw in _load("crisis")["rules"]]
        + [_rule(raw, "emergency") for raw in _load("emergency")["rules"]]
    )


@lru_cache(maxsize=1)
def _scope_words() -> dict[str, list[Any]]:
    words: dict[str, list[Any]] = _load("scope")
    return words


@lru_cache(maxsize=1)
def mask_pattern() -> re.Pattern[str]:
    """Figures of speech."""
    return compile_any(_scope_words()["mask"])


@lru_cache(maxsize=1)
def scope_patterns() -> dict[str, re.Pattern[str]]:
    """What takes a hit back, by scope name."""
    words = _scope_words()
    names = (
        "past",
        "present",
        "experienced",
        "resolved",
        "info",
        "admin",
        "hypo",
        "worry",
        "media",
        "soft",
        "cause",
        "person",
        "doctor",
        "urgent",
        "house",
        "acute",
        "grave",
        "violent",
    )
    found = {name: compile_any(words[name]) for name in names}
    negators = "|".join(_expand(str(word)) for word in words["neg"])
    gaps = "|".join(_expand(str(word)) for word in words["neg_gap"])
    found["denied"] = re.compile(
        r"没有?(?!反应|意识|呼吸|知觉|心跳|脉|力|劲|希望|意思|意义|人|气)|不是|不疼|不痛|不严重|正常"
    )
    found["neg"] = re.compile(f"(?<!有)(?:{negators})(?:{gaps}){{0,3}}$")
    found["neg_after"] = re.compile("^(?:" + "|".join(_expand(str(w)) for w in words["neg_after"]) + ")")
    return found


@lru_cache(maxsize=1)
def vitals() -> dict[str, Any]:
    """The table of readings (``vitals.yml``)."""
    table: dict[str, Any] = _load("vitals")
    return table


@lru_cache(maxsize=1)
def infant_words() -> dict[str, list[str]]:
    """Words for ``language.screen.infant`` (``infant.yml``)."""
    words: dict[str, list[str]] = _load("infant")
    return words
