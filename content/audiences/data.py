"""The data files of this subject, read once."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "data" / "seed" / "audiences"


@cache
def load(name: str) -> dict[str, Any]:
    """`data/seed/audiences/<name>.yml`."""
    loaded: dict[str, Any] = yaml.safe_load((FOLDER / f"{name}.yml").read_text(encoding="utf-8"))
    return loaded
