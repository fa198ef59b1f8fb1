"""What an editor hears when something cannot be done: Chinese, from `data/seed/article_words.yml`."""

from __future__ import annotations

from pathlib import Path

from web.words import Words

FILE = Path(__file__).parents[2] / "data" / "seed" / "article_words.yml"


say = Words(FILE)
"""The sentence for a code of a kind (errors, findings, states…)."""


class ArticleError(ValueError):
    """Something cannot be done; `code` says which rule, the message (Chinese) what to do."""

    def __init__(self, code: str, **values: object) -> None:
        super().__init__(say("errors", code, **values))
        self.code = code
        self.values = values


class NotFound(ArticleError):
    """There is no such article, revision, draft or picture."""
