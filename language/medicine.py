"""Questions for an amount of a medicine, and texts that name one (`data/language/medicine.yml`)."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import yaml

from language.normalise import normalise

FILE = Path(__file__).parents[1] / "data" / "language" / "medicine.yml"


def asks_dose(text: str) -> bool:
    """Whether `text` asks how much of a medicine: only the doctor's order and the leaflet say that."""
    return _pattern("asks_dose").search(normalise(text)) is not None


def names_dose(text: str) -> bool:
    """Whether `text` gives an amount as medicines are counted."""
    return _pattern("names_dose").search(normalise(text)) is not None


@cache
def _pattern(name: str) -> re.Pattern[str]:
    return re.compile("|".join(yaml.safe_load(FILE.read_text("utf-8"))[name]))
