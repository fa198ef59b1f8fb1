"""The wording of each consent (`data/seed/consents.yml`), by purpose."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import yaml

from care.consents.models import Purpose

FILE = Path(__file__).parents[2] / "data" / "seed" / "consents.yml"
PARTS = ("what", "why", "keep", "withdraw", "refused")
"""What every wording has to say (PIPL art. 17), in the order it is shown."""


@dataclass(frozen=True, slots=True)
class ConsentText:
    """`said` is one paragraph, `parts` the same by question (empty where the paragraph is all). `version`: as the ledger keeps it,
    the file's version and a digest of the words, so that a text changed without its version shows. `sensitive`: health
    information, to be agreed to by itself (PIPL art. 28-29)."""

    purpose: Purpose
    version: str
    title: str
    sensitive: bool
    said: str
    parts: Mapping[str, str]


@cache
def texts() -> Mapping[Purpose, ConsentText]:
    """All of them, in the file's order. Raises `ValueError` naming a purpose that leaves a question open."""
    raw = yaml.safe_load(FILE.read_text("utf-8"))
    return {Purpose(code): _text(Purpose(code), entry) for code, entry in raw.items()}


def text_of(purpose: Purpose) -> ConsentText:
    return texts()[purpose]


def _text(purpose: Purpose, raw: Mapping[str, str]) -> ConsentText:
    parts = {part: raw[part] for part in PARTS if part in raw}
    if "said" not in raw and (missing := [part for part in PARTS if part not in parts]):
        raise ValueError(f"consents.yml: {purpose} does not say {', '.join(missing)}")
    said = raw.get("said") or "".join(parts.values())
    digest = hashlib.sha256(said.encode()).hexdigest()[:8]
    return ConsentText(
        purpose=purpose,
        version=f"{raw['version']}.{digest}",
        title=raw["title"],
        sensitive=bool(raw.get("sensitive", False)),
        said=said,
        parts=parts,
    )
