"""Rules and words of service recovery (`data/seed/recovery_words.yml`)."""

from __future__ import annotations

from pathlib import Path

from web.words import Words

words = Words(Path(__file__).parents[2] / "data" / "seed" / "recovery_words.yml")


def low(questionnaire: str) -> int | None:
    """At this score or below somebody calls; None: no such rule for the questionnaire."""
    found = words.known("low").get(questionnaire)
    return None if found is None else int(found)


def comment_of(questionnaire: str, answers: dict[str, object]) -> str:
    """What the person wrote besides the marks; empty where nothing."""
    return str(answers.get(words.known("comment").get(questionnaire, "comment")) or "")
