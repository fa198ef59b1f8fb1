"""Reading a FHIR R4 Questionnaire into what is asked, scored and watched; what of it is asked after some answers.

These are our own checks, quick enough for every answer; `checking` adds FHIR's before anything is published.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, cast

from care.questionnaires import extensions as ext
from care.questionnaires.comparing import holds
from care.questionnaires.errors import DefinitionError
from care.questionnaires.items import read_items
from care.questionnaires.parts import Answers, Band, Choice, Condition, Definition, Item, Rule, Scale, Trigger
from care.questionnaires.rules import read_rules, read_scales

__all__ = [
    "CHANNELS",
    "Answers",
    "Band",
    "Choice",
    "Condition",
    "Definition",
    "DefinitionError",
    "Item",
    "Rule",
    "Scale",
    "Trigger",
    "asked",
    "read_definition",
]

CHANNELS = ("wechat", "sms", "page", "phone")
PURPOSES = ("follow_up", "survey")
SECONDS_AN_ITEM = 20
"""How long a question takes, where a definition does not say its minutes."""


def read_definition(raw: Mapping[str, Any]) -> Definition:
    """Raises `DefinitionError`, which names the item, scale or rule."""
    raw = dict(raw)
    if raw.get("resourceType") != "Questionnaire":
        raise DefinitionError("resource_type")
    for key in ("name", "title", "version"):
        if not str(raw.get(key) or "").strip():
            raise DefinitionError("missing", None, field=key)
    items = read_items(raw)
    scales = read_scales(raw, items)
    channels = ext.values(raw, ext.CHANNEL) or CHANNELS
    purpose = ext.value(raw, ext.PURPOSE) or "survey"
    revision = ext.value(raw, ext.REVISION)
    if not set(channels) <= set(CHANNELS):
        raise DefinitionError("channel", channels=", ".join(CHANNELS))
    if purpose not in PURPOSES:
        raise DefinitionError("purpose", purposes=", ".join(PURPOSES))
    if revision is not None and (not isinstance(revision, int) or revision < 1):
        raise DefinitionError("revision")
    return Definition(
        name=str(raw["name"]),
        version=str(raw["version"]),
        revision=revision or 1,
        title=str(raw["title"]),
        intro=raw.get("description"),
        items=items,
        scales=scales,
        flags=read_rules(raw, items, scales),
        channels=frozenset(channels),
        shows_result=ext.value(raw, ext.SHOWS_RESULT) is not False,
        purpose=cast(Literal["follow_up", "survey"], purpose),
        minutes=ext.value(raw, ext.MINUTES) or max(1, round(len(items) * SECONDS_AN_ITEM / 60)),
        copyright=raw.get("copyright"),
        sources=ext.values(raw, ext.SOURCE),
        url=str(raw.get("url") or f"{ext.CANONICAL}{raw['name']}"),
    )


def asked(definition: Definition, answers: Answers) -> tuple[Item, ...]:
    """The items `enableWhen` leaves after `answers`, in order: what is not asked counts as unanswered for what follows."""
    found: dict[str, Item] = {}

    def met(condition: Condition) -> bool:
        item = found.get(condition.link_id)
        if item is None:
            return condition.operator == "exists" and not condition.value
        return holds(item, answers.get(item.link_id), condition.operator, condition.value)

    for item in definition.items:
        gates = ((item.enable, item.enable_all), *((gate.conditions, gate.every) for gate in item.gates))
        if all(_open([met(one) for one in conditions], every) for conditions, every in gates):
            found[item.link_id] = item
    return tuple(found.values())


def _open(met: list[bool], every: bool) -> bool:
    return not met or (all(met) if every else any(met))
