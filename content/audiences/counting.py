"""Counts that may take longer than a request should: begun once, asked after until they are there."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import orjson

from care.patients.models import Patient
from content.audiences import service
from content.audiences.day import Day
from content.audiences.rules import Group, dump
from store.clock import Clock
from store.database import Database
from web.aside import Aside

KEPT = 30.0
"""Seconds a count is shown again for the same rule, and after which one nobody asks for is given up."""
AT_ONCE = 2


@dataclass(frozen=True, slots=True)
class Counted:
    """`of`: patients in care. `sample`: some of them, as stored. `took`: seconds."""

    count: int
    of: int
    sample: Sequence[Patient]
    took: float


class Counter:
    """Counts for the pages of one process, `AT_ONCE` at a time."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database, self._clock = database, clock
        self._aside = Aside[Counted](KEPT, AT_ONCE)
        self.run = self._aside.run

    async def ask(self, rule: Group, patience: float) -> Counted | float:
        """The count, or after `patience` seconds the seconds it has run so far. Raises what the count raised."""
        day = Day.of(self._clock)
        key = hashlib.sha256(orjson.dumps([dump(rule), day.today.isoformat()])).hexdigest()
        return await self._aside.ask(key, partial(self._count, rule, day, key), patience)

    async def _count(self, rule: Group, day: Day, key: str) -> Counted:
        begun = time.monotonic()
        async with self._database.read("audience count") as session:
            count = await service.count(session, rule, day)
            of = await service.in_care(session)
            sample = await service.sample(session, rule, day, seed=key, share=count / max(1, of))
        return Counted(count, of, sample, time.monotonic() - begun)
