"""Whether a definition may be published: FHIR R4 by fhir.resources (its R4B package, the same Questionnaire), then our own checks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pydantic import ValidationError

from care.questionnaires.definition import Definition, read_definition
from care.questionnaires.errors import DefinitionError, words

DISCREET = frozenset({"phq9", "gad7"})
"""Questionnaires about mood: never by SMS, whose number is not the person, and no severity label for the patient."""


def check(raw: dict[str, Any]) -> Definition:
    """Raises `DefinitionError`, which names the item where it lies within one."""
    from fhir.resources.R4B.questionnaire import (
        Questionnaire,
    )  # half a second to import, and only who publishes needs it

    definition = read_definition(raw)
    try:
        Questionnaire.model_validate(raw)
    except ValidationError as error:
        problem = error.errors(include_url=False, include_input=False)[0]
        kind = problem["type"].rsplit(".", 1)[-1]
        known = kind if kind in words().known("fhir") else "other"
        said = words()("fhir", known, path=".".join(map(str, problem["loc"])))
        raise DefinitionError("fhir", _item_at(raw, problem["loc"]), problem=said) from error
    if definition.name in DISCREET or any(rule.crisis for rule in definition.flags):
        if "sms" in definition.channels:
            raise DefinitionError("discreet_sms")
        if definition.shows_result:
            raise DefinitionError("discreet_result")
    return definition


def _item_at(raw: dict[str, Any], path: Sequence[int | str]) -> str | None:
    """The link id of the innermost item on the way `path` goes."""
    found: str | None = None
    at: Any = raw
    for step in path:
        try:
            at = at[step]
        except (KeyError, IndexError, TypeError):
            break
        if isinstance(at, dict) and isinstance(at.get("linkId"), str):
            found = at["linkId"]
    return found
