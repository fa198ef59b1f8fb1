"""Festivals, public holidays and dates of the moon calendar."""

from __future__ import annotations

from datetime import date, timedelta

from language.when import holidays as almanac
from language.when.counts import Counts
from language.when.numerals import number
from language.when.reading import REL_YEAR, Reading, Unread
from language.when.tokens import Token, lunar_day, lunar_month


class Festivals(Counts):
    """Adds festivals and the moon calendar."""

    def _lunar(self, r: Reading, t: Token) -> None:
        year = number(t.value["y"].rstrip("年")) if "y" in t.value else r.said_year
        named = t.value.get("lm")
        month, day = lunar_month(named) if named else 1, lunar_day(t.value["ld"])
        if not 1 <= month <= 12 or not 1 <= day <= 30:
            raise Unread
        if not named and "ny" not in t.value:  # a bare 初八: of this moon month or the next
            for shift in range(60):
                candidate = self.today + timedelta(days=shift)
                if moon_day(candidate) == day:
                    self._set_day(r, candidate)
                    return
            raise Unread
        leap = "leap" in t.value
        r.said_year = None
        for candidate_year in [year] if year else range(self.today.year - 1, self.today.year + 3):
            found = almanac.lunar(candidate_year, month, day, leap)
            if found is not None and (year or found >= self.today):
                self._set_day(r, found)
                return
        raise Unread

    def _lunar_month(self, r: Reading, t: Token) -> None:
        month = lunar_month(t.value["lm"])
        for year in range(self.today.year - 1, self.today.year + 3):
            first = almanac.lunar(year, month, 1)
            following = almanac.lunar(year + month // 12, month % 12 + 1, 1)
            if first and following and following > self.today:
                self._set_day(r, first, following, "month")
                return
        raise Unread

    def _holiday(self, r: Reading, t: Token) -> None:
        name = t.value["name"]
        rel, span_word = t.value.get("rel", ""), t.value.get("span")
        if name in ("十一", "三八", "五一", "六一") and not (len(t.text) > 2) and r.said_month is not None:
            raise Unread
        yr = t.value.get("yr")
        said = (self.today.year + REL_YEAR[yr] if yr in REL_YEAR else int(yr[:4])) if yr else r.said_year
        after = "pre" in t.value or rel.endswith("后") or "过完" in rel or rel in ("完", "完了", "过了")
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
            raise Unread
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

    def _after_holiday(self, r: Reading, t: Token, end: date, nth: int) -> None:
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

    def _before_holiday(self, r: Reading, t: Token, first: date) -> None:
        days = t.number("n") or t.number("n2")
        if days:
            self._set_day(r, first - timedelta(days=days))
        else:
            self._set_day(r, self.today, first, "week")

    def _holiday_work(self, r: Reading, t: Token) -> None:
        day = self.today
        while self.table.name_of(day) is None and (day - self.today).days < 200:
            day += timedelta(days=1)
        while not self.table.is_workday(day):
            day += timedelta(days=1)
        self._set_day(r, day)


def moon_day(day: date) -> int:
    """The day of its moon month, 0 where the almanac ends."""
    for year in (day.year, day.year - 1):
        for month in range(12, 0, -1):
            for leap in (True, False):
                first = almanac.lunar(year, month, 1, leap)
                if first is not None and 0 <= (day - first).days < 30:
                    return (day - first).days + 1
    return 0
