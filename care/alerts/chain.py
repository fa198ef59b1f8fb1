"""The chain's numbers, and the hospital's hours they are counted in. Installed once a process, like the key ring."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import yaml

from care.alerts.models import Severity
from care.desk.hours import DutyHours
from care.duty.models import Position
from store.clock import Clock

RULES = Path(__file__).resolve().parents[2] / "data" / "seed" / "alert_chain.yml"
LEVELS = tuple(Position)
"""Whose an alert is at level 0, 1, 2."""
LAST = len(LEVELS) - 1


@dataclass(frozen=True, slots=True)
class Waits:
    """One severity's numbers; see the file."""

    acknowledge: tuple[timedelta, ...]
    repeat: timedelta
    close: timedelta
    any_hour: bool
    promise: timedelta


@dataclass(frozen=True, slots=True)
class Chain:
    """`away`: so long nothing done at the desk, and somebody is away from the screen. `called_off`: see the file."""

    waits: Mapping[str, Waits]
    away: timedelta
    called_off: Severity
    clock: Clock
    hours: DutyHours

    def due(self, severity: str, level: int, now: datetime, *, rostered: bool) -> datetime:
        """By when it must be acknowledged at this level, aware UTC. Nobody on the roster: counted in duty hours, unless
        the severity waits for none."""
        waits = self.waits[severity]
        return self._from(now, waits.acknowledge[level], any_hour=rostered or waits.any_hour)

    def promised(self, severity: str, now: datetime, *, rostered: bool) -> datetime:
        """By when the patient may count on a call."""
        waits = self.waits[severity]
        return self._from(now, waits.promise, any_hour=rostered or waits.any_hour)

    def awake(self, severity: str, now: datetime, *, rostered: bool) -> bool:
        """Whether people may be called up now: those on the roster always, others in duty hours unless it is an emergency."""
        return rostered or self.waits[severity].any_hour or self.hours.on_duty(self.clock.local_naive(now))

    def _from(self, now: datetime, within: timedelta, *, any_hour: bool) -> datetime:
        if any_hour:
            return now + within
        answered = self.hours.answer_by(self.clock.local_naive(now), within)
        return self.clock.to_utc(answered) if answered is not None else now + within


def read_chain(clock: Clock, hours: DutyHours, path: Path = RULES) -> Chain:
    """The file's numbers. Raises `ValueError` naming the severity that lacks one."""
    raw: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
    waits = {}
    for severity in ("emergency", "urgent", "soon"):
        one = raw["severities"].get(severity) or {}
        steps = one.get("acknowledge") or []
        if len(steps) != len(LEVELS) or min(*steps, one.get("repeat", 0), one.get("close", 0)) <= 0:
            raise ValueError(
                f"{path.name}: {severity} needs {len(LEVELS)} waits, repeat and close, in minutes"
            )
        waits[severity] = Waits(
            acknowledge=tuple(timedelta(minutes=step) for step in steps),
            repeat=timedelta(minutes=one["repeat"]),
            close=timedelta(minutes=one["close"]),
            any_hour=bool(one["any_hour"]),
            promise=timedelta(minutes=one["promise"]),
        )
    return Chain(waits, timedelta(minutes=raw["away"]), raw["called_off"], clock, hours)


_current: Chain | None = None


def install(chain: Chain) -> None:
    """Make this process's chain known. Called once by the composition root."""
    global _current
    _current = chain


def current() -> Chain:
    """The installed chain; without one (tools, tests) the shipped numbers by the machine's clock and no duty hours at all:
    then every hour counts."""
    return _current or read_chain(Clock(), DutyHours.parse(""))
