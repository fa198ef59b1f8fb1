"""A FHIR R4 Observation into readings: checked, converted, without a look at the database.

FHIR: http://hl7.org/fhir/R4/observation.html; the checks of its shape are fhir.resources' (R4B, whose Observation is R4's).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from care.observations.measures import Measure, measures

LOINC = "http://loinc.org"
AHEAD = timedelta(minutes=10)
"""How far a device's clock may be ahead."""
TAKEN = frozenset({"final", "amended", "corrected", "entered-in-error"})


class ObservationError(ValueError):
    """Nothing was stored. `code` of `errors` in the words; `issue` of FHIR's issue types; `where` a FHIRPath."""

    def __init__(
        self, code: str, where: str = "", *, issue: str = "invalid", status: int = 422, **values: Any
    ) -> None:
        super().__init__(code)
        self.code, self.where, self.issue, self.status, self.values = code, where, issue, status, values


@dataclass(frozen=True, slots=True)
class Reading:
    """One number in the unit that is kept."""

    code: str
    value: float
    unit: str


@dataclass(frozen=True, slots=True)
class Sent:
    """What one resource says. `subject`: a record number, a patient's id, or None. `withdrawn`: it was entered in error."""

    identifier: str
    subject: str | UUID | None
    effective_at: datetime
    readings: tuple[Reading, ...]
    withdrawn: bool


def read(raw: Any, now: datetime) -> Sent:
    """Raises `ObservationError`."""
    found = _valid(raw)
    if found.status not in TAKEN:
        raise ObservationError("status", "Observation.status", issue="value")
    identifier = next((one for one in found.identifier or () if one.value), None)
    if identifier is None or len(identifier.value) > 200:
        raise ObservationError("identifier", "Observation.identifier", issue="required")
    effective = found.effectiveDateTime or found.effectiveInstant
    if not isinstance(effective, datetime) or effective.tzinfo is None:
        raise ObservationError("effective", "Observation.effective", issue="required")
    if effective > now + AHEAD:
        raise ObservationError("future", "Observation.effective", issue="value")
    withdrawn = found.status == "entered-in-error"
    readings = () if withdrawn else tuple(_readings(found))
    name = f"{identifier.system or ''}|{identifier.value}"
    if not name.isprintable():
        raise ObservationError("identifier", "Observation.identifier", issue="value")
    return Sent(name, _subject(found), effective, readings, withdrawn)


def _valid(raw: Any) -> Any:
    """Imports when called: half a second that only who receives readings pays."""
    from fhir.resources.R4B.observation import Observation as Resource
    from pydantic import ValidationError

    if not isinstance(raw, dict) or raw.get("resourceType") != "Observation":
        raise ObservationError("invalid", "Observation", detail="resourceType")
    try:
        return Resource.model_validate(raw)
    except ValidationError as error:
        where = ".".join(str(part) for part in error.errors()[0]["loc"])
        raise ObservationError("invalid", f"Observation.{where}", detail=where) from error
    except (ValueError, TypeError, AttributeError, ArithmeticError, RecursionError) as error:
        raise ObservationError("invalid", "Observation", detail=type(error).__name__) from error


def _subject(found: Any) -> str | UUID | None:
    subject = found.subject
    if subject is None:
        return None
    if subject.identifier is not None and subject.identifier.value:
        number = str(subject.identifier.value)[:60]
        return number if number.isprintable() else None
    kind, _, name = (subject.reference or "").rpartition("/")
    try:
        return UUID(name) if kind == "Patient" else None
    except ValueError:
        return None


def _readings(found: Any) -> Sequence[Reading]:
    known = measures()
    codes = _codes(found.code)
    if panel := known.panels & set(codes):
        parts = [
            _reading(part.valueQuantity, measure, f"Observation.component[{number}]")
            for number, part in enumerate(found.component or ())
            if (measure := _measure(part.code)) is not None
        ]
        if not parts:
            raise ObservationError("no_value", "Observation.component", detail=min(panel))
        if len({one.code for one in parts}) < len(parts):
            raise ObservationError("code", "Observation.component", detail=parts[0].code)
        return parts
    measure = _measure(found.code)
    if measure is None:
        raise ObservationError(
            "code", "Observation.code", issue="code-invalid", detail="、".join(codes)[:100] or "-"
        )
    return [_reading(found.valueQuantity, measure, "Observation")]


def _measure(concept: Any) -> Measure | None:
    known = measures()
    return next((one for code in _codes(concept) if (one := known.kept(code)) is not None), None)


def _codes(concept: Any) -> list[str]:
    return [one.code for one in (concept.coding or ()) if one.system == LOINC and one.code]


def _reading(quantity: Any, measure: Measure, where: str) -> Reading:
    if quantity is None or quantity.value is None or quantity.comparator:
        raise ObservationError("no_value", f"{where}.valueQuantity", issue="required")
    unit = quantity.code or quantity.unit or ""
    if unit not in measure.units:
        raise ObservationError(
            "unit",
            f"{where}.valueQuantity.code",
            issue="value",
            detail=measure.name,
            units=" ".join(measure.units),
        )
    factor, addend = measure.units[unit]
    value = round(float(quantity.value) * factor + addend, measure.decimals + 1)
    low, high = measure.plausible
    if not low <= value <= high:
        shown = f"{measure.name} {value:g} {measure.shown}"
        raise ObservationError("implausible", f"{where}.valueQuantity.value", issue="value", detail=shown)
    return Reading(measure.code, value, measure.unit)
