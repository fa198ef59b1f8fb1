"""Hours and parts of the day, and what all the pieces together mean."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, timedelta

from language.when.festivals import Festivals
from language.when.numerals import number
from language.when.reading import (
    LETTER_PART,
    PART_NAMES,
    Grain,
    Reading,
    Unread,
    When,
    add_months,
    ask,
    midnight,
    say,
    table,
)
from language.when.tokens import Token


class Walker(Festivals):
    """Turns tokens into a ``Reading`` and a ``Reading`` into a ``When``; one instance a text."""

    def _part(self, r: Reading, t: Token) -> None:
        name = PART_NAMES.get(t.text, t.text)
        if r.part is not None and r.part != name and not (r.part in ("早上", "晚上") and r.clock is None):
            raise Unread
        if r.moment is not None or (r.clock is not None and r.clock[0] > 12):
            raise Unread
        r.part = name

    def _part_letter(self, r: Reading, t: Token) -> None:
        if not r.has_day or r.part is not None:
            raise Unread
        r.part = LETTER_PART[t.value["p"]]

    def _clock(self, r: Reading, t: Token) -> None:
        if r.clock is not None or r.moment is not None:
            raise Unread
        hour = t.number("h")
        minute: int | None = None
        if "half" in t.value:
            minute = 30
        elif "q" in t.value:
            minute = 15 * t.number("q")
        elif "mi" in t.value or "mi2" in t.value:
            minute = t.number("mi") or t.number("mi2")
        if hour > 24 or (minute or 0) > 59:
            raise Unread
        mark = t.value.get("ap", "")
        if mark.startswith("p") and hour < 12:
            hour += 12
        elif mark.startswith("a") and hour == 12:
            hour = 0
        r.clock = (hour, minute)
        two_digits = ":" in t.text and t.text.startswith("0")
        r.bare_clock = not mark and hour <= 12 and hour > 0 and not two_digits

    def _dot_clock(self, r: Reading, t: Token) -> None:
        if not (r.has_day or r.part):
            raise Unread
        self._clock(r, t)

    def _quarter_to(self, r: Reading, t: Token) -> None:
        if r.clock is not None:
            raise Unread
        minutes = 15 if t.value["q"] == "一刻" else number(t.value["q"].rstrip("分")) or 0
        r.clock = ((t.number("h") - 1) % 24, 60 - minutes)
        r.bare_clock = t.number("h") <= 12

    def settle(self, r: Reading, *, base: date | None = None, after: datetime | None = None) -> When | None:
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
        return self._sided(r, When(midnight(r.day), midnight(end), r.grain))

    def _settle_month(self, r: Reading) -> None:
        if r.said_month is not None and r.day is None:
            first = self._month_first(r)
            r.day, r.until, r.grain = first, add_months(first, 1), "month"
        elif r.said_year is not None and r.day is None:
            r.day, r.until, r.grain = date(r.said_year, 1, 1), date(r.said_year + 1, 1, 1), "year"

    def _hour(self, r: Reading, implied: bool, after: datetime | None) -> int:
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
        r.asks.append(ask("hour", hour=hour, part=name))
        return chosen

    def _settle_clock(self, r: Reading, base: date | None, after: datetime | None) -> When:
        minute = (r.clock or (0, None))[1]
        implied = r.day is None
        hour = self._hour(r, implied, after)
        day = r.day or base or self.today
        start = midnight(day) + timedelta(hours=hour, minutes=minute or 0)
        grain: Grain = "hour" if minute is None else "minute"
        length = timedelta(hours=1) if minute is None else timedelta(minutes=1)
        if base is None and start + length <= self.now and r.side is None:
            start = self._roll(r, start, implied, hour)
        return When(start, start + length, grain)

    def _roll(self, r: Reading, start: datetime, implied: bool, hour: int) -> datetime:
        """A time already past today: the evening reading of an explicit today, tomorrow for a bare time."""
        if r.day == self.today and r.part is None and r.bare_clock and hour < 12:
            later = start + timedelta(hours=12)
            if later <= self.now:
                return start
            r.asks.append(ask("hour", hour=hour, part="晚上" if later.hour >= 18 else "下午"))
            return later
        if r.weekday is not None and r.day == self.today:
            return start + timedelta(days=7)
        if implied:
            start += timedelta(days=1)
            r.asks.append(ask("rolled", date=say(start.date())))
        return start

    def _settle_part(self, r: Reading, base: date | None) -> When:
        low, high = table()["parts"][r.part]
        day = r.day or base or self.today
        last = (r.until - timedelta(days=1)) if r.until else day
        end = midnight(last) + timedelta(hours=high)
        if end <= self.now and r.until is None:
            if r.weekday is not None and r.day == self.today:
                day = last = day + timedelta(days=7)
            elif r.day is None and base is None:
                day = last = day + timedelta(days=1)
                r.asks.append(ask("rolled", date=say(day)))
            end = midnight(last) + timedelta(hours=high)
        return When(midnight(day) + timedelta(hours=low), end, "part")

    def _sided(self, r: Reading, when: When) -> When | None:
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
                end = midnight(start.date()) + timedelta(hours=table()["parts"][name][1])
                return When(start, max(end, start + timedelta(hours=1)), "part", ambiguous=asked)
            asked = asked or ask("after", date=say(when.start.date()))
            return When(when.start, when.end + timedelta(days=7), "week", ambiguous=asked)
        return replace(when, ambiguous=asked, instead=r.instead)
