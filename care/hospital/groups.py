"""Departments a page at a time, for who cannot or would rather not type: the groups of `data/seed/hospital/department_groups.yml`."""

from __future__ import annotations

from collections.abc import Sequence

from care.hospital.models import HealthcareService
from care.hospital.words import load


def grouped(departments: Sequence[HealthcareService]) -> dict[str, list[HealthcareService]]:
    """By group, in the file's order; groups the hospital has nothing of are left out, what no group names stands in the last."""
    groups: dict[str, list[str]] = load("department_groups")
    places = {
        standard: (name, n) for name, standards in groups.items() for n, standard in enumerate(standards)
    }
    last = (list(groups)[-1], len(places))
    found: dict[str, list[HealthcareService]] = {name: [] for name in groups}
    for one in sorted(departments, key=lambda row: places.get(row.standard, last)[1]):
        found[places.get(one.standard, last)[0]].append(one)
    return {name: rows for name, rows in found.items() if rows}
