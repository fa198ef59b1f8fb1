"""How dates, times and money are said: always with weekday, 24 hours with 上午/下午, 元."""

from __future__ import annotations

from datetime import date, datetime

_WEEKDAYS = "一二三四五六日"
_PARTS = {"morning": "上午", "afternoon": "下午", "evening": "晚上"}


def day(value: date) -> str:
    """`11月26日（周四）`."""
    return f"{value.month}月{value.day}日（周{_WEEKDAYS[value.weekday()]}）"


def day_short(value: date) -> str:
    """`11月26日周四`, for SMS."""
    return f"{value.month}月{value.day}日周{_WEEKDAYS[value.weekday()]}"


def part_of(hour: int) -> str:
    """The part of the day an hour is called by."""
    return "上午" if hour < 12 else "下午" if hour < 18 else "晚上"


def part_name(part: str) -> str:
    """`morning` → 上午."""
    return _PARTS[part]


def clock(local: datetime) -> str:
    """`上午9:20`, `下午14:00`."""
    return f"{part_of(local.hour)}{local.hour}:{local.minute:02d}"


def moment(local: datetime) -> str:
    """`11月26日（周四）上午9:20`."""
    return day(local.date()) + clock(local)


def moment_short(local: datetime) -> str:
    """`11月26日周四上午9:20`, for SMS."""
    return day_short(local.date()) + clock(local)


def money(fen: int) -> str:
    """`18元`, `18.50元`."""
    yuan, rest = divmod(fen, 100)
    return f"{yuan}.{rest:02d}元" if rest else f"{yuan}元"
