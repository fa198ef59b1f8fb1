"""How the pages say things: Chinese for codes."""

from __future__ import annotations

from pathlib import Path

from content.sms.lint import words as sms_words
from web.words import Words

TEMPLATES = Path(__file__).parent / "templates"


class FaqWords(Words):
    """`words.yml`, and what is said of any SMS."""

    def __init__(self) -> None:
        super().__init__(TEMPLATES / "words.yml")
        self._words["problems"] = {**sms_words(), **self._words["problems"]}
