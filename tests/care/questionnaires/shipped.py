"""The definitions that come with the project."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

from care.questionnaires.definition import Definition, read_definition
from care.questionnaires.paths import FOLDER

NAMES = sorted(path.stem for path in FOLDER.glob("*.json"))


def raw(name: str) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads((FOLDER / f"{name}.json").read_text("utf-8"))
    return loaded


@cache
def shipped(name: str) -> Definition:
    return read_definition(raw(name))
