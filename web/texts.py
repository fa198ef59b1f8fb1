"""Short texts that code hands out (a refusal, an error): kept in a room's `texts.yml`, not in its code."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml


class Texts:
    """The texts of one YAML file by dotted key; `{names}` in a text are filled in."""

    def __init__(self, path: Path) -> None:
        self._texts = yaml.safe_load(path.read_text(encoding="utf-8"))
        self._path = path

    def __call__(self, key: str, **values: Any) -> str:
        found: Any = self._texts
        for part in key.split("."):
            found = found[part]
        if not isinstance(found, str):
            raise KeyError(f"{key!r} in {self._path.name} is not a text")
        return found.format(**values)


say = Texts(Path(__file__).parent / "texts.yml")
"""The texts of the shell and of sign-in."""
