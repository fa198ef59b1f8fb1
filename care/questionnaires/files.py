"""Definitions in and out as files: one FHIR Questionnaire, several in a JSON list or a Bundle, or one a line."""

from __future__ import annotations

import json
from typing import Any

from care.questionnaires.errors import DefinitionError

MOST_BYTES = 1_000_000
"""More than any questionnaire needs: the shipped ones are 4 to 22 KB."""


def read_text(text: str) -> list[dict[str, Any]]:
    """The Questionnaire resources of a file. Raises `DefinitionError`."""
    if len(text.encode()) > MOST_BYTES:
        raise DefinitionError("too_large")
    try:
        found = json.loads(text)
    except ValueError:
        found = [_line(line, number) for number, line in enumerate(text.splitlines(), 1) if line.strip()]
    if isinstance(found, dict):
        bundled = found.get("resourceType") == "Bundle"
        found = [one.get("resource") for one in found.get("entry") or []] if bundled else [found]
    if not isinstance(found, list) or not found or not all(isinstance(one, dict) for one in found):
        raise DefinitionError("resource_type")
    return found


def _line(line: str, number: int) -> Any:
    try:
        return json.loads(line)
    except ValueError as error:
        raise DefinitionError("not_json", None, number=number) from error
