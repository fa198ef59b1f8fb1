"""The words of the time machine."""

from __future__ import annotations

from care.plans.paths import SEED
from web.words import Words

words = Words(SEED / "time_machine_words.yml")
LANES = tuple(words.known("lanes"))
"""Where an entry stands, in order."""
