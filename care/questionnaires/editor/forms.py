"""The forms of the builder: what was typed into JSON, JSON into what the form shows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from starlette.datastructures import FormData

from care.questionnaires import extensions as ext
from care.questionnaires.editor import sentences
from care.questionnaires.editor.tree import Raw
from care.questionnaires.errors import DefinitionError
from care.questionnaires.items import NUMBERS

OURS = (
    ext.WHY,
    ext.PREFILL,
    ext.PAIR,
    ext.PLAUSIBLE,
    ext.MIN_VALUE,
    ext.MAX_VALUE,
    ext.UNIT,
    ext.UNIT_OPTION,
)
UNITS = {
    "Cel": "℃", "mm[Hg]": "mmHg", "/min": "次/分", "mmol/L": "mmol/L", "%": "%", "kg": "公斤",
    "cm": "厘米", "mL": "毫升", "h": "小时", "d": "天", "wk": "周", "{score}": "分",
}  # fmt: skip
"""UCUM code → how it is said (https://ucum.org); a unit an imported definition brings along is offered beside these."""
SPARE = 2
"""Empty rows offered below the choices, conditions and bands there are."""


@dataclass(frozen=True, slots=True)
class Form:
    """What was sent: one value a name, or as many as there are rows."""

    sent: FormData

    def text(self, name: str) -> str:
        value = self.sent.get(name)
        return value.strip() if isinstance(value, str) else ""

    def rows(self, name: str) -> list[str]:
        return [one.strip() if isinstance(one, str) else "" for one in self.sent.getlist(name)]

    def on(self, name: str) -> bool:
        return bool(self.text(name))

    def number(self, name: str, where: str) -> float | int | None:
        return number(self.text(name), where)


def number(text: str, where: str) -> float | int | None:
    """Raises `DefinitionError` naming `where`."""
    if not text:
        return None
    try:
        value = float(text)
    except ValueError as error:
        raise DefinitionError("not_a_number", where, value=text) from error
    return int(value) if value.is_integer() else value


@dataclass
class Row:
    """A choice or a band as a row of a form."""

    values: Mapping[str, str] = field(default_factory=dict)

    def __getattr__(self, name: str) -> str:
        return self.values.get(name, "")


# --- items ---


def item_values(entry: Raw) -> dict[str, Any]:
    """An item as its form shows it."""
    plausible = ext.first(entry, ext.PLAUSIBLE) or {}
    unit = (ext.first(entry, ext.UNIT) or ext.first(entry, ext.UNIT_OPTION) or {}).get("valueCoding") or {}
    choices = []
    for option in entry.get("answerOption") or []:
        coding = option.get("valueCoding") or {}
        points = ext.value(coding, ext.ORDINAL)
        only = "on" if ext.value(option, ext.EXCLUSIVE) is True else ""
        choices.append(
            Row(
                {
                    "code": str(coding.get("code", "")),
                    "label": str(coding.get("display", "")),
                    "points": _shown(points),
                    "only": only,
                }
            )
        )
    return {
        "link_id": entry.get("linkId", ""),
        "text": entry.get("text", ""),
        "type": "text" if entry.get("type") == "string" else entry.get("type", "choice"),
        "required": entry.get("required") is True,
        "repeats": entry.get("repeats") is True,
        "why": ext.value(entry, ext.WHY) or "",
        "prefill": ext.value(entry, ext.PREFILL) or "",
        "pair": ext.value(entry, ext.PAIR) or "",
        "unit": unit.get("code", ""),
        "low": _shown(ext.value(plausible, "low")),
        "high": _shown(ext.value(plausible, "high")),
        "lowest": _shown(ext.value(entry, ext.MIN_VALUE)),
        "highest": _shown(ext.value(entry, ext.MAX_VALUE)),
        "choices": choices,
    }


def read_item(form: Form, old: Raw, link_id: str) -> Raw:
    """The form as a FHIR item; what it does not know of `old` stays. Raises `DefinitionError`."""
    kind = form.text("type") or "choice"
    entry = {key: value for key, value in old.items() if key not in ("answerOption", "repeats", "item")}
    entry |= {"linkId": link_id, "text": form.text("text"), "type": kind, "required": form.on("required")}
    extension = [one for one in old.get("extension") or [] if one.get("url") not in OURS]
    for url, value, name in (
        (ext.WHY, form.text("why"), "valueString"),
        (ext.PREFILL, form.text("prefill"), "valueCode"),
        (ext.PAIR, form.text("pair") if kind in NUMBERS else "", "valueString"),
    ):
        if value:
            extension.append({"url": url, name: value})
    if kind in NUMBERS:
        extension += _ranges(form, link_id)
    if kind in ("choice", "open-choice"):
        entry["answerOption"] = _options(form, old, link_id)
        if form.on("repeats"):
            entry["repeats"] = True
    entry.pop("extension", None)
    return _ordered(
        entry | ({"extension": extension} if extension else {}) | read_conditions(form, entry, link_id)
    )


def _ranges(form: Form, link_id: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    if unit := form.text("unit"):
        coding = {"system": ext.UCUM, "code": unit, "display": UNITS.get(unit, unit)}
        found.append({"url": ext.UNIT, "valueCoding": coding})
    for url, name in ((ext.MIN_VALUE, "lowest"), (ext.MAX_VALUE, "highest")):
        value = form.number(name, link_id)
        if value is not None:
            found.append({"url": url, "valueInteger" if isinstance(value, int) else "valueDecimal": value})
    ends = [(name, form.number(name, link_id)) for name in ("low", "high")]
    parts = [{"url": name, "valueDecimal": value} for name, value in ends if value is not None]
    return [*found, {"url": ext.PLAUSIBLE, "extension": parts}] if parts else found


def _options(form: Form, old: Raw, link_id: str) -> list[dict[str, Any]]:
    """Rows without words are left out; a new one gets the next free code."""
    rows = list(
        zip(form.rows("choice_code"), form.rows("choice_label"), form.rows("choice_points"), strict=False)
    )
    only = set(form.rows("choice_only"))
    known = {str((one.get("valueCoding") or {}).get("code")): one for one in old.get("answerOption") or []}
    taken = {code for code, label, _ in rows if code and label}
    found = []
    for at, (given, label, points) in enumerate(rows):
        if not label:
            continue
        code = given or next(one for number in range(1, 100) if (one := f"a{number}") not in taken)
        taken.add(code)
        before = (known.get(code) or {}).get("valueCoding") or {}
        coding = {key: value for key, value in before.items() if key != "extension"} | {
            "code": code,
            "display": label,
        }
        amount = number(points, link_id)
        if amount is not None:
            coding["extension"] = [{"url": ext.ORDINAL, "valueDecimal": amount}]
        exclusive = [{"url": ext.EXCLUSIVE, "valueBoolean": True}] if str(at) in only else []
        found.append({**({"extension": exclusive} if exclusive else {}), "valueCoding": coding})
    return found


def read_conditions(form: Form, entry: Raw, link_id: str) -> Raw:
    """`enableWhen` and how several go together; empty where always asked. Takes the old ones out of `entry`."""
    entry.pop("enableWhen", None)
    entry.pop("enableBehavior", None)
    keys, numbers = form.rows("when"), form.rows("when_number")
    found = [
        sentences.as_enable(key, amount, link_id) for key, amount in zip(keys, numbers, strict=False) if key
    ]
    behaviour = (
        {"enableBehavior": "any" if form.text("when_any") == "any" else "all"} if len(found) > 1 else {}
    )
    return {"enableWhen": found, **behaviour} if found else {}


def _ordered(entry: Raw) -> Raw:
    """In the order FHIR writes it, so that exports are easy to compare."""
    first = (
        "linkId",
        "extension",
        "code",
        "text",
        "type",
        "enableWhen",
        "enableBehavior",
        "required",
        "repeats",
    )
    return {key: entry[key] for key in (*first, *(one for one in entry if one not in first)) if key in entry}


# --- scales and rules ---


def read_scale(form: Form, code: str) -> dict[str, Any]:
    """Our scale extension."""
    parts: list[dict[str, Any]] = [
        {"url": "code", "valueCode": code},
        {"url": "title", "valueString": form.text("title")},
        {"url": "method", "valueCode": form.text("method") or "sum"},
        *({"url": "item", "valueString": one} for one in form.rows("items")),
        *({"url": "reverse", "valueString": one} for one in form.rows("reverse")),
    ]
    at_least = form.number("at_least", code)
    if at_least is not None:
        parts.append({"url": "at-least", "valueInteger": at_least})
    names = ("band_low", "band_high", "band_title", "band_says")
    for low, high, title, says in zip(*(form.rows(name) for name in names), strict=False):
        if low or high or title:
            band: list[dict[str, Any]] = [
                {"url": "low", "valueDecimal": number(low, code)},
                {"url": "high", "valueDecimal": number(high, code)},
                {"url": "title", "valueString": title},
            ]
            parts.append(
                {
                    "url": "band",
                    "extension": [*band, *([{"url": "says", "valueString": says}] if says else [])],
                }
            )
    return {"url": ext.SCALE, "extension": parts}


def read_rule(form: Form, code: str) -> dict[str, Any]:
    """Our red-flag extension."""
    texts = (
        ("severity", "valueCode"),
        ("title", "valueString"),
        ("says", "valueCode"),
        ("source", "valueString"),
    )
    parts: list[dict[str, Any]] = [{"url": "code", "valueCode": code}]
    parts += [{"url": name, kind: form.text(name)} for name, kind in texts if form.text(name)]
    if form.on("crisis"):
        parts.append({"url": "crisis", "valueBoolean": True})
    rows = zip(form.rows("when"), form.rows("when_number"), strict=False)
    when = [sentences.as_trigger(key, amount, code) for key, amount in rows if key]
    if len(when) > 1:
        parts.append({"url": "behavior", "valueCode": "any" if form.text("when_any") == "any" else "all"})
    return {"url": ext.RED_FLAG, "extension": [*parts, *when]}


def parts_of(raw: Raw, url: str) -> list[dict[str, Any]]:
    return list(ext.all_of(raw, url))


def put_part(raw: Raw, url: str, code: str, part: dict[str, Any] | None) -> None:
    """In place of the one with this code, else at the end; None takes it out."""
    extension = list(raw.get("extension") or [])
    at = next(
        (at for at, one in enumerate(extension) if one.get("url") == url and ext.value(one, "code") == code),
        None,
    )
    if at is None:
        extension += [part] if part is not None else []
    elif part is None:
        extension.pop(at)
    else:
        extension[at] = part
    raw["extension"] = extension


# --- settings ---


def read_settings(form: Form, raw: Raw) -> None:
    """Into `raw`: name, intro, purpose, channels, minutes, source and permission. Raises `DefinitionError`."""
    raw["title"] = form.text("title")
    for key, name in (("description", "intro"), ("copyright", "copyright")):
        raw.pop(key, None)
        if form.text(name):
            raw[key] = form.text(name)
    minutes = form.number("minutes", raw["title"])
    ours = (ext.PURPOSE, ext.MINUTES, ext.SHOWS_RESULT, ext.CHANNEL, ext.SOURCE)
    kept = [one for one in raw.get("extension") or [] if one.get("url") not in ours]
    raw["extension"] = [
        {"url": ext.PURPOSE, "valueCode": form.text("purpose") or "follow_up"},
        *([{"url": ext.MINUTES, "valueInteger": round(minutes)}] if minutes else []),
        {"url": ext.SHOWS_RESULT, "valueBoolean": form.on("shows_result")},
        *({"url": ext.CHANNEL, "valueCode": one} for one in form.rows("channels")),
        *(
            {"url": ext.SOURCE, "valueString": one}
            for one in form.text("sources").splitlines()
            if one.strip()
        ),
        *kept,
    ]


def new_definition(name: str, title: str, purpose: str) -> Raw:
    """An empty questionnaire."""
    return {
        "resourceType": "Questionnaire",
        "language": "zh-CN",
        "url": f"{ext.CANONICAL}{name}",
        "version": "1",
        "name": name,
        "title": title,
        "status": "active",
        "subjectType": ["Patient"],
        "extension": [{"url": ext.PURPOSE, "valueCode": purpose}],
        "item": [],
    }


def padded(rows: Sequence[Any], blank: Any) -> list[Any]:
    return [*rows, *[blank] * SPARE]


def _shown(value: Any) -> str:
    return "" if value is None else f"{value:g}" if isinstance(value, int | float) else str(value)
