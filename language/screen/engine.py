"""Run the rules and the classifiers over a message. Pure; explainable: rule and matched words."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from language.screen import english
from language.screen.infant import feverish_infant
from language.screen.lexicon import rules, scope_patterns
from language.screen.meaning import Ear
from language.screen.prepare import prepare
from language.screen.rules import fires
from language.screen.second import only_spoken_of, second_opinion
from language.screen.sounds import heard
from language.screen.vitals import dangerous_reading

Verdict = Literal["none", "emergency", "crisis"]
SECOND_OPINION = "second_opinion"
"""The rule of a verdict no rule gave, but the classifier."""


@dataclass(frozen=True)
class ScreenResult:
    """``verdict``; ``rule``: id of the rule that fired ("" for none); ``matched``: the words it fired on; ``by_somebody``: an
    emergency by another person's violence, where 110 comes first."""

    verdict: Verdict
    rule: str = ""
    matched: str = ""
    by_somebody: bool = False


NONE = ScreenResult("none")


def screen(text: str, ear: Ear | None = None) -> ScreenResult:
    """Screen one message of a patient, in whatever state the conversation is.

    Rules first; small classifiers are the second opinion. Where no rule fires they count when they are sure (rule ``second_opinion``,
    ``matched`` their score); where one fires on what is only spoken of, they take it back. ``ear`` is the sentence model: with it what
    nobody put into words is heard too, for some four milliseconds; without it a rule's alarm always stands. The work belongs in a
    thread: a long text takes tens of milliseconds.
    """
    found, prepared = by_rules(text), prepare(text)
    if found.verdict != "none":
        return NONE if only_spoken_of(found.verdict, found.rule, text, prepared, ear) else found
    opinion = second_opinion(text, prepared, ear)
    if opinion is None:
        return NONE
    violent = opinion[0] == "emergency" and scope_patterns()["violent"].search(prepared) is not None
    return ScreenResult(opinion[0], SECOND_OPINION, f"{opinion[1]:.2f}", violent)


@lru_cache(maxsize=256)
def by_rules(text: str) -> ScreenResult:
    """What the rules, the table of readings and the phrases by sound say."""
    prepared = prepare(text)
    if not prepared:
        return NONE
    in_english = english.without_han(text)
    if in_english and (found := english.danger(text)) is not None:
        return ScreenResult(*found)
    for rule in rules():
        matched = fires(rule, prepared)
        if matched is not None and not (in_english and matched in english.JUDGED):
            return ScreenResult(rule.verdict, rule.id, matched, rule.id.startswith("violence"))
    infant = feverish_infant(prepared)
    if infant is not None:
        return ScreenResult("emergency", "infant_fever", infant)
    reading = dangerous_reading(prepared)
    if reading is not None:
        return ScreenResult("emergency", *reading)
    sounded = heard(prepared)
    if sounded is not None:
        return ScreenResult(*sounded)
    return NONE
