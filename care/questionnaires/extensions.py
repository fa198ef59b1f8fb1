"""The FHIR extensions a definition uses, and reading them.

HL7's own where one exists (FHIR R4 extension registry, http://hl7.org/fhir/R4/extensibility-registry.html): `ordinalValue`,
`minValue`, `maxValue`, `questionnaire-unit`, `questionnaire-unitOption`, `questionnaire-optionExclusive`. Else ours, under `OURS`;
docs/questionnaires.md lists them.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

HL7 = "http://hl7.org/fhir/StructureDefinition/"
ORDINAL = f"{HL7}ordinalValue"
MIN_VALUE = f"{HL7}minValue"
MAX_VALUE = f"{HL7}maxValue"
UNIT = f"{HL7}questionnaire-unit"
UNIT_OPTION = f"{HL7}questionnaire-unitOption"
EXCLUSIVE = f"{HL7}questionnaire-optionExclusive"
UCUM = "http://unitsofmeasure.org"

CANONICAL = "https://banyi.example/Questionnaire/"
"""Before a definition's name: its canonical address where it gives none."""
OURS = "https://banyi.example/fhir/StructureDefinition/questionnaire-"
REVISION, CHANNEL, PURPOSE = f"{OURS}revision", f"{OURS}channel", f"{OURS}purpose"
MINUTES, SHOWS_RESULT, SOURCE = f"{OURS}minutes", f"{OURS}shows-result", f"{OURS}source"
SCALE, RED_FLAG = f"{OURS}scale", f"{OURS}red-flag"
WHY, PREFILL, PAIR, PLAUSIBLE = f"{OURS}why", f"{OURS}prefill", f"{OURS}pair", f"{OURS}plausible"


def all_of(raw: dict[str, Any], url: str) -> Iterator[dict[str, Any]]:
    """The extensions of an element under `url`; inside ours, the parts of that name."""
    return (one for one in raw.get("extension") or [] if isinstance(one, dict) and one.get("url") == url)


def first(raw: dict[str, Any], url: str) -> dict[str, Any] | None:
    return next(all_of(raw, url), None)


def value_of(entry: dict[str, Any] | None) -> Any:
    """The `value[x]` of an extension; of a Coding its code. None without one."""
    for key, value in (entry or {}).items():
        if key.startswith("value"):
            return value.get("code") if isinstance(value, dict) else value
    return None


def value(raw: dict[str, Any], url: str) -> Any:
    """The value of the first extension under `url`."""
    return value_of(first(raw, url))


def values(raw: dict[str, Any], url: str) -> tuple[Any, ...]:
    return tuple(value_of(one) for one in all_of(raw, url))
