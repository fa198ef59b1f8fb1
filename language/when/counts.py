"""Counted times: three days from now, within a week, ten working days."""

from __future__ import annotations

from datetime import date, datetime, timedelta

from language.when.days import Days
from language.when.numerals import number
from language.when.reading import WEEKDAYS, Grain, Reading, Unread, add_months, ask, midnight, say
from language.when.tokens import Token


class Counts(Days):
    """Adds counted times."""

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
            return add_months(self.today, int(n)) + timedelta(days=15 if n % 1 else 0)
        if unit == "年":
            return add_months(self.today, int(n * 12))
        return self.today + timedelta(days=round(n * (7 if unit == "周" else 1)))

    @staticmethod
    def _clock_delta(unit: str, n: float) -> timedelta:
        return timedelta(hours=n) if unit == "小时" else timedelta(minutes=n)

    def _set_moment(self, r: Reading, start: datetime, end: datetime, grain: Grain) -> None:
        if not r.empty:
            raise Unread
        r.moment = (start, end, grain)

    def _later(self, r: Reading, t: Token) -> None:
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
            r.asks.append(ask("about", date=say(day)))

    def _ago(self, r: Reading, t: Token) -> None:
        unit, n = t.value["u"], self._count(t)
        if unit in ("小时", "分钟"):
            start = self.now - self._clock_delta(unit, n)
            self._set_moment(r, start, start + timedelta(minutes=1), "minute")
            return
        self._set_day(r, self._shift(unit, -n))

    def _within(self, r: Reading, t: Token) -> None:
        unit, n = t.value["u"], self._count(t)
        if unit in ("小时", "分钟"):
            self._set_moment(r, self.now, self.now + self._clock_delta(unit, n), "minute")
            return
        ahead = t.text.startswith(("未来", "接下来", "往后", "今后"))
        if ahead and not t.text.endswith(("内", "里")):
            first = self.today + timedelta(days=1)
            self._set_moment(r, midnight(first), midnight(self._shift(unit, n) + timedelta(days=1)), "day")
            return
        end = self._shift(unit, n) + timedelta(days=1)
        self._set_moment(r, self.now, midnight(end), "day")

    def _next_days(self, r: Reading, t: Token) -> None:
        first = self.today + timedelta(days=1)
        self._set_moment(r, midnight(first), midnight(first + timedelta(days=int(self._count(t)))), "day")

    def _past(self, r: Reading, t: Token) -> None:
        unit, n = t.value["u"], self._count(t)
        if unit in ("小时", "分钟"):
            self._set_moment(r, self.now - self._clock_delta(unit, n), self.now, "minute")
        else:
            self._set_moment(r, midnight(self._shift(unit, -n)), self.now, "day")

    def _last_unit(self, r: Reading, t: Token) -> None:
        self._set_moment(r, self.now - timedelta(hours=1), self.now, "hour")

    def _duration(self, r: Reading, t: Token) -> None:
        self._set_moment(r, self.now, self.now + self._clock_delta(t.value["u"], self._count(t)), "minute")

    def _now(self, r: Reading, t: Token) -> None:
        self._set_moment(r, self.now, self.now + timedelta(minutes=1), "minute")

    def _in_weeks(self, r: Reading, t: Token) -> None:
        n = self._count(t)
        if "d" in t.value:
            self._set_day(r, self._monday(int(n)) + timedelta(days=WEEKDAYS.index(t.value["d"][1])))
        else:
            self._set_day(r, self.today + timedelta(days=round(7 * n)))
