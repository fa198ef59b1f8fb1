"""Words for days, months and years, weeks and weekdays."""

from __future__ import annotations

import calendar
from datetime import date, datetime, timedelta

from language.when.holidays import Holidays
from language.when.reading import (
    DAWN,
    LETTER_DAY,
    LETTER_PART,
    REL_DAY,
    REL_WEEK,
    REL_YEAR,
    WEEKDAYS,
    Grain,
    Reading,
    Unread,
    add_months,
    ask,
    say,
    valid,
)
from language.when.tokens import Token


class Days:
    """Turns words for days and weeks into the pieces of a ``Reading``; the first part of the ``Walker``."""

    def __init__(self, now: datetime, table: Holidays) -> None:
        self.now = now
        self.today = now.date()
        self.anchor = self.today  # what "the next 3号" or "the next 周三" counts from
        self.table = table

    def feed(self, r: Reading, token: Token) -> None:
        """Put ``token`` into ``r``; raises ``Unread`` when its place is taken or there is no such date."""
        try:
            getattr(self, f"_{token.kind}")(r, token)
        except (ValueError, OverflowError) as wrong:
            raise Unread from wrong

    def _set_day(self, r: Reading, day: date | None, until: date | None = None, grain: Grain = "day") -> None:
        if day is None:
            raise Unread
        if r.day is not None:
            if until is None and r.until is None and r.day == day:
                return
            raise Unread
        if r.moment is not None:
            raise Unread
        r.day, r.until, r.grain = day, until, grain
        self._agree(r)

    def _agree(self, r: Reading) -> None:
        """The date wins over a weekday said before it; where they disagree, it is asked."""
        if r.named is not None and r.day is not None and r.until is None and r.day.weekday() != r.named:
            r.asks.append(ask("mismatch", date=say(r.day), weekday=f"周{WEEKDAYS[r.named]}"))

    def _dated(self, r: Reading) -> None:
        """A date follows a weekday (周四26号): the weekday steps back."""
        if r.weekday is not None and r.until is None and r.grain == "day" and r.named is None:
            r.named, r.weekday, r.day = r.weekday, None, None

    def _ymd(self, r: Reading, t: Token) -> None:
        self._dated(r)
        self._set_day(r, valid(t.number("y"), t.number("m"), t.number("d")))

    def _iso_md(self, r: Reading, t: Token) -> None:
        self._dated(r)
        self._set_day(r, self._coming(t.number("m"), t.number("d"), r.said_year))

    _dot_md = _iso_md

    def _coming(self, month: int, day: int, year: int | None) -> date | None:
        if year is not None:
            return valid(year, month, day)
        for candidate in range(self.anchor.year, self.anchor.year + 5):
            found = valid(candidate, month, day)
            if found is not None and found >= self.anchor:
                return found
        return None

    def _year(self, r: Reading, t: Token) -> None:
        if r.said_year is not None or r.day is not None:
            raise Unread
        if "rel" in t.value:
            r.said_year = self.today.year + REL_YEAR[t.value["rel"]]
        elif "yy" in t.value:
            r.said_year = 2000 + int(t.value["yy"])
        else:
            r.said_year = t.number("y")

    def _month(self, r: Reading, t: Token) -> None:
        self._dated(r)
        if r.said_month is not None or r.day is not None:
            raise Unread
        rel = t.value.get("rel")
        if rel is not None:
            shift = {"上上": -2, "上": -1, "下": 1, "下下": 2}.get(rel, 0)
            first = add_months(self.today.replace(day=1), shift)
            r.said_month = (first.year, first.month)
            return
        month = t.number("m")
        if not 1 <= month <= 12:
            raise Unread
        r.said_month = (r.said_year or 0, month)

    def _month_first(self, r: Reading) -> date:
        year, month = r.said_month or (self.today.year, self.today.month)
        if year == 0:
            year = self.anchor.year if month >= self.anchor.month else self.anchor.year + 1
        return date(year, month, 1)

    def _month_part(self, r: Reading, t: Token) -> None:
        if r.day is not None or (r.said_month is None and not t.text.startswith("月")):
            raise Unread
        part = t.value.get("p") or t.value.get("p2") or t.value.get("p3") or ""
        first = self._month_first(r)
        last = calendar.monthrange(first.year, first.month)[1]
        low, high = {"初": (1, 5), "上旬": (1, 10), "中": (11, 20), "中旬": (11, 20), "下旬": (21, last)}.get(
            part, (25, last)
        )
        if r.said_month is None and first.replace(day=high) < self.today:
            first = add_months(first, 1)
            last = calendar.monthrange(first.year, first.month)[1]
            high = last if high > 20 else high
        r.said_month = None
        self._set_day(r, first.replace(day=low), first.replace(day=high) + timedelta(days=1), "week")

    def _year_part(self, r: Reading, t: Token) -> None:
        year = r.said_year or self.today.year
        low, high = {"初": (1, 2), "中": (6, 7)}.get(t.value["p"], (11, 12))
        r.said_year = None
        self._set_day(r, date(year, low, 1), add_months(date(year, high, 1), 1), "month")

    def _half_year(self, r: Reading, t: Token) -> None:
        year = r.said_year or self.today.year
        r.said_year = None
        first = date(year, 1 if t.value["h"] in "上前" else 7, 1)
        self._set_day(r, first, add_months(first, 6), "month")

    def _quarter(self, r: Reading, t: Token) -> None:
        n = t.number()
        if not 1 <= n <= 4:
            raise Unread
        first = date(r.said_year or self.today.year, 3 * n - 2, 1)
        r.said_year = None
        self._set_day(r, first, add_months(first, 3), "month")

    def _day(self, r: Reading, t: Token) -> None:
        day = t.number("d")
        self._dated(r)
        if not 1 <= day <= 31 or r.day is not None:
            raise Unread
        if r.said_month is not None:
            year, month = r.said_month
            r.said_month = None
            self._set_day(r, valid(year, month, day) if year else self._coming(month, day, None))
            return
        for shift in range(4):
            first = add_months(self.anchor.replace(day=1), shift)
            found = valid(first.year, first.month, day)
            if found is not None and found >= self.anchor:
                self._set_day(r, found)
                return
        raise Unread

    _bare_day = _day

    def _rel_day(self, r: Reading, t: Token) -> None:
        if t.text in ("第二天", "次日", "隔天") and r.day is not None:
            raise Unread
        self._set_day(r, self.today + timedelta(days=REL_DAY[t.text]))
        self._by_night(r, REL_DAY[t.text], t.text)

    def _days_set(self, r: Reading, t: Token) -> None:
        low, n = {"明后": (1, 2), "今明": (0, 2)}.get(
            t.value["d"], (0, {"几": 5, "三": 3}.get(t.value.get("n", ""), 2))
        )
        if t.value["d"] == "这" and "n" not in t.value:
            raise Unread
        first = self.today + timedelta(days=low)
        self._set_day(r, first, first + timedelta(days=n), "day")

    def _day_part(self, r: Reading, t: Token) -> None:
        self._set_day(r, self.today + timedelta(days=LETTER_DAY[t.value["d"]]))
        r.part = LETTER_PART[t.value["p"]]
        self._by_night(r, LETTER_DAY[t.value["d"]], f"{t.value['d']}天")

    def _by_night(self, r: Reading, ahead: int, word: str) -> None:
        """ "明天" at ten past midnight: after the calendar, or after a night's sleep."""
        if ahead > 0 and self.now.hour < DAWN and r.day is not None:
            r.asks.append(ask("night", word=word, date=say(r.day)))
            r.instead = -1

    def _monday(self, shift: int) -> date:
        return self.today - timedelta(days=self.today.weekday()) + timedelta(weeks=shift)

    def _weekday(self, r: Reading, t: Token) -> None:
        name = t.value["d"]
        n = WEEKDAYS.index(name) if name in WEEKDAYS else int(name) - 1
        rel = t.value.get("rel")
        if r.weekday is not None:
            raise Unread
        if r.day is not None and r.until is None and rel is None:
            if r.day.weekday() != n:
                r.asks.append(ask("mismatch", date=say(r.day), weekday=f"周{WEEKDAYS[n]}"))
            return
        if r.day is not None and r.grain == "week" and r.until is not None and rel is None:
            day = r.day + timedelta(days=(n - r.day.weekday()) % 7)
            r.day, r.until, r.grain = day, None, "day"
            return
        if rel is None:
            self._set_day(r, self.anchor + timedelta(days=(n - self.anchor.weekday()) % 7))
            r.weekday = n
            return
        day = self._monday(REL_WEEK[rel]) + timedelta(days=n)
        self._set_day(r, day)
        if rel == "这" and day < self.today:
            r.asks.append(ask("weekday", date=say(day + timedelta(days=7))))

    def _week(self, r: Reading, t: Token) -> None:
        first = self._monday(REL_WEEK[t.value["rel"]])
        half = t.value.get("half", "")
        low, high = {"初": (0, 3), "前半周": (0, 3), "后半周": (3, 7)}.get(half, (0, 7))
        self._set_day(r, first + timedelta(days=low), first + timedelta(days=high), "week")

    def _week_range(self, r: Reading, t: Token, first: int, last: int) -> None:
        rel = t.value.get("rel")
        if rel is None:
            day = self.today + timedelta(days=(first - self.today.weekday()) % 7)
        else:
            day = self._monday(REL_WEEK[rel]) + timedelta(days=first)
        self._set_day(r, day, day + timedelta(days=(last - first) % 7 + 1), "day")

    def _week_days(self, r: Reading, t: Token) -> None:
        first, last = WEEKDAYS.index(t.value["a"]), WEEKDAYS.index(t.value["b"])
        if last != first + 1:
            raise Unread
        self._week_range(r, t, first, last)

    def _week_span(self, r: Reading, t: Token) -> None:
        self._week_range(r, t, WEEKDAYS.index(t.value["a"]), WEEKDAYS.index(t.value["b"]))

    def _weekend(self, r: Reading, t: Token) -> None:
        if r.day is not None and r.grain == "week" and r.until is not None:
            r.day = r.day + timedelta(days=5)
            r.grain = "day"
            return
        rel = t.value.get("rel")
        first = self._monday(REL_WEEK[rel] if rel else 0) + timedelta(days=5)
        self._set_day(r, first, first + timedelta(days=2), "day")

    def _nth_week(self, r: Reading, t: Token) -> None:
        first = date(r.said_year, 1, 1) if r.said_year and not r.said_month else self._month_first(r)
        monday = first + timedelta(days=-first.weekday() % 7) + timedelta(weeks=t.number() - 1)
        r.said_month = r.said_year = None
        self._set_day(r, monday, monday + timedelta(days=7), "week")
