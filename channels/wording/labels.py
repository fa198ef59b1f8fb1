"""The words on options, by name, from `data/seed/wording/labels.yml`: read once, like the wordings themselves."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import yaml

FILE = Path(__file__).parents[2] / "data" / "seed" / "wording" / "labels.yml"


@cache
def _labels() -> dict[str, str]:
    return {str(name): str(text) for name, text in yaml.safe_load(FILE.read_text("utf-8")).items()}


def label(name: str, /, **params: object) -> str:
    """The words for option `name`, with `{param}` filled in. Raises `KeyError` naming what is missing."""
    return _labels()[name].format(**params)
