"""The timeline's Chinese."""

from __future__ import annotations

from pathlib import Path

from web.words import Words

words = Words(Path(__file__).parents[2] / "data" / "seed" / "timeline_words.yml")
