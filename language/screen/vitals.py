"""Readings in free text (血氧82, 血糖 33, 220/130) against the signed table."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any

from language.screen.lexicon import vitals

_VALUE = r"(\d{1,3}(?:\.\d{1,2})?)"
_LINK = r"(?:(?!正常|低于|高于|大于|小于|超过|标准|应该|控制)[^，。？\d]){0,6}?[，]?"
_PRESSURE = re.compile(r"(?<!\d)(\d{2,3})\s*(?:/|比)\s*(\d{2,3})(?![\d/])")
_SYSTOLIC = re.compile(r"(?:高压|收缩压|血压)" + _LINK + r"(?<!\d)(\d{2,3})(?![\d./年月日度片])")
_PRESSURE_CUE = re.compile("血压|高压|低压|量|测|毫米汞柱|mmhg")


@lru_cache(maxsize=1)
def _readings() -> tuple[tuple[dict[str, Any], re.Pattern[str]], ...]:
    return tuple(
        (
            row,
            re.compile("(?:" + "|".join(row["name"]) + ")" + _LINK + _VALUE + r"(?![\d/年月号天次片mM]|个)"),
        )
        for row in vitals()["readings"]
    )


def dangerous_reading(text: str) -> tuple[str, str] | None:
    """``(rule id, what was read)`` of the first reading beyond its limit in a prepared text."""
    for row, pattern in _readings():
        for match in pattern.finditer(text):
            value = float(match.group(1))
            if not row["min"] <= value <= row["max"]:
                continue
            low, high = row.get("below"), row.get("above")
            if (low is not None and value < low) or (high is not None and value >= high):
                return f"vital_{row['id']}", match.group()
    limits = vitals()["blood_pressure"]
    for match in _PRESSURE.finditer(text):
        systolic, diastolic = int(match.group(1)), int(match.group(2))
        if not (50 <= systolic <= 300 and 20 <= diastolic < systolic) or not _PRESSURE_CUE.search(text):
            continue
        if systolic >= limits["systolic_above"] or diastolic >= limits["diastolic_above"]:
            return "vital_blood_pressure", match.group()
        if systolic < limits["systolic_below"]:
            return "vital_blood_pressure", match.group()
    for match in _SYSTOLIC.finditer(text):
        value = int(match.group(1))
        low = 40 <= value < limits["systolic_below"] and not match.group().startswith("血压")
        if low or limits["systolic_above"] <= value <= 300:
            return "vital_blood_pressure", match.group()
    return None
