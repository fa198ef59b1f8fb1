"""What an FAQ entry must keep to: complete, in the house's tone, sendable by SMS as it stands. Numbers: `data/seed/faq_rules.yml`."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from content.sms import lint
from content.sms.lint import MOBILE, Finding, SmsFrame
from language.normalise import fold

FIELDS = ("question", "similar", "category", "answer", "source", "sms", "keywords")
_NEEDED = ("question", "category", "answer", "source", "sms")
_NOT_OUR_TONE = re.compile(r"[!！~～]|亲[，。]|http|www")
_CLOCK = re.compile(r"(?<!\d)(\d{1,2}):(\d{2})(?!\d)")
_OVER_NOON = re.compile(r"上午\d{1,2}:\d{2}[至\-](1[3-9]|2\d):\d{2}")
_HALVES = {"上午": range(5, 12), "中午": range(11, 14), "下午": range(12, 19), "晚上": range(18, 24)}


def limits() -> dict[str, Any]:
    """The numbers, for the form."""
    return lint.rules()


def check(entry: Mapping[str, Any], frame: SmsFrame) -> list[Finding]:
    """Everything that keeps `entry` (a mapping of `FIELDS`) from being published."""
    missing = [
        Finding(name, "missing") for name in _NEEDED if str(entry.get(name) or "").strip() in ("", "-")
    ]
    gone = {one.field for one in missing}
    found = [*missing, *_similar(entry)]
    for name, rule in (("question", _question), ("answer", _answer), ("source", _source)):
        if name not in gone:
            found += rule(str(entry[name]))
    if "sms" not in gone:
        found += lint.check(str(entry["sms"]), frame)
        found += _times("sms", str(entry["sms"]))
    return found


def _question(text: str) -> Iterator[Finding]:
    if not text.endswith("？"):
        yield Finding("question", "no_question_mark")
    if len(text) > lint.rules()["question"]["most"]:
        yield Finding("question", "too_long", str(lint.rules()["question"]["most"]))


def _source(text: str) -> Iterator[Finding]:
    if not re.search(r"《.+》$", text):
        yield Finding("source", "no_document")


def _similar(entry: Mapping[str, Any]) -> Iterator[Finding]:
    texts = [str(text) for text in entry.get("similar") or []]
    rules = lint.rules()["similar"]
    if len(texts) > rules["most"]:
        yield Finding("similar", "too_many", str(rules["most"]))
    for text in texts:
        if len(text) > rules["each"]:
            yield Finding("similar", "too_long", str(rules["each"]))
    keys = [fold(text) for text in [str(entry.get("question") or ""), *texts]]
    for text, key in zip(texts, keys[1:], strict=True):
        if keys.count(key) > 1:
            yield Finding("similar", "twice", text)
            return


def _answer(text: str) -> Iterator[Finding]:
    rules = lint.rules()["answer"]
    if len(text) < rules["least"]:
        yield Finding("answer", "too_short", str(rules["least"]))
    if len(text) > rules["most"]:
        yield Finding("answer", "too_long", str(rules["most"]))
    if not text.endswith(("。", "？")):
        yield Finding("answer", "no_end")
    for match in _NOT_OUR_TONE.finditer(text):
        yield Finding("answer", "tone", match.group())
        break
    if MOBILE.search(text):
        yield Finding("answer", "mobile")
    yield from _times("answer", text)


def _times(field: str, text: str) -> Iterator[Finding]:
    """`下午13:30`, or the end of a range whose start says it; and the hour belongs to that half."""
    if match := _OVER_NOON.search(text):
        yield Finding(field, "half_of_day", match.group())
    for match in _CLOCK.finditer(text):
        half = text[max(0, match.start() - 2) : match.start()]
        hour, minute = int(match.group(1)), int(match.group(2))
        said = half in _HALVES or half[-1:] in ("至", "-")
        if not said or hour > 23 or minute > 59 or (half in _HALVES and hour not in _HALVES[half]):
            yield Finding(field, "half_of_day", f"{half if half in _HALVES else ''}{match.group()}")
