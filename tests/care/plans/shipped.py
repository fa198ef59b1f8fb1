"""The plans and articles that come along."""

from __future__ import annotations

import re
from functools import cache
from typing import Any

import yaml

from care.plans.paths import FOLDER, SEED

NAMES = sorted(file.stem for file in FOLDER.glob("*.yml"))
TEMPLATES = (
    "copd", "diabetes", "heart", "hypertension", "newborn", "oncology", "post_operative", "pregnancy", "stroke",
)  # fmt: skip


def raw(name: str) -> dict[str, Any]:
    """As it stands in its file."""
    found: dict[str, Any] = yaml.safe_load((FOLDER / f"{name}.yml").read_text("utf-8"))
    return found


@cache
def slugs() -> frozenset[str]:
    files = (SEED / "articles").rglob("*.md")
    found = (re.search(r"^slug: (\S+)$", file.read_text("utf-8"), re.M) for file in files)
    return frozenset(one[1] for one in found if one is not None)
