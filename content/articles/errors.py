"""What an editor hears when something cannot be done: Chinese, from `data/seed/article_words.yml`."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import yaml

FILE = Path(__file__).parents[2] / "data" / "seed" / "article_words.yml"


@cache
def _words() -> dict[str, dict[str, str]]:
    words: dict[str, dict[str, str]] = yaml.safe_load(FILE.read_text("utf-8"))
    return words


def say(kind: str, code: str, **values: object) -> str:
    """The sentence for `code` among those of `kind` (errors, findings, states…); a code without one is shown as it is."""
    text = _words()[kind].get(code)
    return code if text is None else text.format(**values)


def known(kind: str) -> dict[str, str]:
    """Every code of a kind with its words, in the file's order."""
    return _words()[kind]


class ArticleError(ValueError):
    """Something cannot be done; `code` says which rule, the message (Chinese) what to do."""

    def __init__(self, code: str, **values: object) -> None:
        super().__init__(say("errors", code, **values))
        self.code = code
        self.values = values


class NotFound(ArticleError):
    """There is no such article, revision, draft or picture."""
