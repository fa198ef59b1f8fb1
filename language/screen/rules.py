"""One rule over a prepared text: do its words stand, near enough to each other, and not taken back?"""

from __future__ import annotations

from language.screen.lexicon import Rule, rules
from language.screen.scope import Span, taken_back


def denied(text: str) -> bool:
    """Whether a prepared text says that a danger is not there ("没有自杀的想法")."""
    for rule in rules():
        for match in rule.groups[0].finditer(text):
            if taken_back(rule, Span(text, match.start(), match.end())) == "neg":
                return True
    return False


def fires(rule: Rule, text: str) -> str | None:
    """The words the rule fires on; None where it does not."""
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
