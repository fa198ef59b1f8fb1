"""Whether the FAQ answers a question, or an article, or neither: one rule for every way a question comes in.

1. Who asks for a dose is answered by the FAQ or by nobody.
2. FAQ and articles each have a score from which they are sure, by what was asked (`ENTRY_FROM`, `ARTICLE_FROM`).
3. Of what is sure, the surer answers: both scores are probabilities by one learned curve.
4. As sure as each other (within `EQUAL`), the FAQ does: it is the hospital's own word on its own house.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from actions.articles import may_be_said
from actions.turn import Turn
from content.articles.search import ArticleHit
from content.articles.texts import PublishedText
from content.faq.search import FaqHit

EQUAL = 0.05
ENTRY_FROM = {"ask_health": 0.7, "ask_medication": 0.7}
"""Where health is asked about, an entry must be surer than elsewhere (the FAQ's own `answer_from`)."""
ARTICLE_FROM = {"ask_medication": 0.6}
HEALTH, ELSEWHERE = "ask_health", 0.55
"""A health question has the articles' own `answer_from`; what was taken for something else must be surer."""


@dataclass(frozen=True, slots=True)
class Found:
    """What FAQ and articles have for a question, best first."""

    entries: Sequence[FaqHit] = ()
    articles: Sequence[ArticleHit] = ()


def best(turn: Turn, found: Found) -> FaqHit | PublishedText | None:
    """What answers; None where neither is sure."""
    services, intent = turn.services, turn.intent
    entry, hit = next(iter(found.entries), None), next(iter(found.articles), None)
    if entry is not None and entry.score < max(services.faq.answer_from, ENTRY_FROM.get(intent, 0.0)):
        entry = None
    least = services.articles.answer_from if intent == HEALTH else ARTICLE_FROM.get(intent, ELSEWHERE)
    if hit is not None and (hit.score < least or not may_be_said(turn, hit.article)):
        hit = None
    if hit is None or (entry is not None and entry.score >= hit.score - EQUAL):
        return entry
    return hit.article
