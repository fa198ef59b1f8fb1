"""Run the rules over a message. Pure and fast (about a millisecond); explainable: rule and matched words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from language.screen import english
from language.screen.lexicon import Rule, rules
from language.screen.prepare import prepare
from language.screen.scope import Span, taken_back
from language.screen.second import second_opinion
from language.screen.sounds import heard
from language.screen.vitals import dangerous_reading

Verdict = Literal["none", "emergency", "crisis"]


@dataclass(frozen=True)
class ScreenResult:
    """``verdict``; ``rule``: id of the rule that fired ("" for none); ``matched``: the words it fired on."""

    verdict: Verdict
    rule: str = ""
    matched: str = ""


NONE = ScreenResult("none")


def screen(text: str) -> ScreenResult:
    """Screen one message of a patient, in whatever state the conversation is.

    Rules first; where none fires, a small classifier is asked, and counts when it is sure
    (rule ``second_opinion``, ``matched`` its score).
    """
    found = by_rules(text)
    if found.verdict != "none":
        return found
    opinion = second_opinion(text, prepare(text))
    if opinion is None:
        return NONE
    return ScreenResult(opinion[0], "second_opinion", f"{opinion[1]:.2f}")


def by_rules(text: str) -> ScreenResult:
    """What the rules, the table of readings and the phrases by sound say."""
    prepared = prepare(text)
    if not prepared:
        return NONE
    in_english = english.without_han(text)
    if in_english and (found := english.danger(text)) is not None:
        return ScreenResult(*found)
    for rule in rules():
        matched = _fires(rule, prepared)
        if matched is not None and not (in_english and matched in english.JUDGED):
            return ScreenResult(rule.verdict, rule.id, matched)
    reading = dangerous_reading(prepared)
    if reading is not None:
        return ScreenResult("emergency", *reading)
    sounded = heard(prepared)
    if sounded is not None:
        return ScreenResult(*sounded)
    return NONE


def _fires(rule: Rule, text: str) -> str | None:
    if rule.need is not None and not rule.need.search(text):
        return None
    hits: list[list[Span]] = []
    for group in rule.groups:
        spans = _standing(rule, group.finditer(text), text, first_only=len(rule.groups) == 1)
        if not spans:
            return None
        hits.append(spans)
    if len(hits) == 1:
        span = hits[0][0]
        return text[span.start : span.end]
    for one in hits[0]:
        for other in hits[1]:
            if _distance(one, other) <= rule.within and not _inside(other, one):
                return f"{text[one.start : one.end]} + {text[other.start : other.end]}"
    return None


def _standing(rule: Rule, matches: object, text: str, *, first_only: bool) -> list[Span]:
    spans: list[Span] = []
    for match in matches:  # type: ignore[attr-defined]
        span = Span(text, match.start(), match.end())
        if rule.unless is not None:
            start, end = span.sentence
            if rule.unless.search(text[max(start, span.start - 30) : min(end, span.end + 30)]):
                continue
        if taken_back(rule, span) is not None:
            continue
        spans.append(span)
        if first_only or len(spans) >= 12:
            break
    return spans


def _distance(one: Span, other: Span) -> int:
    return max(one.start, other.start) - min(one.end, other.end)


def _inside(inner: Span, outer: Span) -> bool:
    """A word cannot be both the symptom and what makes it grave, unless it stands between its parts."""
    return inner.start == outer.start and inner.end == outer.end
