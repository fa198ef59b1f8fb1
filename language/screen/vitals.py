"""Readings in free text (血氧82, 血糖 33, 220/130, 高压两百二, 520 mg/dL) against the signed table."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

from language.screen.lexicon import compile_any, scope_patterns, vitals
from language.screen.numerals import digits

_VALUE = r"(?<![\d.])(\d{1,3}(?:\.\d{1,2})?)"
_LINK = (
    r"(?:(?!正常|低于|高于|大于|小于|超过|标准|应该|控制)[^，。？\d]){0,6}?[，]?(?:才|就|都|只有|只剩|是)?"
)
_NO_READING = r"(?![\d/年月号天次片]|(?:多|来)?(?:块|元|岁|斤|楼|床|层)|个|ml|mm(?!hg|ol)|m[^gm])"
_PRESSURE = re.compile(r"(?<![\d.])(\d{2,3})(?:/|比|，|、|和|\\)(?:低压)?(\d{2,3})(?![\d/.年月日])")
_UPPER = re.compile(r"(?:高压|收缩压|上压|血压(?!计|表|仪|药))" + _LINK + r"(?<!\d)(\d{2,3})" + _NO_READING)
_LOWER = re.compile(r"(?:低压|舒张压|下压)" + _LINK + r"(?<!\d)(\d{2,3})" + _NO_READING)
_PRESSURE_CUE = re.compile("血压|高压|低压|量|测|毫米汞柱|mmhg")
_SPACED_CUE = re.compile("(?:血压|高压)" + _LINK + "$")
_PER_MINUTE = re.compile("(?:每|[一1])分钟?")
_METER = re.compile(
    r"血糖[^，。？\d]{0,10}，?(?:测|显示|报|读数|出|是|变|成)?[^，。？\d]{0,3}(hi|high|lo|low)(?![a-z])"
)
_MILLIGRAMS = re.compile(r"mg/?dl")
_HAN = re.compile(r"[\u4e00-\u9fff]")
MG_PER_MMOL = 18.0
"""mg/dL of glucose in one mmol/L (molar mass 180.16 g/mol)."""


@lru_cache(maxsize=1)
def _readings() -> tuple[tuple[dict[str, Any], re.Pattern[str]], ...]:
    return tuple(
        (row, re.compile(compile_any(row["name"]).pattern.join(("(?:", ")")) + _LINK + _VALUE + _NO_READING))
        for row in vitals()["readings"]
    )


@lru_cache(maxsize=1)
def _unless() -> re.Pattern[str]:
    return compile_any(vitals()["unless"])


def dangerous_reading(text: str) -> tuple[str, str] | None:
    """``(rule id, what was read)`` of the first reading beyond its limit in a prepared text."""
    plain = _PER_MINUTE.sub("", digits(text))
    for name, match in (*_measured(plain), *_pressures(plain)):
        if not _elsewhere(plain, match):
            return f"vital_{name}", match.group()
    return None


def ordinary_reading(text: str, few: int) -> bool:
    """Whether a prepared text says little but readings within their limits; ``few``: characters there may be beside them."""
    plain = _PER_MINUTE.sub("", digits(text))
    rest = plain
    for row, pattern in _readings():
        for match in pattern.finditer(plain):
            if (
                row["min"]
                <= _in_unit(row, float(match.group(1)), plain[match.end() : match.end() + 6])
                <= row["max"]
            ):
                rest = rest.replace(match.group(), "")
    rest = _LOWER.sub("", _UPPER.sub("", _PRESSURE.sub("", rest)))
    return rest != plain and len(_HAN.findall(rest)) <= few


def _measured(text: str) -> Iterator[tuple[str, re.Match[str]]]:
    for row, pattern in _readings():
        for match in pattern.finditer(text):
            if _beyond(row, _in_unit(row, float(match.group(1)), text[match.end() : match.end() + 6])):
                yield row["id"], match
    yield from (("glucose", match) for match in _METER.finditer(text))


def _in_unit(row: dict[str, Any], value: float, after: str) -> float:
    """The value in the table's unit: glucose said in mg/dL, or too high for anything else, is converted."""
    milligrams = row["unit"] == "mmol/L" and (_MILLIGRAMS.match(after) or value > row["max"])
    return value / MG_PER_MMOL if milligrams else value


def _beyond(row: dict[str, Any], value: float) -> bool:
    if not row["min"] <= value <= row["max"]:
        return False
    low, high = row.get("below"), row.get("above")
    return (low is not None and value < low) or (high is not None and value >= high)


def _pressures(text: str) -> Iterator[tuple[str, re.Match[str]]]:
    limits = vitals()["blood_pressure"]
    if _PRESSURE_CUE.search(text):
        for match in _PRESSURE.finditer(text):
            upper, lower = int(match.group(1)), int(match.group(2))
            if match.group()[len(match.group(1))] in "，、和" and not _SPACED_CUE.search(
                text[max(0, match.start() - 10) : match.start()]
            ):
                continue
            plausible = 50 <= upper <= 300 and 20 <= lower < upper
            if plausible and (
                upper >= limits["systolic_above"]
                or lower >= limits["diastolic_above"]
                or upper < limits["systolic_below"]
            ):
                yield "blood_pressure", match
    for match in _UPPER.finditer(text):
        value = int(match.group(1))
        low = 40 <= value < limits["systolic_below"] and not match.group().startswith("血压")
        if low or limits["systolic_above"] <= value <= 300:
            yield "blood_pressure", match
    for match in _LOWER.finditer(text):
        if limits["diastolic_above"] <= int(match.group(1)) <= 200:
            yield "blood_pressure", match


def _elsewhere(text: str, match: re.Match[str]) -> bool:
    """Whether it is no reading of now: one of an examination, of long ago, only thought of."""
    words = scope_patterns()
    start = max(text.rfind(mark, 0, match.start()) for mark in "。？") + 1
    near = text[max(start, match.start() - 20) : match.end() + 20]
    if _unless().search(near):
        return True
    before = text[max(start, match.start() - 14) : match.start()]
    if words["hypo"].search(before):
        return True
    return words["past"].search(before) is not None and not words["present"].search(near)
