"""Festivals, public holidays and swapped working days (调休) of China."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, timedelta
from functools import lru_cache
from pathlib import Path

import yaml

TABLE = Path(__file__).resolve().parents[2] / "data" / "language" / "holidays.yml"

# Festivals of the sun calendar: name -> (month, day).
SOLAR = {
    "元旦": (1, 1), "情人节": (2, 14), "妇女节": (3, 8), "三八": (3, 8), "植树节": (3, 12), "愚人节": (4, 1),
    "劳动节": (5, 1), "五一": (5, 1), "青年节": (5, 4), "护士节": (5, 12), "儿童节": (6, 1), "六一": (6, 1),
    "建党节": (7, 1), "建军节": (8, 1), "教师节": (9, 10), "国庆": (10, 1), "十一": (10, 1),
    "双十一": (11, 11), "平安夜": (12, 24), "圣诞": (12, 25), "跨年夜": (12, 31),
}  # fmt: skip
# Festivals of the moon calendar: name -> (month, day); day 0 is the last of the month before.
LUNAR = {
    "春节": (1, 1), "大年初一": (1, 1), "过年": (1, 1), "元宵": (1, 15), "龙抬头": (2, 2), "端午": (5, 5),
    "七夕": (7, 7), "中元节": (7, 15), "中秋": (8, 15), "重阳": (9, 9), "腊八": (12, 8), "小年": (12, 23),
    "除夕": (1, 0), "大年三十": (1, 0), "年三十": (1, 0), "年夜": (1, 0),
}  # fmt: skip
# The chinese_calendar package's English names.
_PACKAGE = {
    "New Year's Day": "元旦", "Spring Festival": "春节", "Tomb-sweeping Day": "清明", "Labour Day": "劳动节",
    "Dragon Boat Festival": "端午", "Mid-autumn Festival": "中秋", "National Day": "国庆",
}  # fmt: skip
_STATUTORY = {
    "元旦": "元旦", "春节": "春节", "过年": "春节", "除夕": "春节", "大年初一": "春节", "清明": "清明",
    "五一": "劳动节",
    "劳动节": "劳动节", "端午": "端午", "中秋": "中秋", "国庆": "国庆", "十一": "国庆",
}  # fmt: skip


@dataclass(frozen=True)
class Holidays:
    """Rows of a hospital's own table over what the package knows.

    ``off``: day off -> name of the holiday; ``work``: weekend days worked; ``provisional``: years to come.
    """

    off: dict[date, str] = field(default_factory=dict)
    work: frozenset[date] = frozenset()
    provisional: frozenset[int] = frozenset()

    @staticmethod
    @lru_cache(maxsize=4)
    def load(path: Path = TABLE) -> Holidays:
        """The table of ``data/language/holidays.yml`` (or another file of its form)."""
        raw = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
        off: dict[date, str] = {}
        work: set[date] = set()
        provisional: set[int] = set()
        for year, row in raw.items():
            for name, (first, last) in row.get("days", {}).items():
                for n in range((last - first).days + 1):
                    off[first + timedelta(days=n)] = name
            work.update(row.get("work", []))
            if row.get("provisional"):
                provisional.add(int(year))
        return Holidays(off, frozenset(work), frozenset(provisional))

    def name_of(self, day: date) -> str | None:
        """The public holiday ``day`` is off for, or ``None``."""
        if day in self.off:
            return self.off[day]
        if any(known.year == day.year for known in self.off):
            return None
        import chinese_calendar

        try:
            is_holiday, name = chinese_calendar.get_holiday_detail(day)
        except NotImplementedError:
            return None
        return _PACKAGE.get(name) if is_holiday and name else None

    def is_workday(self, day: date) -> bool:
        """Whether offices work on ``day``: weekends, public holidays and swapped days counted."""
        if day in self.work:
            return True
        if day in self.off:
            return False
        if not any(known.year == day.year for known in self.off):
            import chinese_calendar

            try:
                return bool(chinese_calendar.is_workday(day))
            except NotImplementedError:
                pass
        return day.weekday() < 5

    def span(self, name: str, year: int) -> tuple[date, date] | None:
        """First day off and the day after the last one of a public holiday in ``year``."""
        statutory = _STATUTORY.get(name)
        anchor = festival(name, year)
        if statutory is None or anchor is None:
            return None
        first = last = anchor
        if self.name_of(anchor) != statutory and self.name_of(anchor) is None:
            return None
        off = self.name_of(anchor)
        while self.name_of(first - timedelta(days=1)) == off:
            first -= timedelta(days=1)
        while self.name_of(last + timedelta(days=1)) == off:
            last += timedelta(days=1)
        return first, last + timedelta(days=1)


def lunar(year: int, month: int, day: int, leap: bool = False) -> date | None:
    """The sun-calendar day of a moon-calendar date (year 1900-2100), ``None`` where there is none."""
    import jionlp

    try:
        found = jionlp.lunar2solar(year, month, day, leap)
    except (ValueError, IndexError):
        return None
    return date(found.year, found.month, found.day)


def lunar_year_end(year: int) -> date | None:
    """New Year's Eve (除夕) of the moon year ``year``."""
    new_year = lunar(year + 1, 1, 1)
    return new_year - timedelta(days=1) if new_year else None


def festival(name: str, year: int) -> date | None:
    """The day of a festival in the sun year ``year``; 除夕, 腊八 and 小年 belong to the moon before."""
    if name in SOLAR:
        return date(year, *SOLAR[name])
    if name == "清明":
        return _qingming(year)
    if name == "冬至":
        return _solstice(year)
    if name == "母亲节":
        return _nth_sunday(year, 5, 2)
    if name == "父亲节":
        return _nth_sunday(year, 6, 3)
    if name == "感恩节":
        first = date(year, 11, 1)
        return first + timedelta(days=(3 - first.weekday()) % 7 + 21)
    if name in LUNAR:
        month, day = LUNAR[name]
        if day == 0:
            return lunar_year_end(year - 1)
        return lunar(year - 1 if month == 12 else year, month, day)
    return None


NAMES = [*SOLAR, *LUNAR, "清明", "冬至", "母亲节", "父亲节", "感恩节"]


def _nth_sunday(year: int, month: int, n: int) -> date:
    first = date(year, month, 1)
    return first + timedelta(days=(6 - first.weekday()) % 7 + 7 * (n - 1))


def _qingming(year: int) -> date:
    """Formula of the twenty-first century: [Y·D + C] − L with D = 0.2422, C = 4.81."""
    y = year % 100
    return date(year, 4, int(y * 0.2422 + 4.81) - y // 4)


def _solstice(year: int) -> date:
    """Winter solstice, the same formula with C = 21.94."""
    y = year % 100
    return date(year, 12, int(y * 0.2422 + 21.94) - y // 4)
