"""How the pages say things: Chinese for codes, queries of addresses."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import yaml

from content.sms.lint import words as sms_words

TEMPLATES = Path(__file__).parent / "templates"


class Words:
    """Chinese for codes, from `words.yml` (and what is said of any SMS); a code nobody has words for is shown as it is."""

    def __init__(self) -> None:
        self._words: dict[str, dict[str, str]] = yaml.safe_load(
            (TEMPLATES / "words.yml").read_text(encoding="utf-8")
        )
        self._words["problems"] = {**sms_words(), **self._words["problems"]}

    def __call__(self, kind: str, code: object, **values: object) -> str:
        text = self._words[kind].get(str(code))
        return str(code) if text is None else text.format(**values)

    def known(self, kind: str) -> dict[str, str]:
        """Every code of a kind with its words, in order."""
        return self._words[kind]


def query_of(values: dict[str, Any]) -> str:
    """The values that are set, as an address's query."""
    return urlencode({name: value for name, value in values.items() if value})
