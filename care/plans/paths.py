"""Where the shipped plans and the words of errors lie."""

from pathlib import Path

SEED = Path(__file__).resolve().parents[2] / "data" / "seed"
FOLDER = SEED / "plans"
WORDS = SEED / "plan_words.yml"
"""What editors read about plans: errors, names of kinds, anchors, reasons."""
