"""Rolling windows: how often something happened in the last so many seconds."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

MINUTE, HOUR, DAY = 60.0, 3600.0, 86400.0
KEPT = 31 * DAY
Key = tuple[str, ...]


class Windows:
    """Times are seconds since 1970, given by the caller; what is older than 31 days is forgotten."""

    def __init__(self) -> None:
        self._times: dict[Key, deque[float]] = {}

    def used(self, key: Key, seconds: float, now: float) -> int:
        """How often `key` was counted after `now - seconds`."""
        times = self._times.get(key)
        if times is None:
            return 0
        while times and times[0] <= now - KEPT:
            times.popleft()
        count = 0
        for time in reversed(times):
            if time <= now - seconds:
                break
            count += 1
        return count

    def count(self, keys: Iterable[Key], now: float) -> None:
        for key in keys:
            self._times.setdefault(key, deque()).append(now)
