"""Departments without typing: every standard name stands in exactly one of at most four groups."""

from __future__ import annotations

from pathlib import Path

import yaml

from care.hospital.groups import grouped
from care.hospital.models import HealthcareService
from care.hospital.words import load

SEED = Path(__file__).parents[2] / "data" / "seed" / "hospital" / "departments.yml"


def test_the_groups_hold_every_department_once() -> None:
    shown = [name for names in load("department_groups").values() for name in names]
    hospital = {one.get("standard", one["name"]) for one in yaml.safe_load(SEED.read_text("utf-8"))}
    assert len(shown) == len(set(shown)) == 32
    assert hospital <= set(shown)
    assert len(load("department_groups")) <= 4


def test_what_no_group_names_stands_in_the_last() -> None:
    rows = [HealthcareService(name=name, standard=name) for name in ("国际门诊", "眼科", "心血管内科")]
    assert {name: [one.name for one in found] for name, found in grouped(rows).items()} == {
        "内科": ["心血管内科"],
        "妇儿五官皮肤": ["眼科"],
        "中医康复其他": ["国际门诊"],
    }
