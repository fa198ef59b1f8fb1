"""The time machine: one patient, ninety days of a plan through the real code, a scratch database each run.

Baseline: the aim of two seconds. What the installation played with costs (once a process) is not counted. `python -m bench.timemachine`.
"""

from __future__ import annotations

import asyncio
from statistics import median

from bench.results import Result, keep
from care.plans import publishing
from care.plans.machine.persona import read_personas
from server.settings import load_settings
from server.timemachine.running import TimeMachine
from server.timemachine.shipped import OPENS, shipped_house

RUNS = 7
DAYS = 90
AIM = 2.0
PLAN, PATIENT = "post_discharge", "answers"


async def measure() -> list[Result]:
    """The median of some runs, after one that nobody counts."""
    async with shipped_house(load_settings()) as house:
        machine = TimeMachine(house)
        async with house.database.read("plan") as session:
            plan = await publishing.current(session, PLAN)
        assert plan is not None
        took = []
        for _ in range(RUNS + 1):
            who = read_personas([PATIENT])
            took.append((await machine.play(plan, who, anchor=OPENS.date(), days=DAYS)).seconds)
        machine.close()
    return [Result("timemachine_90_days", median(took[1:]), "s", "the aim", AIM)]


if __name__ == "__main__":
    keep(asyncio.run(measure()))
