"""The vendors' hours: their days and windows are Chinese ones (UTC+8), wherever the clock stands."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

CHINA = timezone(timedelta(hours=8))


def until_hour(now: datetime, hour: int) -> float:
    """Seconds from `now` (aware) to the next full `hour` (0-23) in China; 0 is midnight."""
    here = now.astimezone(CHINA)
    then = here.replace(hour=hour, minute=0, second=0, microsecond=0)
    if then <= here:
        then += timedelta(days=1)
    return (then - here).total_seconds()


def read_stamp(text: str) -> datetime | None:
    """`2026-11-22 08:30:00`, as Chinese vendors write a time; `None` when it is none."""
    try:
        return datetime.strptime(text, "%Y-%m-%d %H:%M:%S").replace(tzinfo=CHINA)
    except ValueError:
        return None
