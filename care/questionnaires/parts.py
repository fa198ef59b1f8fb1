"""What a definition is made of, once read: questions, scales and red-flag rules.

An answer is a choice's code, a list of codes (`repeats`), `{"other": text}`, a number, a bool, an ISO date, a text, or
None: skipped.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

Answers = Mapping[str, Any]
"""Link id → answer."""
Severity = Literal["emergency", "urgent", "soon"]
Operator = Literal["exists", "=", "!=", ">", "<", ">=", "<="]
Channel = Literal["wechat", "sms", "page", "phone"]


@dataclass(frozen=True, slots=True)
class Choice:
    """An answer to choose: `code` is stored, `label` shown; `ordinal` counts towards scores.

    `exclusive`: with it nothing else can be chosen, such as "none of these".
    """

    code: str
    label: str
    ordinal: float | None = None
    exclusive: bool = False


@dataclass(frozen=True, slots=True)
class Condition:
    """`link_id`'s answer compared with `value`: a code, a number, a bool or an ISO date; a number for a choice means its ordinal."""

    link_id: str
    operator: Operator
    value: Any


@dataclass(frozen=True, slots=True)
class Gate:
    """Conditions of which all (`every`) or one must hold."""

    conditions: tuple[Condition, ...]
    every: bool


@dataclass(frozen=True, slots=True)
class Item:
    """A question. `number` of `total` counts from 1, over everything that may be asked.

    `type`: boolean, choice, open-choice, integer, decimal, quantity, date or text; `repeats`: several choices at once.
    `minimum` and `maximum` are the plausible range: what lies outside is doubted, not refused. `lowest` and `highest` bound what
    is taken at all. `unit` is read out, `unit_code` is UCUM. `group`: heading of the group it stands in. `why`: why it is asked.
    `prefill`: where in the record an answer may be found (`items.PREFILLS`). `enable`: what must hold for it to be asked, all or
    (not `enable_all`) one of it, beside `gates`, the conditions of the groups around it. `pair`: the item that the second number
    of "140/90" answers. `path`: link ids of the groups it stands in, outermost first.
    """

    link_id: str
    text: str
    type: str
    choices: tuple[Choice, ...] = ()
    required: bool = False
    minimum: float | None = None
    maximum: float | None = None
    number: int = 1
    total: int = 1
    repeats: bool = False
    unit: str | None = None
    unit_code: str | None = None
    group: str | None = None
    why: str | None = None
    prefill: str | None = None
    enable: tuple[Condition, ...] = ()
    enable_all: bool = True
    pair: str | None = None
    lowest: float | None = None
    highest: float | None = None
    gates: tuple[Gate, ...] = ()
    path: tuple[str, ...] = ()

    @property
    def ordinals(self) -> dict[str, float]:
        """Code → points, of the choices that have any."""
        return {one.code: one.ordinal for one in self.choices if one.ordinal is not None}


@dataclass(frozen=True, slots=True)
class Band:
    """Values from `low` to `high`, both included. `title` is for staff, `says` for the patient: a sentence, never a diagnosis."""

    low: float
    high: float
    title: str
    says: str | None


@dataclass(frozen=True, slots=True)
class Scale:
    """A score over `items`: their points or numbers summed, or their mean.

    `reverse`: items that count the other way round (lowest + highest points − points). `at_least`: how many must be answered; the
    sum of fewer than all is prorated (mean of what was answered × number of items, rounded half up), by the published rule of the
    questionnaire. None: all must be answered.
    """

    code: str
    title: str
    items: tuple[str, ...]
    reverse: frozenset[str]
    method: Literal["sum", "mean"]
    at_least: int | None
    bands: tuple[Band, ...]


@dataclass(frozen=True, slots=True)
class Trigger:
    """`on` an `answer` to item `of`, the `total` of scale `of`, or its `change` since the response before (`of`: item or scale)."""

    on: Literal["answer", "total", "change"]
    of: str
    operator: Operator
    value: Any


@dataclass(frozen=True, slots=True)
class Rule:
    """A red flag: raised when all (`every`) or one of `when` holds.

    `title`: what a nurse needs to know. `says`: wording key of what the patient hears at once. `source`: where the threshold is from.
    """

    code: str
    severity: Severity
    title: str
    says: str
    when: tuple[Trigger, ...]
    every: bool
    crisis: bool
    source: str | None


@dataclass(frozen=True, slots=True)
class Definition:
    """A questionnaire. `version` changes with the meaning, `revision` with the wording. `minutes`: how long it takes, about.

    `shows_result`: whether the patient is told a band. `purpose`: the consent it is sent under. `copyright` and `sources`: whose
    it is and from where. `url`: FHIR's canonical address.
    """

    name: str
    version: str
    revision: int
    title: str
    intro: str | None
    items: tuple[Item, ...]
    scales: tuple[Scale, ...]
    flags: tuple[Rule, ...]
    channels: frozenset[str]
    shows_result: bool
    purpose: Literal["follow_up", "survey"]
    minutes: int
    copyright: str | None = None
    sources: tuple[str, ...] = ()
    url: str = ""

    def item(self, link_id: str) -> Item | None:
        return next((one for one in self.items if one.link_id == link_id), None)
