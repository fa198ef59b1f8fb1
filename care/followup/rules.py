"""The rules of `data/seed/followup_rules.yml`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from pathlib import Path

import yaml

_FILE = Path(__file__).parents[2] / "data" / "seed" / "followup_rules.yml"


@dataclass(frozen=True, slots=True)
class Rule:
    """`codes`: ICD-10 by their beginning; `most`: new ones in a night."""

    name: str
    codes: tuple[str, ...]
    overdue: timedelta
    doctor: timedelta
    patient: timedelta
    most: int


@cache
def rules() -> Mapping[str, Rule]:
    raw = yaml.safe_load(_FILE.read_text(encoding="utf-8"))["rules"]
    return {
        name: Rule(
            name,
            tuple(one["codes"]),
            timedelta(days=one["overdue_days"]),
            timedelta(days=one["doctor_days"]),
            timedelta(days=one["patient_days"]),
            one["most"],
        )
        for name, one in raw.items()
    }
