"""Thompson sampling: which text is read, learned while it is sent (Thompson 1933; Chapelle and Li 2011).

For each arm there is a Beta(1 + successes, 1 + trials − successes). The next recipients are shared out by how often each arm is the
best of draws from these; no arm falls below `LEAST`, so that a slow start is not the end of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from random import Random

from sqlalchemy.ext.asyncio import AsyncSession

from content.campaigns.models import Campaign

DRAWS = 2_000
LEAST = 0.05


def shares(arms: Sequence[tuple[int, int]], seed: str) -> list[float]:
    """What part of the next recipients each arm gets, by its (trials, successes); the same for the same seed."""
    chance = Random(seed)
    wins = [0] * len(arms)
    for _ in range(DRAWS):
        drawn = [chance.betavariate(1 + good, 1 + max(0, tried - good)) for tried, good in arms]
        wins[drawn.index(max(drawn))] += 1
    floor = min(LEAST, 1 / len(arms))
    free = 1 - floor * len(arms)
    return [floor + free * won / DRAWS for won in wins]


async def learn(session: AsyncSession, row: Campaign, now: datetime) -> None:
    """Count anew what came of the arms and share out accordingly."""
