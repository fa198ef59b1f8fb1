"""Read one time (or one range) out of what a patient wrote.

Conventions, chosen for booking at a clinic:

* "周三" is the next coming Wednesday, today included; "这周三" lies in this Monday-to-Sunday week, "下周三"
  in the next; a day of the month, a month or a festival that has passed means the next one.
* Parts of the day are in ``data/language/when.yml`` (上午/早上 08-12, 中午 12-14, 下午 12-18, 晚上 18-24).
* A bare hour takes the reading inside clinic hours (8-11 in the morning, 12-6 in the afternoon, 7 in the
  morning) and sets ``ambiguous`` unless only one makes sense (8-12).
* "三天内" ends with the third day; "周五之前" starts now and ends with the start of Friday.
* ``end`` is exclusive; a clock time lasts one hour ("九点") or one minute ("九点半").

``residue`` is what *looks like* time in the text but was not used, joined by spaces; "" when every time word
was understood. Other words are ignored. A caller that books refuses a non-empty residue and asks.
"""

from __future__ import annotations

import calendar
import re
from dataclasses import dataclass, field, replace
from datetime import date, datetime, time, timedelta
from functools import lru_cache
from typing import Any, Literal

import yaml

from language.when import holidays as almanac
from language.when.holidays import TABLE, Holidays
from language.when.numerals import number, plain
from language.when.tokens import Token, lunar_day, lunar_month, tokens

Grain = Literal["year", "month", "week", "day", "part", "hour", "minute"]

_WEEKDAYS = "一二三四五六日"
_REL_WEEK = {"下下": 2, "下": 1, "这": 0, "当": 0, "上": -1, "上上": -2}
_REL_DAY = {
    "大大后天": 4, "大后天": 3, "后天": 2, "明天": 1, "次日": 1, "第二天": 1, "隔天": 1, "翌日": 1,
    "今天": 0, "当天": 0,
    "当日": 0, "昨天": -1, "前天": -2, "大前天": -3,
}  # fmt: skip
_REL_YEAR = {"今年": 0, "明年": 1, "后年": 2, "大后年": 3, "去年": -1, "前年": -2,
             "下年": 1, "上年": -1, "本年": 0}  # fmt: skip
_LETTER_DAY = {"今": 0, "当": 0, "明": 1, "次": 1, "后": 2, "昨": -1, "前": -2}
_LETTER_PART = {"早": "早上", "晨": "早上", "晚": "晚上", "午": "下午"}
_PART_NAMES = {"黎明": "清晨", "拂晓": "清晨", "正午": "中午", "晌午": "中午", "黄昏": "傍晚", "深夜": "半夜",
               "午夜": "半夜", "一整天": "全天", "整天": "全天"}  # fmt: skip
_FILLER = re.compile(r"^[的，,。.、 在是这那于从自我就大概约想要去来挂预约个看去行吧号之里时候]*$")
_CHANGE = re.compile(
    r"(?:改|换|挪|调|推|推迟|延|延期|提前|移|更)(?:约|期|号)?(?:到|成|至|为)|改约(?=[^的]{0,2}[周明后下\d一二三四五六七八九十])"
)
_REFUSED = re.compile(
    r"^[^，,。.;；?？!！]{0,4}?(?:不行|不可以|没空|没时间|没有号|没号|不方便|去不了|来不了|不要|不去|不能|有事)"
)
_REFUSING = re.compile(r"(?:不要|除了|别|不是|不想要|不约|不去)$")
_TIMELIKE = re.compile(
    r"\d{3,4}年|[零〇一二三四五六七八九]{2,4}年|[\d一二两三四五六七八九十半几]+(?:点|时(?!候)|号|日(?!常))|[\d一二两三四五六七八九十半几]+(?:个)?(?:月|周|天|小时|分钟|刻|年)(?:之|以)?(?:后|内)|周[一二三四五六日末]|[上下]午|早上|晚上|"
    r"中午|凌晨|傍晚|[今明后昨前]天|[上下这]周|[春夏秋冬]天|节前|节后|立[春夏秋冬]|谷雨|惊蛰|霜降|大寒|小寒|夏至|春分|秋分|头伏|三伏|三九|"
    r"月[初中底末]|年[初底末]|周末|工作日|开学|暑假|寒假"
)


@dataclass(frozen=True)
class When:
    """What was read: ``start`` <= t < ``end`` (naive local), how fine, what was left, what to ask back."""

    start: datetime
    end: datetime
    grain: Grain
    residue: str = ""
    ambiguous: str | None = None


@dataclass
class _Reading:
    """The pieces of one time expression while its words are walked."""

    day: date | None = None
    until: date | None = None  # exclusive end of a range of days
    grain: Grain = "day"
    said_year: int | None = None
    said_month: tuple[int, int] | None = None  # (year, month); year 0 when not said
    weekday: int | None = None
    part: str | None = None
    clock: tuple[int, int | None] | None = None
    bare_clock: bool = False
    moment: tuple[datetime, datetime, Grain] | None = None
    side: str | None = None  # "before" | "after"
    implied_day: bool = False
    asks: list[str] = field(default_factory=list)

    @property
    def empty(self) -> bool:
        return not (self.day or self.part or self.clock or self.moment or self.said_month or self.said_year)

    @property
    def has_day(self) -> bool:
        return self.day is not None or self.said_month is not None


@lru_cache(maxsize=1)
def _table() -> dict[str, Any]:
    table: dict[str, Any] = yaml.safe_load((TABLE.parent / "when.yml").read_text(encoding="utf-8"))
    return table


def _say(day: date) -> str:
    return f"{day.month}月{day.day}日（周{_WEEKDAYS[day.weekday()]}）"


def _ask(key: str, **params: object) -> str:
    return str(_table()["ask"][key]).format(**params)


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time())


def _add_months(day: date, months: int) -> date:
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    return date(year, month + 1, min(day.day, calendar.monthrange(year, month + 1)[1]))


def _valid(year: int, month: int, day: int) -> date | None:
    try:
        return date(year, month, day)
    except ValueError:
        return None


class _Unread(Exception):
    """This word does not fit what was read so far."""


class _Walker:
    """Turns tokens into a ``_Reading``; one instance a text."""

    def __init__(self, now: datetime, table: Holidays) -> None:
        self.now = now
        self.today = now.date()
        self.anchor = self.today  # what "the next 3号" or "the next 周三" counts from
        self.table = table

    def feed(self, r: _Reading, token: Token) -> None:
        """Put ``token`` into ``r``; raises ``_Unread`` when its place is taken or there is no such date."""
        try:
            getattr(self, f"_{token.kind}")(r, token)
        except (ValueError, OverflowError) as wrong:
            raise _Unread from wrong

    # -- days ------------------------------------------------------------------------------------------------
    def _set_day(
        self, r: _Reading, day: date | None, until: date | None = None, grain: Grain = "day"
    ) -> None:
        if day is None:
            raise _Unread
        if r.day is not None:
            if until is None and r.until is None and r.day == day:
                return
            raise _Unread
        if r.moment is not None:
            raise _Unread
        r.day, r.until, r.grain = day, until, grain

    def _ymd(self, r: _Reading, t: Token) -> None:
        self._set_day(r, _valid(t.number("y"), t.number("m"), t.number("d")))

    def _iso_md(self, r: _Reading, t: Token) -> None:
        self._set_day(r, self._coming(t.number("m"), t.number("d"), r.said_year))

    _dot_md = _iso_md

    def _coming(self, month: int, day: int, year: int | None) -> date | None:
        if year is not None:
            return _valid(year, month, day)
        for candidate in range(self.anchor.year, self.anchor.year + 5):
            found = _valid(candidate, month, day)
            if found is not None and found >= self.anchor:
                return found
        return None

    def _year(self, r: _Reading, t: Token) -> None:
        if r.said_year is not None or r.day is not None:
            raise _Unread
        if "rel" in t.value:
            r.said_year = self.today.year + _REL_YEAR[t.value["rel"]]
        elif "yy" in t.value:
            r.said_year = 2000 + int(t.value["yy"])
        else:
            r.said_year = t.number("y")

    def _month(self, r: _Reading, t: Token) -> None:
        if r.said_month is not None or r.day is not None:
            raise _Unread
        rel = t.value.get("rel")
        if rel is not None:
            shift = {"上上": -2, "上": -1, "下": 1, "下下": 2}.get(rel, 0)
            first = _add_months(self.today.replace(day=1), shift)
            r.said_month = (first.year, first.month)
            return
        month = t.number("m")
        if not 1 <= month <= 12:
            raise _Unread
        r.said_month = (r.said_year or 0, month)

    def _month_first(self, r: _Reading) -> date:
        year, month = r.said_month or (self.today.year, self.today.month)
        if year == 0:
            year = self.anchor.year if month >= self.anchor.month else self.anchor.year + 1
        return date(year, month, 1)

    def _month_part(self, r: _Reading, t: Token) -> None:
        if r.day is not None or (r.said_month is None and not t.text.startswith("月")):
            raise _Unread
        part = t.value.get("p") or t.value.get("p2") or t.value.get("p3") or ""
        first = self._month_first(r)
        last = calendar.monthrange(first.year, first.month)[1]
        low, high = {"初": (1, 5), "上旬": (1, 10), "中": (11, 20), "中旬": (11, 20), "下旬": (21, last)}.get(
            part, (25, last)
        )
        if r.said_month is None and first.replace(day=high) < self.today:
            first = _add_months(first, 1)
            last = calendar.monthrange(first.year, first.month)[1]
            high = last if high > 20 else high
        r.said_month = None
        self._set_day(r, first.replace(day=low), first.replace(day=high) + timedelta(days=1), "week")

    def _year_part(self, r: _Reading, t: Token) -> None:
        year = r.said_year or self.today.year
        low, high = {"初": (1, 2), "中": (6, 7)}.get(t.value["p"], (11, 12))
        r.said_year = None
        self._set_day(r, date(year, low, 1), _add_months(date(year, high, 1), 1), "month")

    def _half_year(self, r: _Reading, t: Token) -> None:
        year = r.said_year or self.today.year
        r.said_year = None
        first = date(year, 1 if t.value["h"] in "上前" else 7, 1)
        self._set_day(r, first, _add_months(first, 6), "month")

    def _quarter(self, r: _Reading, t: Token) -> None:
        n = t.number()
        if not 1 <= n <= 4:
            raise _Unread
        first = date(r.said_year or self.today.year, 3 * n - 2, 1)
        r.said_year = None
        self._set_day(r, first, _add_months(first, 3), "month")

    def _day(self, r: _Reading, t: Token) -> None:
        day = t.number("d")
        if not 1 <= day <= 31 or r.day is not None:
            raise _Unread
        if r.said_month is not None:
            year, month = r.said_month
            r.said_month = None
            self._set_day(r, _valid(year, month, day) if year else self._coming(month, day, None))
            return
        for shift in range(4):
            first = _add_months(self.anchor.replace(day=1), shift)
            found = _valid(first.year, first.month, day)
            if found is not None and found >= self.anchor:
                self._set_day(r, found)
                return
        raise _Unread

    _bare_day = _day

    def _rel_day(self, r: _Reading, t: Token) -> None:
        if t.text in ("第二天", "次日", "隔天") and r.day is not None:
            raise _Unread
        self._set_day(r, self.today + timedelta(days=_REL_DAY[t.text]))

    def _days_set(self, r: _Reading, t: Token) -> None:
        low, n = {"明后": (1, 2), "今明": (0, 2)}.get(
            t.value["d"], (0, {"几": 5, "三": 3}.get(t.value.get("n", ""), 2))
        )
        if t.value["d"] == "这" and "n" not in t.value:
            raise _Unread
        first = self.today + timedelta(days=low)
        self._set_day(r, first, first + timedelta(days=n), "day")

    def _day_part(self, r: _Reading, t: Token) -> None:
        self._set_day(r, self.today + timedelta(days=_LETTER_DAY[t.value["d"]]))
        r.part = _LETTER_PART[t.value["p"]]

    # -- weeks -----------------------------------------------------------------------------------------------
    def _monday(self, shift: int) -> date:
        return self.today - timedelta(days=self.today.weekday()) + timedelta(weeks=shift)

    def _weekday(self, r: _Reading, t: Token) -> None:
        name = t.value["d"]
        n = _WEEKDAYS.index(name) if name in _WEEKDAYS else int(name) - 1
        rel = t.value.get("rel")
        if r.weekday is not None:
            raise _Unread
        if r.day is not None and r.until is None and rel is None:
            if r.day.weekday() != n:
                r.asks.append(_ask("mismatch", date=_say(r.day), weekday=f"周{_WEEKDAYS[n]}"))
            return
        if r.day is not None and r.grain == "week" and r.until is not None and rel is None:
            day = r.day + timedelta(days=(n - r.day.weekday()) % 7)
            r.day, r.until, r.grain = day, None, "day"
            return
        if rel is None:
            self._set_day(r, self.anchor + timedelta(days=(n - self.anchor.weekday()) % 7))
            r.weekday = n
            return
        day = self._monday(_REL_WEEK[rel]) + timedelta(days=n)
        self._set_day(r, day)
        if rel == "这" and day < self.today:
            r.asks.append(_ask("weekday", date=_say(day + timedelta(days=7))))

    def _week(self, r: _Reading, t: Token) -> None:
        first = self._monday(_REL_WEEK[t.value["rel"]])
        half = t.value.get("half", "")
        low, high = {"初": (0, 3), "前半周": (0, 3), "后半周": (3, 7)}.get(half, (0, 7))
        self._set_day(r, first + timedelta(days=low), first + timedelta(days=high), "week")

    def _week_range(self, r: _Reading, t: Token, first: int, last: int) -> None:
        rel = t.value.get("rel")
        if rel is None:
            day = self.today + timedelta(days=(first - self.today.weekday()) % 7)
        else:
            day = self._monday(_REL_WEEK[rel]) + timedelta(days=first)
        self._set_day(r, day, day + timedelta(days=(last - first) % 7 + 1), "day")

    def _week_days(self, r: _Reading, t: Token) -> None:
        first, last = _WEEKDAYS.index(t.value["a"]), _WEEKDAYS.index(t.value["b"])
        if last != first + 1:
            raise _Unread
        self._week_range(r, t, first, last)

    def _week_span(self, r: _Reading, t: Token) -> None:
        self._week_range(r, t, _WEEKDAYS.index(t.value["a"]), _WEEKDAYS.index(t.value["b"]))

    def _weekend(self, r: _Reading, t: Token) -> None:
        if r.day is not None and r.grain == "week" and r.until is not None:
            r.day = r.day + timedelta(days=5)
            r.grain = "day"
            return
        rel = t.value.get("rel")
        first = self._monday(_REL_WEEK[rel] if rel else 0) + timedelta(days=5)
        self._set_day(r, first, first + timedelta(days=2), "day")

    def _nth_week(self, r: _Reading, t: Token) -> None:
        first = date(r.said_year, 1, 1) if r.said_year and not r.said_month else self._month_first(r)
        monday = first + timedelta(days=-first.weekday() % 7) + timedelta(weeks=t.number() - 1)
        r.said_month = r.said_year = None
        self._set_day(r, monday, monday + timedelta(days=7), "week")

    def _in_weeks(self, r: _Reading, t: Token) -> None:
        n = self._count(t)
        if "d" in t.value:
            self._set_day(r, self._monday(int(n)) + timedelta(days=_WEEKDAYS.index(t.value["d"][1])))
        else:
            self._set_day(r, self.today + timedelta(days=round(7 * n)))

    # -- counted times ---------------------------------------------------------------------------------------
    def _count(self, t: Token) -> float:
        n = t.value["n"]
        value = 0.5 if n == "半" else 3.0 if n == "几" else float(number(n) or 0)
        return value + (
            0.5
            if "half" in t.value
            else 0.5
            if t.text.rstrip("之以内里后前").endswith("半") and n != "半"
            else 0
        )

    def _workdays(self, n: int) -> date:
        day = self.today
        while n > 0:
            day += timedelta(days=1)
            n -= self.table.is_workday(day)
        return day

    def _shift(self, unit: str, n: float) -> date:
        if unit == "工作日":
            return self._workdays(int(n))
        if unit in ("个月", "月"):
            return _add_months(self.today, int(n)) + timedelta(days=15 if n % 1 else 0)
        if unit == "年":
            return _add_months(self.today, int(n * 12))
        return self.today + timedelta(days=round(n * (7 if unit == "周" else 1)))

    @staticmethod
    def _clock_delta(unit: str, n: float) -> timedelta:
        return timedelta(hours=n) if unit == "小时" else timedelta(minutes=n)

    def _set_moment(self, r: _Reading, start: datetime, end: datetime, grain: Grain) -> None:
        if not r.empty:
            raise _Unread
        r.moment = (start, end, grain)

    def _later(self, r: _Reading, t: Token) -> None:
        unit, n = t.value["u"], self._count(t)
        if unit in ("小时", "分钟"):
            start = self.now + self._clock_delta(unit, n)
            self._set_moment(r, start, start + timedelta(minutes=1), "minute")
            return
        day = self._shift(unit, n)
        self._set_day(r, day)
        if (
            t.value["n"] in ("两", "几")
            and t.text.startswith(("过", "再过", "再等"))
            and not t.text.endswith("后")
        ):
            r.asks.append(_ask("about", date=_say(day)))

    def _ago(self, r: _Reading, t: Token) -> None:
        unit, n = t.value["u"], self._count(t)
        if unit in ("小时", "分钟"):
            start = self.now - self._clock_delta(unit, n)
            self._set_moment(r, start, start + timedelta(minutes=1), "minute")
            return
        self._set_day(r, self._shift(unit, -n))

    def _within(self, r: _Reading, t: Token) -> None:
        unit, n = t.value["u"], self._count(t)
        if unit in ("小时", "分钟"):
            self._set_moment(r, self.now, self.now + self._clock_delta(unit, n), "minute")
            return
        ahead = t.text.startswith(("未来", "接下来", "往后", "今后"))
        if ahead and not t.text.endswith(("内", "里")):
            first = self.today + timedelta(days=1)
            self._set_moment(r, _midnight(first), _midnight(self._shift(unit, n) + timedelta(days=1)), "day")
            return
        end = self._shift(unit, n) + timedelta(days=1)
        self._set_moment(r, self.now, _midnight(end), "day")

    def _next_days(self, r: _Reading, t: Token) -> None:
        first = self.today + timedelta(days=1)
        self._set_moment(r, _midnight(first), _midnight(first + timedelta(days=int(self._count(t)))), "day")

    def _past(self, r: _Reading, t: Token) -> None:
        unit, n = t.value["u"], self._count(t)
        if unit in ("小时", "分钟"):
            self._set_moment(r, self.now - self._clock_delta(unit, n), self.now, "minute")
        else:
            self._set_moment(r, _midnight(self._shift(unit, -n)), self.now, "day")

    def _last_unit(self, r: _Reading, t: Token) -> None:
        self._set_moment(r, self.now - timedelta(hours=1), self.now, "hour")

    def _duration(self, r: _Reading, t: Token) -> None:
        self._set_moment(r, self.now, self.now + self._clock_delta(t.value["u"], self._count(t)), "minute")

    def _now(self, r: _Reading, t: Token) -> None:
        self._set_moment(r, self.now, self.now + timedelta(minutes=1), "minute")

    # -- festivals and the moon ------------------------------------------------------------------------------
    def _lunar(self, r: _Reading, t: Token) -> None:
        year = number(t.value["y"].rstrip("年")) if "y" in t.value else r.said_year
        named = t.value.get("lm")
        month, day = lunar_month(named) if named else 1, lunar_day(t.value["ld"])
        if not 1 <= month <= 12 or not 1 <= day <= 30:
            raise _Unread
        if not named and "ny" not in t.value:  # a bare 初八: of this moon month or the next
            for shift in range(60):
                candidate = self.today + timedelta(days=shift)
                if _moon_day(candidate) == day:
                    self._set_day(r, candidate)
                    return
            raise _Unread
        leap = "leap" in t.value
        r.said_year = None
        for candidate_year in [year] if year else range(self.today.year - 1, self.today.year + 3):
            found = almanac.lunar(candidate_year, month, day, leap)
            if found is not None and (year or found >= self.today):
                self._set_day(r, found)
                return
        raise _Unread

    def _lunar_month(self, r: _Reading, t: Token) -> None:
        month = lunar_month(t.value["lm"])
        for year in range(self.today.year - 1, self.today.year + 3):
            first = almanac.lunar(year, month, 1)
            following = almanac.lunar(year + month // 12, month % 12 + 1, 1)
            if first and following and following > self.today:
                self._set_day(r, first, following, "month")
                return
        raise _Unread

    def _holiday(self, r: _Reading, t: Token) -> None:
        name = t.value["name"]
        rel, span_word = t.value.get("rel", ""), t.value.get("span")
        if name in ("十一", "三八", "五一", "六一") and not (len(t.text) > 2) and r.said_month is not None:
            raise _Unread
        yr = t.value.get("yr")
        said = (self.today.year + _REL_YEAR[yr] if yr in _REL_YEAR else int(yr[:4])) if yr else r.said_year
        after = rel.endswith("后") or "过完" in rel or rel == "完" or rel == "完了"
        span: tuple[date, date] | None = None
        day: date | None = None
        for year in [said] if said else range(self.today.year, self.today.year + 3):
            day = almanac.festival(name, year)
            if day is None:
                continue
            span = self.table.span(name, year)
            last = (span[1] - timedelta(days=1)) if span and (after or span_word) else day
            if said or last >= self.today:
                break
        if day is None:
            raise _Unread
        r.said_year = None
        first, end = span or (day, day + timedelta(days=1))
        nth = t.number("n") or (1 if "one" in t.value else 0)
        if after:
            self._after_holiday(r, t, end, nth)
        elif rel.endswith("前"):
            self._before_holiday(r, t, first if span else day)
        elif nth:
            self._set_day(r, first + timedelta(days=nth - 1) if span else day + timedelta(days=nth - 1))
        elif span_word:
            self._set_day(r, first, end, "day")
        else:
            self._set_day(r, day)

    def _after_holiday(self, r: _Reading, t: Token, end: date, nth: int) -> None:
        what = t.value.get("what", "")
        if what == "工作日" or "one" in t.value:
            day = end
            left = max(nth, 1)
            while True:
                left -= self.table.is_workday(day)
                if left == 0:
                    break
                day += timedelta(days=1)
            self._set_day(r, day)
        elif what.endswith("周"):
            monday = end + timedelta(days=-end.weekday() % 7) + timedelta(weeks=nth - 1)
            self._set_day(r, monday, monday + timedelta(days=7), "week")
        elif nth:
            self._set_day(r, end + timedelta(days=nth - 1))
        else:
            self._set_day(r, end, end + timedelta(days=7), "week")

    def _before_holiday(self, r: _Reading, t: Token, first: date) -> None:
        days = t.number("n") or t.number("n2")
        if days:
            self._set_day(r, first - timedelta(days=days))
        else:
            self._set_day(r, self.today, first, "week")

    def _holiday_work(self, r: _Reading, t: Token) -> None:
        day = self.today
        while self.table.name_of(day) is None and (day - self.today).days < 200:
            day += timedelta(days=1)
        while not self.table.is_workday(day):
            day += timedelta(days=1)
        self._set_day(r, day)

    # -- hours -----------------------------------------------------------------------------------------------
    def _part(self, r: _Reading, t: Token) -> None:
        name = _PART_NAMES.get(t.text, t.text)
        if r.part is not None and r.part != name and not (r.part in ("早上", "晚上") and r.clock is None):
            raise _Unread
        if r.moment is not None or (r.clock is not None and r.clock[0] > 12):
            raise _Unread
        r.part = name

    def _part_letter(self, r: _Reading, t: Token) -> None:
        if not r.has_day or r.part is not None:
            raise _Unread
        r.part = _LETTER_PART[t.value["p"]]

    def _clock(self, r: _Reading, t: Token) -> None:
        if r.clock is not None or r.moment is not None:
            raise _Unread
        hour = t.number("h")
        minute: int | None = None
        if "half" in t.value:
            minute = 30
        elif "q" in t.value:
            minute = 15 * t.number("q")
        elif "mi" in t.value or "mi2" in t.value:
            minute = t.number("mi") or t.number("mi2")
        if hour > 24 or (minute or 0) > 59:
            raise _Unread
        mark = t.value.get("ap", "")
        if mark.startswith("p") and hour < 12:
            hour += 12
        elif mark.startswith("a") and hour == 12:
            hour = 0
        r.clock = (hour, minute)
        two_digits = ":" in t.text and t.text.startswith("0")
        r.bare_clock = not mark and hour <= 12 and hour > 0 and not two_digits

    def _dot_clock(self, r: _Reading, t: Token) -> None:
        if not (r.has_day or r.part):
            raise _Unread
        self._clock(r, t)

    def _quarter_to(self, r: _Reading, t: Token) -> None:
        if r.clock is not None:
            raise _Unread
        minutes = 15 if t.value["q"] == "一刻" else number(t.value["q"].rstrip("分")) or 0
        r.clock = ((t.number("h") - 1) % 24, 60 - minutes)
        r.bare_clock = t.number("h") <= 12

    # -- the whole -------------------------------------------------------------------------------------------
    def settle(self, r: _Reading, *, base: date | None = None, after: datetime | None = None) -> When | None:
        """The reading as a ``When``; ``base`` is the day of a range's left side, ``after`` its start."""
        if r.empty:
            return None
        if r.moment is not None:
            return self._sided(r, When(*r.moment))
        self._settle_month(r)
        if r.clock is not None:
            return self._sided(r, self._settle_clock(r, base, after))
        if r.part is not None:
            return self._sided(r, self._settle_part(r, base))
        if r.day is None:
            return None
        end = r.until or r.day + timedelta(days=1)
        return self._sided(r, When(_midnight(r.day), _midnight(end), r.grain))

    def _settle_month(self, r: _Reading) -> None:
        if r.said_month is not None and r.day is None:
            first = self._month_first(r)
            r.day, r.until, r.grain = first, _add_months(first, 1), "month"
        elif r.said_year is not None and r.day is None:
            r.day, r.until, r.grain = date(r.said_year, 1, 1), date(r.said_year + 1, 1, 1), "year"

    def _hour(self, r: _Reading, implied: bool, after: datetime | None) -> int:
        hour = (r.clock or (0, None))[0]
        part = r.part
        if part in ("下午", "傍晚") and hour < 12:
            return hour + 12
        if part == "晚上":
            return hour + 12 if 5 <= hour <= 12 else hour + 24 if hour < 5 else hour
        if part == "中午":
            return hour + 12 if hour < 4 else hour
        if part in ("凌晨", "半夜"):
            if part == "半夜" and 9 <= hour <= 11:
                return hour + 12
            return hour % 12 if hour == 12 else hour
        if part is not None or not r.bare_clock:
            return hour
        if after is not None:
            return hour + 12 if hour + 12 <= 24 and hour <= after.hour else hour
        if 8 <= hour <= 12:
            return hour
        chosen = hour + 12 if hour <= 6 else hour
        name = "下午" if chosen >= 12 else "早上"
        r.asks.append(_ask("hour", hour=hour, part=name))
        return chosen

    def _settle_clock(self, r: _Reading, base: date | None, after: datetime | None) -> When:
        minute = (r.clock or (0, None))[1]
        implied = r.day is None
        hour = self._hour(r, implied, after)
        day = r.day or base or self.today
        start = _midnight(day) + timedelta(hours=hour, minutes=minute or 0)
        grain: Grain = "hour" if minute is None else "minute"
        length = timedelta(hours=1) if minute is None else timedelta(minutes=1)
        if base is None and start + length <= self.now and r.side is None:
            start = self._roll(r, start, implied, hour)
        return When(start, start + length, grain)

    def _roll(self, r: _Reading, start: datetime, implied: bool, hour: int) -> datetime:
        """A time already past today: the evening reading of an explicit today, tomorrow for a bare time."""
        if r.day == self.today and r.part is None and r.bare_clock and hour < 12:
            later = start + timedelta(hours=12)
            if later <= self.now:
                return start
            r.asks.append(_ask("hour", hour=hour, part="晚上" if later.hour >= 18 else "下午"))
            return later
        if r.weekday is not None and r.day == self.today:
            return start + timedelta(days=7)
        if implied:
            start += timedelta(days=1)
            r.asks.append(_ask("rolled", date=_say(start.date())))
        return start

    def _settle_part(self, r: _Reading, base: date | None) -> When:
        low, high = _table()["parts"][r.part]
        day = r.day or base or self.today
        last = (r.until - timedelta(days=1)) if r.until else day
        end = _midnight(last) + timedelta(hours=high)
        if end <= self.now and r.until is None:
            if r.weekday is not None and r.day == self.today:
                day = last = day + timedelta(days=7)
            elif r.day is None and base is None:
                day = last = day + timedelta(days=1)
                r.asks.append(_ask("rolled", date=_say(day)))
            end = _midnight(last) + timedelta(hours=high)
        return When(_midnight(day) + timedelta(hours=low), end, "part")

    def _sided(self, r: _Reading, when: When) -> When | None:
        asked = r.asks[0] if r.asks else None
        if r.side == "before":
            limit = when.end if when.start <= self.now else when.start
            if limit <= self.now:
                return None
            return When(self.now, limit, when.grain, ambiguous=asked)
        if r.side == "after":
            if when.grain in ("hour", "minute", "part"):
                start = when.start if when.grain != "part" else when.end
                name = "下午" if 12 <= start.hour < 18 else "上午" if start.hour < 12 else "晚上"
                end = _midnight(start.date()) + timedelta(hours=_table()["parts"][name][1])
                return When(start, max(end, start + timedelta(hours=1)), "part", ambiguous=asked)
            asked = asked or _ask("after", date=_say(when.start.date()))
            return When(when.start, when.end + timedelta(days=7), "week", ambiguous=asked)
        return replace(when, ambiguous=asked)


def _moon_day(day: date) -> int:
    """The day of its moon month, 0 where the almanac ends."""
    for year in (day.year, day.year - 1):
        for month in range(12, 0, -1):
            for leap in (True, False):
                first = almanac.lunar(year, month, 1, leap)
                if first is not None and 0 <= (day - first).days < 30:
                    return (day - first).days + 1
    return 0


def read(text: str, now: datetime, *, holidays: Holidays | None = None) -> When | None:
    """The time in ``text`` as said at ``now`` (naive local), or ``None`` when there is none to be had."""
    worked = plain(text[:400])
    change = list(_CHANGE.finditer(worked))
    offset = change[-1].end() if change and tokens(worked[change[-1].end() :]) else 0
    worked = worked[offset:]
    walker = _Walker(now, holidays or Holidays.load())
    words = tokens(worked)
    groups, refused = _groups(walker, worked, words)
    if not groups:
        return None
    when, used = groups[0]
    return replace(when, residue=_residue(worked, words, used | refused))


def _groups(walker: _Walker, text: str, words: list[Token]) -> tuple[list[tuple[When, set[int]]], set[int]]:
    """Runs of time words that belong together, each with the places of its words; and the words refused."""
    found: list[tuple[When, set[int]]] = []
    refused: set[int] = set()
    at = 0
    while at < len(words):
        reading, used, at = _one(walker, text, words, at)
        if reading is None:
            continue
        when = walker.settle(reading)
        if when is not None and at < len(words) and words[at].kind == "to" and _near(text, words, at):
            walker.anchor = when.start.date()
            right, right_used, after = _one(walker, text, words, at + 1)
            ranged = _range(walker, when, right) if right is not None else None
            walker.anchor = walker.today
            if ranged is not None:
                when, used, at = ranged, used | {at} | right_used, after
        if when is None:
            continue
        if _REFUSED.match(text[words[max(used)].end :]) or _REFUSING.search(text[: words[min(used)].start]):
            refused |= used
        else:
            found.append((when, used))
    return found, refused


def _near(text: str, words: list[Token], at: int) -> bool:
    return at > 0 and bool(_FILLER.match(text[words[at - 1].end : words[at].start]))


def _one(walker: _Walker, text: str, words: list[Token], at: int) -> tuple[_Reading | None, set[int], int]:
    """Read as many neighbouring words as fit together from ``words[at]`` on; the place to go on from."""
    reading = _Reading()
    used: set[int] = set()
    while at < len(words):
        word = words[at]
        if used and not _FILLER.match(text[words[at - 1].end : word.start]):
            break
        if word.kind in ("set", "vague", "to", "before", "after"):
            if word.kind in ("before", "after") and used and word.start == words[at - 1].end:
                reading.side = word.kind
                used.add(at)
                at += 1
                break
            if used:
                break
            at += 1
            while (
                word.kind == "set"
                and at < len(words)
                and _FILLER.match(text[words[at - 1].end : words[at].start])
            ):
                at += 1
            continue
        try:
            walker.feed(reading, word)
        except _Unread:
            if used:
                break
            at += 1
            continue
        used.add(at)
        at += 1
    return (None if reading.empty else reading), used, at


def _range(walker: _Walker, first: When, right: _Reading) -> When | None:
    base = None if right.has_day else first.start.date()
    last = walker.settle(right, base=base, after=first.start if base else None)
    if last is None or last.end <= first.start:
        return None
    end = last.start if last.grain in ("hour", "minute") else last.end
    return When(first.start, end, last.grain, ambiguous=first.ambiguous or last.ambiguous)


# Words of history, habit or asking: unread, they do not make a booking doubtful.
_NOT_LEFT = {"to", "before", "after", "now", "past", "ago", "set", "vague"}


def _residue(text: str, words: list[Token], used: set[int]) -> str:
    """Time-like fragments of ``text`` outside the used words."""
    kept = list(text)
    for n, word in enumerate(words):
        if n in used:
            kept[word.start : word.end] = "\x00" * (word.end - word.start)
    rest = "".join(kept)
    left = [w.text for n, w in enumerate(words) if n not in used and w.kind not in _NOT_LEFT]
    seen = " ".join(left)
    extra = [m.group() for m in _TIMELIKE.finditer(rest) if m.group() not in seen]
    return " ".join([*left, *extra])


def contract_row(text: str, now: datetime, *, holidays: Holidays | None = None) -> dict[str, str | None]:
    """One line of the ``banyi when`` contract: ISO 8601 local times, ``start`` null when nothing was read."""
    when = read(text, now, holidays=holidays)
    if when is None:
        return {"text": text, "start": None, "end": None, "grain": None, "residue": ""}
    return {
        "text": text,
        "start": when.start.isoformat(),
        "end": when.end.isoformat(),
        "grain": when.grain,
        "residue": when.residue,
    }
