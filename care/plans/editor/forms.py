"""The forms of the builder: what was typed into a plan's JSON, JSON into what the form shows."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

from care.plans.definition import NEEDS, OPTIONAL
from care.plans.editor.drafts import DraftError, Raw
from care.plans.errors import words as plan_words
from care.questionnaires.editor.forms import Form

NUMBERS = ("days", "stale_days", "priority")
CONDITION_WORDS = ("step", "is", "sex", "questionnaire", "item")
CONDITION_NUMBERS = ("min_age", "max_age", "at_least", "at_most")
CONDITION_LISTS = ("codes", "without", "answer")
NEW_STEP: Raw = {"days": 7, "at": "10:00", "late": "catch_up", "stale_days": 3, "priority": 5, "content": {}}


def steps_of(raw: Raw) -> list[Raw]:
    steps: list[Raw] = raw.setdefault("steps", [])
    return steps


def step_of(raw: Raw, step_id: str) -> Raw | None:
    return next((one for one in steps_of(raw) if one.get("id") == step_id), None)


def fresh_id(raw: Raw, kind: str) -> str:
    """An id nobody has: `article1`, `article2`…"""
    taken, number = {one.get("id") for one in steps_of(raw)}, 1
    while f"{kind}{number}" in taken:
        number += 1
    return f"{kind}{number}"


def new_plan(name: str, title: str, anchor: str) -> Raw:
    return {
        "name": name,
        "version": 1,
        "revision": 1,
        "title": title,
        "anchor": anchor,
        "codes": [],
        "departments": [],
        "stops": ["readmitted", "transferred", "refused"],
        "closes_after_days": 100,
        "source": "",
        "signed_by": None,
        "steps": [],
    }


def put_step(raw: Raw, entry: Raw) -> None:
    """In place of the one with its id, else at the end; steps stand by day."""
    steps = steps_of(raw)
    at = next((n for n, one in enumerate(steps) if one.get("id") == entry["id"]), len(steps))
    steps[at : at + 1] = [entry]
    sort_steps(raw)


def remove_step(raw: Raw, step_id: str) -> None:
    raw["steps"] = [one for one in steps_of(raw) if one.get("id") != step_id]


def shift_step(raw: Raw, step_id: str, days: int) -> None:
    entry = step_of(raw, step_id)
    if entry is not None:
        entry["days"] = day_of(entry) + days
        sort_steps(raw)


def sort_steps(raw: Raw) -> None:
    raw["steps"] = in_order(raw)


def in_order(raw: Raw) -> list[Raw]:
    """The steps as they come, whatever order the file has them in."""
    return sorted(steps_of(raw), key=lambda one: (day_of(one), str(one.get("at") or "").zfill(5)))


def day_of(entry: Raw) -> int:
    """Its day, 0 where it is no number (a draft may be wrong for a while)."""
    try:
        return int(entry.get("days") or 0)
    except (TypeError, ValueError):
        return 0


def read_step(form: Form, old: Raw, step_id: str, kind: str) -> Raw:
    """A step as the form says it; what the form does not show stays as it was. Raises `DraftError` naming the field."""
    entry: Raw = {**deepcopy(old), "id": step_id, "kind": kind}
    for name in ("title", "at"):
        entry[name] = form.text(name)
    for name in NUMBERS:
        entry[name] = _number(form, name)
    for name in ("channel", "anchor", "workday", "late"):
        _put(entry, name, form.text(name))
    entry["content"] = {name: form.text(name) for name in NEEDS[kind]} | {
        name: form.text(f"with_{name}") for name in OPTIONAL.get(kind, ()) if form.text(f"with_{name}")
    }
    if "within_days" in entry["content"]:
        entry["content"]["within_days"] = _number(form, "within_days")
    _put(entry, "when", _condition(form))
    return entry


def read_settings(form: Form, raw: Raw) -> None:
    """The plan's own fields, into `raw`."""
    for name in ("title", "anchor", "source", "description"):
        raw[name] = form.text(name)
    for name in ("codes", "departments"):
        raw[name] = split(form.text(name))
    raw["stops"] = [one for one in form.rows("stops") if one]
    raw["patients_join"] = form.text("patients_join") == "on"
    raw["closes_after_days"] = _number(form, "closes_after_days")


def split(text: str) -> list[str]:
    """Codes or names, however they are set apart."""
    for mark in "\uff0c\u3001\uff1b;\n\t":
        text = text.replace(mark, ",")
    return [one.strip() for one in text.split(",") if one.strip()]


def _condition(form: Form) -> Raw:
    found: Raw = {name: form.text(f"when_{name}") for name in CONDITION_WORDS}
    found |= {name: split(form.text(f"when_{name}")) for name in CONDITION_LISTS}
    found |= {name: _number(form, f"when_{name}", name) for name in CONDITION_NUMBERS}
    if not found["step"] or not found["is"]:
        found["step"] = found["is"] = ""
    return {name: value for name, value in found.items() if value not in ("", [], None)}


def _number(form: Form, name: str, field: str = "") -> int | float | None:
    try:
        number = form.number(name, name)
    except ValueError as error:
        raise DraftError("not_a_number", field=plan_words()("fields", field or name)) from error
    return number


def _put(entry: Raw, name: str, value: Any) -> None:
    if value:
        entry[name] = value
    else:
        entry.pop(name, None)
