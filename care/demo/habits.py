"""How the demo's visitors book, cancel and stay away: pure chance over what `data/seed/hospital/history.yml` says."""

from __future__ import annotations

import math
import random
from collections.abc import Mapping
from datetime import date, datetime, time, timedelta
from itertools import accumulate
from typing import Any

from care.appointments.models import Part, Status
from care.demo.visitors import Visitor

WAYS = ("wechat", "sms", "staff")
OPENS, SHUTS = 7, 22
"""Hours between which people book."""


class Habits:
    """`begins`: the first day of the year. All chances are drawn from `chance`, in the order of the visits."""

    def __init__(self, settings: Mapping[str, Any], begins: date, chance: random.Random) -> None:
        self.chance, self._begins = chance, begins
        self._missed: Mapping[str, float] = settings["missed"]
        self._cancelled: Mapping[str, float] = settings["cancelled"]
        self._via = [settings["via"][one] for one in WAYS]
        self._leads = list(accumulate(settings["leads"]))
        self._settings = settings

    def expected(self, department: str, day: date) -> float:
        """Visits of a department on a day."""
        rule = self._settings
        usual: float = rule["departments"].get(department, rule["others"])
        season: float = rule["seasons"].get(department, {}).get(day.month, 1.0)
        grown: float = 1 + rule["growth"] * self._age(day)
        year: float = rule["weekdays"][day.weekday()] * rule["months"][day.month - 1] * season
        return usual * year * grown

    def count(self, expected: float) -> int:
        """A whole number around it (Poisson's, by Knuth's way: the numbers are small)."""
        limit, product, number = math.exp(-expected), self.chance.random(), 0
        while product > limit:
            product *= self.chance.random()
            number += 1
        return number

    def booked_by(self, days: int) -> float:
        """The share of a day's visits that is booked `days` days before."""
        return 1.0 if days <= 0 else 1 - self._leads[min(days, len(self._leads)) - 1] / self._leads[-1]

    def lead(self, at_least: int = 0) -> int:
        """Days from booking to the visit."""
        low = self._leads[at_least - 1] if at_least else 0
        drawn = low + self.chance.random() * (self._leads[-1] - low)
        return next(day for day, upto in enumerate(self._leads) if drawn <= upto)

    def booked_at(self, start: datetime, lead: int) -> datetime:
        """When it was booked, before `start`; both the hospital's own time."""
        if lead == 0:
            return start - timedelta(minutes=self.chance.randint(20, 240))
        day = start.date() - timedelta(days=lead)
        minutes = self.chance.randint(OPENS * 60, SHUTS * 60)
        return datetime.combine(day, time(minutes // 60, minutes % 60, self.chance.randint(0, 59)))

    def via(self, who: Visitor, day: date) -> str:
        """Old people rather ask at the counter."""
        share = self._age(day)
        weights = [first + (last - first) * share for first, last in self._via]
        if who.born.year < day.year - 70:
            weights[0] *= 0.45
        return self.chance.choices(WAYS, weights=weights)[0]

    def cancels(self, lead: int) -> bool:
        rule = self._cancelled
        return self._happens(rule["base"] + rule["lead"] * math.log1p(lead))

    def misses(self, who: Visitor, start: datetime, part: str, lead: float) -> bool:
        rule, age = self._missed, start.year - who.born.year
        return self._happens(
            rule["base"]
            + rule["lead"] * math.log1p(lead)
            + rule["missed_before"] * min(who.missed, 3)
            + rule["first_visit"] * (who.visits == 0)
            + rule["monday"] * (start.weekday() == 0)
            + rule["afternoon"] * (part == Part.AFTERNOON)
            + rule["young"] * (age < 30)
            + rule["old"] * (age >= 65)
            + who.own
        )

    def fate(self, who: Visitor, start: datetime, part: str, lead: int, booked: datetime) -> Status:
        """What becomes of a visit; its visitor's own history goes on by it."""
        if lead and self.cancels(lead):
            return Status.CANCELLED
        gone = self.misses(who, start, part, (start - booked).total_seconds() / 86400)
        who.visits += 1
        who.missed += gone
        return Status.NOSHOW if gone else Status.FULFILLED

    def _happens(self, odds: float) -> bool:
        return self.chance.random() < 1 / (1 + math.exp(-odds))

    def _age(self, day: date) -> float:
        """How far the year has gone, 0 to 1."""
        return min(1.0, max(0.0, (day - self._begins).days / 365))
