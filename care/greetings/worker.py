"""Greets on its day, and asks the weather source every half hour by day."""

from __future__ import annotations

from collections.abc import Collection
from datetime import time

import structlog

from care.greetings import rules, service
from care.greetings.weather import Weather, WeatherError
from store.clock import Clock
from store.database import Database
from store.rounds import rounds

log = structlog.get_logger(__name__)
EVERY = 1800.0
HOURS = (time(8, 30), time(18))
"""When rounds begin, local; the gate has hours of its own."""


class GreetingWorker:
    """`wanted`: what is switched on (`rules.names`); `weather` None: no source."""

    def __init__(
        self, database: Database, clock: Clock, wanted: Collection[str], weather: Weather | None
    ) -> None:
        self._database, self._clock, self._wanted, self._weather = database, clock, wanted, weather

    async def run(self) -> None:
        await rounds("greetings.failed", EVERY, self.once)

    async def once(self) -> int:
        """How many messages were queued."""
        now, local = self._clock.now(), self._clock.local()
        if not HOURS[0] <= local.time() < HOURS[1]:
            return 0
        due = rules.of_day(local.date(), self._wanted)
        if self._weather is not None:
            try:
                warned = await self._weather.warnings()
            except WeatherError as error:
                log.warning("weather.unanswered", why=str(error))
                warned = []
            found = [rules.warning(one.id, one.kind, one.region, one.level) for one in warned]
            due += [one for one in found if one is not None]
        return sum([await service.carry_out(self._database, one, now) for one in due])
