"""Where the shipped definitions and the words for reading answers lie."""

from pathlib import Path

FOLDER = Path(__file__).resolve().parents[2] / "data" / "seed" / "questionnaires"
WORDS = FOLDER / "words.yml"
