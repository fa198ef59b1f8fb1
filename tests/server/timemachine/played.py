"""What is played for the goldens: each shipped plan, for whom. `python -m tests.server.timemachine.played` writes them anew."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import date
from pathlib import Path

from care.plans import publishing
from care.plans.machine.journal import Journal, as_text
from care.plans.machine.persona import read_personas
from server.settings import load_settings
from server.timemachine.running import TimeMachine
from server.timemachine.shipped import shipped_house
from store.database import Database
from tests.care.plans.shipped import NAMES

GOLDEN = Path(__file__).parent / "golden"
MONDAY = date(2026, 11, 23)
DAYS = {"pregnancy": 290, "newborn": 95, "oncology": 95}
"""How long they are played that go on after ninety days."""
USUAL = ("silent",)
BEHAVIOURS = {
    "post_discharge": ("unwell", "silent", "opts-out:10", "sms dies:20", "readmitted:15"),
    "hypertension": ("answers", "silent"),
    "diabetes": ("answers",),
    "heart": ("answers I50.900",),
    "newborn": ("answers",),
    "pregnancy": ("answers",),
}


class Stage:
    def __init__(self, machine: TimeMachine, database: Database) -> None:
        self._machine, self._database = machine, database

    async def play(self, name: str, patients: Sequence[str] = (), days: int = 0) -> Journal:
        async with self._database.read("plan") as session:
            row = await publishing.newest(session, name)
            assert row is not None
            plan = publishing.plan_of(row)
        who = read_personas(patients or BEHAVIOURS.get(name, USUAL))
        return await self._machine.play(plan, who, anchor=MONDAY, days=days or DAYS.get(name, 90))


@asynccontextmanager
async def stage() -> AsyncIterator[Stage]:
    async with shipped_house(load_settings()) as house:
        machine = TimeMachine(house)
        yield Stage(machine, house.database)
        machine.close()


async def _write() -> None:
    GOLDEN.mkdir(exist_ok=True)
    async with stage() as on:
        for name in NAMES:
            journal = await on.play(name)
            (GOLDEN / f"{name}.txt").write_text(as_text(journal), "utf-8")
            print(f"{name}: {journal.seconds:.1f} s")


if __name__ == "__main__":
    asyncio.run(_write())
