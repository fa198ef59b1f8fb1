"""The hospital's own codes in ours: `data/seed/hl7.yml`, and the hospital's file over it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

import yaml

from care.observations.measures import Measures, measures
from care.records.models import EncounterKind
from care.reports.models import ReportCategory

FILE = Path(__file__).resolve().parents[3] / "data" / "seed" / "hl7.yml"
All = Literal["all", "some"]


class CodesError(ValueError):
    """The hospital's file is wrong; the message names the part."""


@dataclass(frozen=True, slots=True)
class Codes:
    """See the file."""

    record_number: tuple[str, ...]
    id_number: tuple[str, ...]
    sexes: Mapping[str, str]
    departments: Mapping[str, str]
    practitioners: Mapping[str, str]
    visits: Mapping[str, EncounterKind]
    icd10: frozenset[str]
    icd9: frozenset[str]
    diagnoses: Mapping[str, tuple[str, str]]
    procedures: Mapping[str, tuple[str, str]]
    diagnoses_are: All
    reports: Mapping[str, ReportCategory]
    report_codes: Mapping[str, ReportCategory]
    observations: Mapping[str, str]
    units: Mapping[str, str]
    measures: Measures


def read_codes(path: Path | None = None) -> Codes:
    """The shipped file, with the parts `path` names instead of its own. Raises `CodesError`."""
    raw = _load(FILE)
    if path is not None:
        own = _load(path)
        if unknown := own.keys() - raw.keys():
            raise CodesError(f"{path}: unknown parts {', '.join(sorted(map(str, unknown)))}")
        for name, value in own.items():
            if type(value) is not type(raw[name]):
                raise CodesError(f"{path}: {name} must be written as in {FILE.name}")
        raw |= own
    try:
        return _codes(raw)
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise CodesError(f"{path or FILE}: {error}") from error


def _load(path: Path) -> dict[str, Any]:
    try:
        raw = yaml.safe_load(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise CodesError(f"{path} cannot be read: {error}") from error
    if not isinstance(raw, dict):
        raise CodesError(f"{path}: the parts of {FILE.name} are expected")
    return raw


def _codes(raw: Mapping[str, Any]) -> Codes:
    if raw["diagnoses_are"] not in get_args(All):
        raise ValueError("diagnoses_are: all or some")
    known = measures()
    observations = _words(raw["observations"])
    if wrong := [code for code in observations.values() if known.kept(code) is None]:
        raise ValueError(f"observations: {', '.join(wrong)} is not in observations.yml")
    return Codes(
        record_number=tuple(map(str, raw["identifiers"]["record_number"])),
        id_number=tuple(map(str, raw["identifiers"]["id_number"])),
        sexes=_words(raw["sexes"]),
        departments=_words(raw["departments"]),
        practitioners=_words(raw["practitioners"]),
        visits={code: EncounterKind(kind) for code, kind in _words(raw["visits"]).items()},
        icd10=frozenset(_folded(one) for one in raw["icd10"]),
        icd9=frozenset(_folded(one) for one in raw["icd9"]),
        diagnoses={str(code): _pair(to) for code, to in raw["diagnoses"].items()},
        procedures={str(code): _pair(to) for code, to in raw["procedures"].items()},
        diagnoses_are=raw["diagnoses_are"],
        reports={code: ReportCategory(kind) for code, kind in _words(raw["reports"]).items()},
        report_codes={code: ReportCategory(kind) for code, kind in _words(raw["report_codes"]).items()},
        observations=observations,
        units=_words(raw["units"]),
        measures=known,
    )


def _words(raw: Mapping[Any, Any]) -> dict[str, str]:
    return {str(code): str(to) for code, to in raw.items()}


def _pair(to: Any) -> tuple[str, str]:
    code, wording = to
    return str(code), str(wording)


def _folded(name: Any) -> str:
    return "".join(str(name).upper().split())


def says(named: str, systems: frozenset[str]) -> bool:
    """Whether a coding system's name is one of `systems`, however it is spelled."""
    return _folded(named) in systems
