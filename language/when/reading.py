"""What reading a time ends in, and the pieces it is put together from."""

from __future__ import annotations

import calendar
from dataclasses import dataclass, field
from datetime import date, datetime, time
from functools import lru_cache
from typing import Any, Literal

import yaml

from language.when.holidays import TABLE

Grain = Literal["year", "month", "week", "day", "part", "hour", "minute"]

WEEKDAYS = "一二三四五六日"
REL_WEEK = {"下下": 2, "下": 1, "这": 0, "当": 0, "上": -1, "上上": -2}
REL_DAY = {
    "大大后天": 4, "大后天": 3, "后天": 2, "明天": 1, "次日": 1, "第二天": 1, "隔天": 1, "翌日": 1,
    "今天": 0, "当天": 0,
    "当日": 0, "昨天": -1, "前天": -2, "大前天": -3,
}  # fmt: skip
REL_YEAR = {"今年": 0, "明年": 1, "后年": 2, "大后年": 3, "去年": -1, "前年": -2,
             "下年": 1, "上年": -1, "本年": 0}  # fmt: skip
LETTER_DAY = {"今": 0, "当": 0, "明": 1, "次": 1, "后": 2, "昨": -1, "前": -2}
DAWN = 5
"""Until this hour somebody may still be up: their tomorrow may be the day that has begun."""
LETTER_PART = {"早": "早上", "晨": "早上", "晚": "晚上", "午": "下午"}
PART_NAMES = {"黎明": "清晨", "拂晓": "清晨", "正午": "中午", "晌午": "中午", "黄昏": "傍晚", "深夜": "半夜",
               "午夜": "半夜", "一整天": "全天", "整天": "全天"}  # fmt: skip


@dataclass(frozen=True)
class When:
    """What was read: ``start`` <= t < ``end`` (naive local), how fine, what was left, what to ask back; ``dated`` where a day was said,
    not only a part of it or an hour."""

    start: datetime
    end: datetime
    grain: Grain
    residue: str = ""
    ambiguous: str | None = None
    dated: bool = True
    instead: int = 0
    """So many days later (earlier, where negative) is what ``ambiguous`` is asked for; 0 where no other day stands out."""


@dataclass(frozen=True)
class Refused:
    """A time that does not suit: every ``weekday`` (0-6), else the days from ``first`` until before ``until``; where neither is
    given, every day. ``hours`` of those days (start, end; exclusive, 24 is midnight), all of them where ``None``."""

    weekday: int | None = None
    first: date | None = None
    until: date | None = None
    hours: tuple[int, int] | None = None

    def covers(self, day: date, hours: tuple[int, int]) -> bool:
        """Whether so many hours of ``day`` are refused from the first to the last."""
        if self.weekday is not None and day.weekday() != self.weekday:
            return False
        if self.first is not None and self.until is not None and not self.first <= day < self.until:
            return False
        return self.hours is None or (self.hours[0] <= hours[0] and hours[1] <= self.hours[1])


@dataclass
class Reading:
    """The pieces of one time expression while its words are walked."""

    day: date | None = None
    until: date | None = None  # exclusive end of a range of days
    grain: Grain = "day"
    said_year: int | None = None
    said_month: tuple[int, int] | None = None  # (year, month); year 0 when not said
    weekday: int | None = None
    named: int | None = None  # a weekday said before its date: 周四26号
    part: str | None = None
    clock: tuple[int, int | None] | None = None
    bare_clock: bool = False
    moment: tuple[datetime, datetime, Grain] | None = None
    side: str | None = None  # "before" | "after"
    implied_day: bool = False
    instead: int = 0
    asks: list[str] = field(default_factory=list)

    @property
    def empty(self) -> bool:
        return not (self.day or self.part or self.clock or self.moment or self.said_month or self.said_year)

    @property
    def has_day(self) -> bool:
        return self.day is not None or self.said_month is not None


@lru_cache(maxsize=1)
def table() -> dict[str, Any]:
    table: dict[str, Any] = yaml.safe_load((TABLE.parent / "when.yml").read_text(encoding="utf-8"))
    return table


def say(day: date) -> str:
    return f"{day.month}月{day.day}日（周{WEEKDAYS[day.weekday()]}）"


def ask(key: str, **params: object) -> str:
    return str(table()["ask"][key]).format(**params)


def midnight(day: date) -> datetime:
    return datetime.combine(day, time())


def add_months(day: date, months: int) -> date:
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    return date(year, month + 1, min(day.day, calendar.monthrange(year, month + 1)[1]))


def valid(year: int, month: int, day: int) -> date | None:
    try:
        return date(year, month, day)
    except ValueError:
        return None


class Unread(Exception):
    """This word does not fit what was read so far."""
