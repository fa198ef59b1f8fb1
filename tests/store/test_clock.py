"""Business time: one zone, and a clock that can be moved."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from store.clock import Clock, VirtualClock, real_now

NOON = datetime(2026, 11, 22, 4, 0, tzinfo=UTC)


def test_the_hospital_has_one_zone() -> None:
    clock = Clock()
    assert clock.local_naive(NOON) == datetime(2026, 11, 22, 12, 0)
    assert clock.to_utc(datetime(2026, 11, 22, 12, 0)) == NOON
    assert clock.local(datetime(2026, 11, 22, 16, 30, tzinfo=UTC)).day == 23
    assert abs(clock.now() - real_now()) < timedelta(seconds=1)


def test_a_virtual_clock_runs_jumps_and_stands_still() -> None:
    clock = VirtualClock(NOON)
    assert timedelta() <= clock.now() - NOON < timedelta(seconds=1)
    clock.advance(timedelta(days=3))
    assert timedelta(days=3) <= clock.now() - NOON < timedelta(days=3, seconds=1)
    clock.freeze(NOON)
    assert clock.now() == clock.now() == NOON
    clock.advance(timedelta(minutes=5))
    assert clock.now() == NOON + timedelta(minutes=5)
