"""A plan as it is written: steps at offsets from a dated fact (FHIR PlanDefinition, R4), read with errors that name step and field."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import time
from types import MappingProxyType
from typing import Any

from care.hospital.models import STANDARD_DEPARTMENTS
from care.plans.errors import PlanError

ANCHORS = ("surgery", "discharge", "diagnosis", "last_visit", "lmp", "birth")
"""Dated facts steps are counted from. `lmp`: first day of the last period; `birth`: the day a pregnancy ended in one."""
KINDS = ("message", "article", "questionnaire", "reminder", "offer", "call")
CHANNELS = ("wechat", "sms")
WORKDAYS = ("any", "next", "previous")
LATE = ("catch_up", "skip")
ALWAYS_STOPS = frozenset({"died", "moved", "opted_out", "withdrawn", "removed"})
"""What ends every plan, named or not: the dead, those who left, who does not want it, and whose fact was struck out."""
STOPS = ("visit", "answered", "readmitted", "transferred", "refused", *sorted(ALWAYS_STOPS))
NEEDS: Mapping[str, Sequence[str]] = MappingProxyType(
    {
        "message": ("text",),
        "article": ("slug",),
        "questionnaire": ("name",),
        "reminder": ("text",),
        "offer": ("department", "within_days"),
        "call": ("script",),
    }
)
"""What the content of a step of each kind must say."""
OPTIONAL: Mapping[str, Sequence[str]] = MappingProxyType(
    {"call": ("questionnaire",), "message": ("sms",), "reminder": ("sms",)}
)
DAYS = (-400, 3650)
LONGEST_TEXT, MOST_STEPS = 500, 200
_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,59}")
_STEP = re.compile(r"[a-z0-9][a-z0-9_-]{0,39}")


@dataclass(frozen=True, slots=True)
class Condition:
    """When a step is for this patient at all; everything given must hold, looked at when the step is due.

    `step` and `is_`: a questionnaire or offer of this plan `answered` or `unanswered`. `codes`, `without`: has a present diagnosis
    whose ICD-10 code begins so, or has none. `questionnaire`, `item`: the newest answer to it, one of `answer`, or a number
    `at_least`/`at_most` (the item "" is the score). Ages are whole years, both ends included.
    """

    step: str | None = None
    is_: str | None = None
    sex: str | None = None
    min_age: int | None = None
    max_age: int | None = None
    codes: tuple[str, ...] = ()
    without: tuple[str, ...] = ()
    questionnaire: str | None = None
    item: str = ""
    answer: tuple[str, ...] = ()
    at_least: float | None = None
    at_most: float | None = None


@dataclass(frozen=True, slots=True)
class Step:
    """`days` after (before, if negative) the anchor, at the local time `at`. `anchor`: another one than the plan's.

    `workday`: on a day off it goes on the next or previous working day instead. `late`: what missed its day is caught up within
    `stale_days`, or skipped; waiting for the burden cap ends after `stale_days` as well. The lowest `priority` goes first.
    """

    id: str
    kind: str
    title: str
    days: int
    at: time
    anchor: str | None
    when: Condition | None
    channel: str | None
    workday: str
    late: str
    stale_days: int
    priority: int
    content: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Plan:
    """`version` counts meanings, `revision` wordings. `codes`: ICD beginnings the anchor's fact (or the patient's diagnosis) must have;
    `departments`: standard names. `audience`: an audience's name; its members get the plan from the day they join.

    `patients_join`: a patient it is meant for may join by a word.
    Not `signed_by` anybody, it is a template: shown, tried, never run.
    """

    name: str
    version: int
    revision: int
    title: str
    anchor: str
    codes: tuple[str, ...]
    departments: tuple[str, ...]
    steps: tuple[Step, ...]
    stops: frozenset[str]
    closes_after_days: int
    source: str
    signed_by: str | None
    description: str = ""
    audience: str | None = None
    patients_join: bool = False
    raw: Mapping[str, Any] = field(default_factory=dict, compare=False, repr=False)

    def step(self, step_id: str) -> Step | None:
        return next((one for one in self.steps if one.id == step_id), None)


def read_plan(raw: Mapping[str, Any]) -> Plan:
    """The plan in `raw` (YAML or JSON). Raises `PlanError` naming the step and the field."""
    if not isinstance(raw, Mapping):
        raise PlanError("not_a_plan")
    given = _Given(raw, None)
    name = given.text("name", longest=60)
    if not _NAME.fullmatch(name):
        raise PlanError("name", None, "name")
    anchor = given.one_of("anchor", ANCHORS)
    steps_raw = raw.get("steps")
    if not isinstance(steps_raw, Sequence) or isinstance(steps_raw, str) or not steps_raw:
        raise PlanError("no_steps", None, "steps")
    if len(steps_raw) > MOST_STEPS:
        raise PlanError("too_many_steps", None, "steps", most=MOST_STEPS)
    steps = tuple(_step(one, number) for number, one in enumerate(steps_raw, 1))
    _check_steps(steps)
    departments = given.texts("departments")
    for one in departments:
        if one not in STANDARD_DEPARTMENTS:
            raise PlanError("department", None, "departments", name=one)
    stops = frozenset(given.texts("stops"))
    if unknown := sorted(stops - set(STOPS)):
        raise PlanError("one_of", None, "stops", value=unknown[0], allowed="、".join(STOPS))
    closes = given.whole("closes_after_days", 1, DAYS[1])
    last = max(one.days for one in steps)
    if closes < last:
        raise PlanError("closes_early", None, "closes_after_days", days=closes, last=last)
    return Plan(
        name=name,
        version=given.whole("version", 1, 100_000, default=1),
        revision=given.whole("revision", 1, 100_000, default=1),
        title=given.text("title", longest=60),
        anchor=anchor,
        codes=given.texts("codes"),
        departments=departments,
        steps=steps,
        stops=stops | ALWAYS_STOPS,
        closes_after_days=closes,
        source=given.text("source", longest=1000),
        signed_by=given.text("signed_by", longest=60, needed=False) or None,
        description=given.text("description", longest=500, needed=False),
        audience=given.text("audience", longest=60, needed=False) or None,
        patients_join=raw.get("patients_join") is True,
        raw=raw,
    )


def _step(raw: Any, number: int) -> Step:
    if not isinstance(raw, Mapping):
        raise PlanError("not_a_step", str(number))
    step_id = str(raw.get("id") or "")
    given = _Given(raw, step_id or str(number))
    if not _STEP.fullmatch(step_id):
        raise PlanError("step_id", str(number), "id")
    kind = given.one_of("kind", KINDS)
    return Step(
        id=step_id,
        kind=kind,
        title=given.text("title", longest=60),
        days=given.whole("days", *DAYS),
        at=given.clock("at"),
        anchor=given.one_of("anchor", ANCHORS, needed=False) or None,
        when=_condition(raw.get("when"), given),
        channel=given.one_of("channel", CHANNELS, needed=False) or None,
        workday=given.one_of("workday", WORKDAYS, default="any"),
        late=given.one_of("late", LATE, default="skip"),
        stale_days=given.whole("stale_days", 0, 365, default=1),
        priority=given.whole("priority", 1, 9, default=5),
        content=_content(raw.get("content"), kind, given),
    )


def _content(raw: Any, kind: str, given: _Given) -> Mapping[str, Any]:
    if not isinstance(raw, Mapping):
        raise PlanError("missing", given.step, "content")
    inside = _Given(raw, given.step)
    if extra := sorted(set(raw) - {*NEEDS[kind], *OPTIONAL.get(kind, ())}):
        raise PlanError("unknown_field", given.step, "content", name=extra[0])
    content: dict[str, Any] = {}
    for name in NEEDS[kind]:
        if name == "within_days":
            content[name] = inside.whole(name, 1, 180)
        else:
            content[name] = inside.text(name, longest=2000 if name == "script" else LONGEST_TEXT)
    if kind == "offer" and content["department"] not in STANDARD_DEPARTMENTS:
        raise PlanError("department", given.step, "department", name=content["department"])
    for name in OPTIONAL.get(kind, ()):
        if raw.get(name):
            content[name] = inside.text(name, longest=LONGEST_TEXT if name == "sms" else 60)
    return MappingProxyType(content)


def _condition(raw: Any, given: _Given) -> Condition | None:
    if raw is None:
        return None
    if not isinstance(raw, Mapping) or not raw:
        raise PlanError("when", given.step, "when")
    inside = _Given(raw, given.step)
    known = {
        "step", "is", "sex", "min_age", "max_age", "codes", "without", "questionnaire", "item", "answer", "at_least", "at_most",
    }  # fmt: skip
    if extra := sorted(set(raw) - known):
        raise PlanError("unknown_field", given.step, "when", name=extra[0])
    found = Condition(
        step=inside.text("step", longest=40, needed=False) or None,
        is_=inside.one_of("is", ("answered", "unanswered"), needed=False) or None,
        sex=inside.one_of("sex", ("male", "female"), needed=False) or None,
        min_age=inside.maybe_whole("min_age", 0, 150),
        max_age=inside.maybe_whole("max_age", 0, 150),
        codes=inside.texts("codes"),
        without=inside.texts("without"),
        questionnaire=inside.text("questionnaire", longest=60, needed=False) or None,
        item=inside.text("item", longest=60, needed=False),
        answer=inside.texts("answer"),
        at_least=inside.maybe_number("at_least"),
        at_most=inside.maybe_number("at_most"),
    )
    if (found.step is None) != (found.is_ is None):
        raise PlanError("when_step", given.step, "when")
    asks = bool(found.answer) or found.at_least is not None or found.at_most is not None
    if asks != (found.questionnaire is not None):
        raise PlanError("when_answer", given.step, "when")
    return found


def _check_steps(steps: Sequence[Step]) -> None:
    seen: dict[str, Step] = {}
    for one in steps:
        if one.id in seen:
            raise PlanError("step_twice", one.id, "id")
        seen[one.id] = one
    for one in steps:
        if one.when is not None and one.when.step is not None:
            other = seen.get(one.when.step)
            if other is None or other.id == one.id:
                raise PlanError("when_unknown", one.id, "when", name=one.when.step)
            if other.kind not in ("questionnaire", "offer"):
                raise PlanError("when_unanswerable", one.id, "when", name=one.when.step)


class _Given:
    """The fields of the plan or of one step, read one by one; each refusal names step and field."""

    def __init__(self, raw: Mapping[str, Any], step: str | None) -> None:
        self.raw, self.step = raw, step

    def text(self, name: str, *, longest: int, needed: bool = True) -> str:
        value = self.raw.get(name)
        if value is None or value == "":
            if needed:
                raise PlanError("missing", self.step, name)
            return ""
        if not isinstance(value, str | int):
            raise PlanError("not_text", self.step, name)
        said = str(value).strip()
        if needed and not said:
            raise PlanError("missing", self.step, name)
        if len(said) > longest:
            raise PlanError("too_long", self.step, name, most=longest)
        return said

    def texts(self, name: str) -> tuple[str, ...]:
        value = self.raw.get(name)
        if value is None:
            return ()
        if not isinstance(value, Sequence) or isinstance(value, str):
            raise PlanError("not_a_list", self.step, name)
        return tuple(str(one).strip() for one in value if str(one).strip())

    def one_of(self, name: str, allowed: Sequence[str], *, needed: bool = True, default: str = "") -> str:
        value = self.raw.get(name)
        if value is None or value == "":
            if default or not needed:
                return default
            raise PlanError("missing", self.step, name)
        if str(value) not in allowed:
            raise PlanError("one_of", self.step, name, value=value, allowed="、".join(allowed))
        return str(value)

    def whole(self, name: str, low: int, high: int, *, default: int | None = None) -> int:
        value = self.maybe_whole(name, low, high)
        if value is not None:
            return value
        if default is None:
            raise PlanError("missing", self.step, name)
        return default

    def maybe_whole(self, name: str, low: int, high: int) -> int | None:
        value = self.maybe_number(name)
        if value is None:
            return None
        if value != int(value) or not low <= value <= high:
            raise PlanError("whole", self.step, name, low=low, high=high)
        return int(value)

    def maybe_number(self, name: str) -> float | None:
        value = self.raw.get(name)
        if value is None or value == "":
            return None
        try:
            if isinstance(value, bool):
                raise ValueError
            return float(value)
        except (TypeError, ValueError) as error:
            raise PlanError("number", self.step, name) from error

    def clock(self, name: str) -> time:
        try:
            return time.fromisoformat(str(self.raw.get(name)).zfill(5))
        except ValueError as error:
            raise PlanError("clock", self.step, name) from error
