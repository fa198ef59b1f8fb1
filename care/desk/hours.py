"""When people are on duty at the desk."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


@dataclass(frozen=True, slots=True)
class DutyHours:
    """Weekly hours, local time: weekday (0 is Monday) → (from, to) pairs, `to` excluded."""

    week: tuple[tuple[tuple[time, time], ...], ...]

    @classmethod
    def parse(cls, text: str) -> DutyHours:
        """`Mon-Fri 08:00-12:00 13:30-17:30; Sat 08:00-12:00`.

        Raises `ValueError` naming the piece that is wrong.
        """
        week: list[list[tuple[time, time]]] = [[] for _ in _DAYS]
        for piece in filter(None, (part.strip() for part in text.split(";"))):
            days, *spans = piece.split()
            try:
                first, _, last = days.lower().partition("-")
                begin, end = _DAYS.index(first[:3]), _DAYS.index((last or first)[:3])
                pairs = [_span(span) for span in spans]
            except ValueError as error:
                raise ValueError(f"duty hours: cannot read {piece!r}, write 'Mon-Fri 08:00-17:30'") from error
            if not pairs or end < begin:
                raise ValueError(f"duty hours: {piece!r} needs days in order and at least one span")
            for day in range(begin, end + 1):
                week[day] += pairs
        return cls(tuple(tuple(sorted(spans)) for spans in week))

    def on_duty(self, local: datetime) -> bool:
        """Whether someone answers at the local moment."""
        return any(begin <= local.time() < end for begin, end in self.week[local.weekday()])

    def next_start(self, local: datetime) -> datetime | None:
        """The next time someone comes on duty (naive or aware as `local`), or None when nobody ever does."""
        for ahead in range(8):
            day: date = (local + timedelta(days=ahead)).date()
            for begin, _ in self.week[day.weekday()]:
                moment = datetime.combine(day, begin, tzinfo=local.tzinfo)
                if moment > local:
                    return moment
        return None

    def next_end(self, local: datetime) -> datetime | None:
        """When nobody is on duty any more: `local` itself where that is so already, None when nobody ever comes."""
        moment = local
        while self.on_duty(moment):
            ends = [end for begin, end in self.week[moment.weekday()] if begin <= moment.time() < end]
            moment = datetime.combine(moment.date(), max(ends), tzinfo=moment.tzinfo)
        return moment if any(self.week) else None

    def answer_by(self, local: datetime, within: timedelta) -> datetime | None:
        """By when an answer may be promised: `within` from now on duty, else `within` from the next start."""
        if self.on_duty(local):
            return local + within
        start = self.next_start(local)
        return None if start is None else start + within


def _span(text: str) -> tuple[time, time]:
    begin, end = (time.fromisoformat(part) for part in text.split("-"))
    if end <= begin:
        raise ValueError(text)
    return begin, end
