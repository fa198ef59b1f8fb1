"""The words around one's own data (`data/seed/privacy_words.yml`)."""

from __future__ import annotations

from pathlib import Path

from web.words import Words

words = Words(Path(__file__).parents[2] / "data" / "seed" / "privacy_words.yml")
