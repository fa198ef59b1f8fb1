"""Words around doctors and relatives, read once from `data/seed/hospital/words.yml`."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import yaml

DATA = Path(__file__).resolve().parents[2] / "data" / "seed" / "hospital"


@cache
def load(name: str) -> Any:
    """The parsed file `data/seed/hospital/<name>.yml`. Treat as read-only."""
    return yaml.safe_load((DATA / f"{name}.yml").read_text(encoding="utf-8"))


# Longest first, so that `副主任医师` wins over `主任`.
DOCTOR_WORDS: tuple[str, ...] = tuple(sorted(load("words")["doctor"], key=len, reverse=True))
