"""Where the shipped definitions and the words for reading answers lie."""

from pathlib import Path

SEED = Path(__file__).resolve().parents[2] / "data" / "seed"
FOLDER = SEED / "questionnaires"
WORDS = FOLDER / "words.yml"
DEFINITION_WORDS = SEED / "definition_words.yml"
"""What editors read about definitions: errors, names of types, the words of their pages."""
