"""Business time. Everything that asks "what time is it for the hospital" asks a `Clock` that was handed to it.

Leases do not: they use `real_now`, or a jump of the virtual clock would steal them.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo


def real_now() -> datetime:
    """The machine's own time, UTC. Only for leases and technical logs."""
    return datetime.now(UTC)  # noqa: TID251  the one place that may


class Clock:
    """The hospital's time: `now()` in UTC, `local()` in its one time zone."""

    def __init__(self, zone: str = "Asia/Shanghai") -> None:
        self.zone = ZoneInfo(zone)

    def now(self) -> datetime:
        return real_now()

    def local(self, moment: datetime | None = None) -> datetime:
        """`moment` (aware; default now) in the hospital's zone."""
        return (moment or self.now()).astimezone(self.zone)

    def local_naive(self, moment: datetime | None = None) -> datetime:
        """As `local`, without the zone: what schedules and `language.when` speak."""
        return self.local(moment).replace(tzinfo=None)

    def to_utc(self, naive_local: datetime) -> datetime:
        """A naive time of the hospital's zone as aware UTC."""
        return naive_local.replace(tzinfo=self.zone).astimezone(UTC)


class VirtualClock(Clock):
    """A clock that can be moved, for tests, the simulators and the time machine."""

    def __init__(self, start: datetime | None = None, zone: str = "Asia/Shanghai") -> None:
        super().__init__(zone)
        self._offset = timedelta() if start is None else start.astimezone(UTC) - real_now()
        self._frozen: datetime | None = None

    def now(self) -> datetime:
        return self._frozen if self._frozen is not None else real_now() + self._offset

    def advance(self, step: timedelta) -> None:
        if self._frozen is not None:
            self._frozen += step
        else:
            self._offset += step

    def freeze(self, moment: datetime | None = None) -> None:
        """Stand still at `moment` (aware; default: now)."""
        self._frozen = (moment or self.now()).astimezone(UTC)
