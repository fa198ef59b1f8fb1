"""What is greeted for and warned of: `data/seed/greetings.yml`."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from language.when.holidays import festival

_FILE = Path(__file__).parents[2] / "data" / "seed" / "greetings.yml"
BIRTHDAY = "birthday"


@dataclass(frozen=True, slots=True)
class Said:
    """One round: the wording's `key` and its `params`, for whom, under which `purpose`. `codes`: only with one of these diagnoses (by
    their beginning); `born_by`: the last birth year greeted; `birthday`: only whose it is. `round`: the name nobody hears twice."""

    round: str
    key: str
    purpose: str
    params: Mapping[str, str]
    codes: tuple[str, ...] = ()
    born_by: int | None = None
    birthday: date | None = None


@cache
def _raw() -> Mapping[str, Any]:
    found: Mapping[str, Any] = yaml.safe_load(_FILE.read_text(encoding="utf-8"))
    return found


def names() -> frozenset[str]:
    """What may be switched on."""
    return frozenset({*_raw()["festivals"], BIRTHDAY})


def of_day(day: date, wanted: Collection[str]) -> list[Said]:
    """The greetings of the local `day` among those switched on."""
    found = []
    for name, one in _raw()["festivals"].items():
        if name in wanted and festival(one["festival"], day.year) == day:
            limit = day.year - one["from_age"] if "from_age" in one else None
            found.append(Said(f"{name}:{day}", f"greeting.{name}", "marketing", {}, born_by=limit))
    if BIRTHDAY in wanted:
        found.append(Said(f"{BIRTHDAY}:{day}", f"greeting.{BIRTHDAY}", "marketing", {}, birthday=day))
    return found


def warning(warning_id: str, kind: str, region: str, level: str) -> Said | None:
    """A warning as it is said; None: nobody of ours is told of this kind."""
    one = _raw()["warnings"].get(kind)
    if one is None:
        return None
    params = {"region": region, "level": level}
    return Said(
        f"weather:{warning_id}"[:120], f"warning.{kind}", "education", params, codes=tuple(one["codes"])
    )
