"""Does a matched danger really speak of somebody, here and now? Denials, the past, questions, fiction."""

from __future__ import annotations

import re
from dataclasses import dataclass

from language.screen.lexicon import Rule, scope_patterns

_CLAUSE = "，。？"
_SENTENCE = "。？"


@dataclass(frozen=True)
class Span:
    """A match in the prepared text and the clause and sentence around it."""

    text: str
    start: int
    end: int

    @property
    def clause(self) -> tuple[int, int]:
        return _around(self.text, self.start, self.end, _CLAUSE)

    @property
    def sentence(self) -> tuple[int, int]:
        return _around(self.text, self.start, self.end, _SENTENCE)


def _around(text: str, start: int, end: int, marks: str) -> tuple[int, int]:
    left = max((text.rfind(mark, 0, start) for mark in marks), default=-1) + 1
    rights = [at for at in (text.find(mark, end) for mark in marks) if at >= 0]
    return left, min(rights, default=len(text))


def taken_back(rule: Rule, span: Span) -> str | None:
    """The name of the scope that takes this hit back, or ``None`` when it stands."""
    text, words = span.text, scope_patterns()
    clause_start, clause_end = span.clause
    before, after = text[clause_start : span.start], text[span.end : clause_end]
    clause = text[clause_start:clause_end]
    sentence_start, sentence_end = span.sentence
    if "neg" in rule.scopes and (words["neg"].search(before[-24:]) or words["neg_after"].match(after + "，")):
        return "neg"
    if "past" in rule.scopes and _past(rule, text, span, clause, after, words):
        return "past"
    if "hypo" in rule.scopes and words["hypo"].search(text[max(sentence_start, span.start - 20) : span.end]):
        return "hypo"
    if "worry" in rule.scopes and words["worry"].search(before[-8:] + text[span.start : span.end]):
        return "worry"
    if "info" in rule.scopes:
        near = text[max(sentence_start, span.start - 14) : min(sentence_end, span.end + 14)]
        if words["info"].search(near):
            return "info"
        sentence = text[sentence_start:sentence_end]
        if words["cause"].search(near) and not words["person"].search(sentence):
            return "info"
    if "media" in rule.scopes and words["media"].search(
        text[max(sentence_start, span.start - 30) : span.end]
    ):
        return "media"
    if "admin" in rule.scopes and _about_house(text[sentence_start:sentence_end], "admin", "grave", words):
        return "admin"
    if "house" in rule.scopes and _about_house(text[sentence_start:sentence_end], "house", "acute", words):
        return "house"
    if "soft" in rule.scopes and words["soft"].search(clause):
        return "soft"
    return None


def _about_house(sentence: str, affair: str, unless: str, words: dict[str, re.Pattern[str]]) -> bool:
    """Does the sentence speak of an ``affair`` of the house, with no sign of danger now (``unless``)?"""
    return words[affair].search(sentence) is not None and words[unless].search(sentence) is None


def _past(
    rule: Rule, text: str, span: Span, clause: str, after: str, words: dict[str, re.Pattern[str]]
) -> bool:
    told = rule.verdict == "emergency" and words["doctor"].search(text[span.end : span.end + 60]) is not None
    if told and not words["urgent"].search(text[max(0, span.start - 30) : span.end + 12]):
        return True
    if words["present"].search(clause):
        return False
    past = words["past"].search(clause) is not None
    experienced = words["experienced"].match(after) is not None
    tail = text[span.end : span.end + 24]
    resolved = words["resolved"].search(tail) is not None
    if rule.verdict == "crisis":
        return (past and (experienced or resolved)) or (resolved and _earlier_past(text, span, words))
    if words["present"].search(tail) and not resolved:
        return past
    return past or experienced or resolved or (_earlier_past(text, span, words) and resolved)


def _earlier_past(text: str, span: Span, words: dict[str, re.Pattern[str]]) -> bool:
    start = span.sentence[0]
    return words["past"].search(text[start : span.start]) is not None
