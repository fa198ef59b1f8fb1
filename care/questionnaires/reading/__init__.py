"""Reading an answer as people say it against the item asked. The words it goes by are data (`words.yml`)."""

from __future__ import annotations

from datetime import date

from care.questionnaires.definition import Item
from care.questionnaires.reading.choices import read_choice, read_several
from care.questionnaires.reading.dates import read_date
from care.questionnaires.reading.found import Doubt, Found, Read, Unread
from care.questionnaires.reading.numbers import read_number
from care.questionnaires.reading.words import fold, words
from care.questionnaires.reading.yes_no import read_boolean, rest_of
from care.questionnaires.values import NUMBERS, Why

__all__ = ["Doubt", "Read", "Unread", "Why", "fold", "read", "rest_of"]


def read(item: Item, text: str, *, today: date, pair: Item | None = None) -> Found:
    """`text` as the patient typed it. `pair`: the item the second number of "140/90" answers."""
    folded = fold(text)
    if not folded:
        return Unread("empty")
    if folded in (words().skip_any if item.type not in ("text", "open-choice") else words().skip):
        return Unread("required") if item.required else Read(None)
    found = _by_type(item, folded, text.strip(), today, pair)
    if isinstance(found, Unread) and folded in words().unknown and not item.required:
        return Read(None)
    return found


def _by_type(item: Item, folded: str, text: str, today: date, pair: Item | None) -> Found:
    if item.repeats:
        return read_several(item, folded)
    if item.type == "boolean":
        return read_boolean(item, folded)
    if item.type in ("choice", "open-choice"):
        found = read_choice(item, folded)
        if isinstance(found, Unread) and item.type == "open-choice" and len(folded) > 1:
            return Doubt({"other": text})
        return found
    if item.type in NUMBERS:
        return read_number(item, folded, pair)
    if item.type == "date":
        return read_date(folded, today)
    return Read(text)
