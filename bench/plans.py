"""Care plans: how fast touches are planned, and what a tick costs the more patients there are while the same number is due.

Planning is the sweep as it runs in the house (it looks for who differs, checks consent, writes care plans, touches and events); beside it
one bare `INSERT … SELECT` of the very same touches, which knows everything beforehand. The tick hands `DUE` messages over, whoever else
is in three plans; counted are its seconds, its statements and, on PostgreSQL, the rows and the pages (8 KB) it read by the server's own
count. `python -m bench.plans 1000000`: PostgreSQL so far, SQLite to a tenth of it.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import event, func, select, text, update

from actions.plans.ways import PlanWays
from actions.services import Services
from bench.booking_rows import hospital
from bench.callback import postgres
from bench.outbox import keys
from bench.plans_rows import Rows, id_of
from bench.results import Result, keep
from care.desk.hours import DutyHours
from care.hospital.gazetteer import GazetteerCache
from care.patients.models import Patient, PatientContact
from care.plans import publishing
from care.plans.definition import Plan, read_plan
from care.plans.models import CarePlan, Touch
from care.plans.ports import Ports
from care.plans.sweep import sweep
from care.plans.tick import Ticked, tick
from channels.contacts import service as contacts
from channels.outbox.models import OutboundMessage
from server import migrate
from store.clock import VirtualClock
from store.database import Database

NOW = datetime(2026, 11, 24, 2, 0, tzinfo=UTC)
SIZES = (10_000, 100_000, 1_000_000)
SMALLER = 10
"""SQLite, the small installation's database, is measured to a tenth of the patients."""
PLANNED = 20_000
"""Patients of the planning rate: three plans of `STEPS` steps each."""
STEPS, FEW = 8, 1
DUE = 500
NAMES = ("discharge", "surgery", "diagnosis")
_READ = text(
    "SELECT (SELECT sum(coalesce(seq_tup_read, 0) + coalesce(idx_tup_fetch, 0)) FROM pg_stat_user_tables), (SELECT"
    " sum(coalesce(heap_blks_hit, 0) + coalesce(heap_blks_read, 0) + coalesce(idx_blks_hit, 0) + coalesce(idx_blks_read, 0))"
    " FROM pg_statio_user_tables)"
)


def plan_of(anchor: str, steps: int) -> Plan:
    """`steps` messages, a fortnight apart; the first in two months."""
    return read_plan(
        {
            "name": anchor,
            "title": anchor,
            "anchor": anchor,
            "closes_after_days": 200,
            "source": "bench",
            "signed_by": "bench",
            "steps": [
                {
                    "id": f"s{n}",
                    "kind": "message",
                    "title": "x",
                    "days": 60 + 14 * n,
                    "at": "10:00",
                    "workday": "next",
                    "content": {"text": "x"},
                }
                for n in range(steps)
            ],
        }
    )


async def publish(database: Database, steps: int) -> int:
    """The three plans in a form with so many steps; the version."""
    async with database.write("bench-plans") as session:
        rows = [await publishing.publish(session, plan_of(one, steps), None, NOW) for one in NAMES]
        return rows[0].version


class Town:
    """Patients one after the other; everybody has a stay, an operation and a diagnosis."""

    def __init__(self, url: str) -> None:
        self.database, self.engine = Database(url), migrate.sync_engine(url)
        self.clock = VirtualClock()
        self.clock.freeze(NOW)
        services = Services(
            database=self.database, clock=self.clock, faq=None, articles=None, gazetteer=GazetteerCache(),  # type: ignore[arg-type]
            duty_hours=DutyHours.parse("Mon-Fri 08:00-17:30"), codes=None, hospital_name="x", landline="0", site="http://x",  # type: ignore[arg-type]
        )  # fmt: skip
        self.ports = Ports(PlanWays(services, "sms"))
        self.people = 0
        self.rows: Rows

    async def begin(self) -> None:
        self.rows = Rows(self.engine, (await hospital(self.database, 1))[0])

    async def grow(self, count: int) -> None:
        """Up to `count` patients."""
        await asyncio.to_thread(self.rows.patients, self.people + 1, count)
        self.people = count

    async def contacts(self) -> None:
        """Those whose touches will be due can be written to."""
        async with self.database.write("bench-contacts") as session:
            for number in range(1, 2 * DUE + 1):
                patient = await session.get_one(Patient, id_of(number))
                patient.name = "x"
                contact, _ = await contacts.ensure(session, "wechat", "wx", f"o{number}", NOW)
                link = PatientContact(
                    patient_id=patient.id, contact_id=contact.id, relation="self", confirmed_at=NOW
                )
                session.add(link)

    async def ticked(self, plan: str, first: int = 1) -> tuple[Spent, Spent]:
        """A tick with `DUE` touches of one plan due, from the `first` patient on, and one with nothing to do."""
        now = self.clock.now()
        last = first + DUE - 1
        mine = select(CarePlan.id).where(
            CarePlan.plan == plan, CarePlan.patient_id.between(id_of(first), id_of(last))
        )
        async with self.database.write("bench-due") as session:
            await session.execute(
                update(Touch).where(Touch.care_plan_id.in_(mine)).values(due_at=now, planned_for=now)
            )
        done, spent = await self._tick()
        if done.touches != DUE:
            raise AssertionError(f"{done.touches} touches decided instead of {DUE}")
        await self._accept(now)
        done, _ = await self._tick()
        if done.settled != DUE:
            raise AssertionError(f"{done.settled} touches settled instead of {DUE}")
        await self._tick()  # which reads that these plans are over
        done, idle = await self._tick()
        if done.any:
            raise AssertionError(f"something was to do: {done}")
        return spent, idle

    async def _tick(self) -> tuple[Ticked, Spent]:
        spent = Spent()
        before = await self._read()
        with counting(self.database, spent):
            begun = time.perf_counter()
            done = await tick(self.database, self.clock, self.ports)
            spent.seconds = time.perf_counter() - begun
        rows, pages = await self._read()
        spent.rows, spent.pages = rows - before[0], pages - before[1]
        return done, spent

    async def _read(self) -> tuple[int, int]:
        """Rows and pages read so far; a connection tells the server when it ends."""
        if self.database.is_sqlite:
            return 0, 0
        await self.database.writer.dispose()
        await asyncio.sleep(0.5)
        with self.engine.begin() as rows:
            rows_read, pages = rows.execute(_READ).one()
            return int(rows_read), int(pages)

    async def _accept(self, now: datetime) -> None:
        async with self.database.write("bench-sent") as session:
            values = {"status": "accepted", "finished_at": now, "due_at": None}
            await session.execute(update(OutboundMessage).values(values))

    async def close(self) -> None:
        await self.database.close()
        self.engine.dispose()


class Spent:
    """Of a tick."""

    seconds = 0.0
    statements = rows = pages = 0


@contextmanager
def counting(database: Database, spent: Spent) -> Iterator[None]:
    """Statements of every connection of `database`."""
    engines = {one.sync_engine for one in (database.writer, database.reader, database._short)}

    def count(*_: Any) -> None:
        spent.statements += 1

    for engine in engines:
        event.listen(engine, "before_cursor_execute", count)
    try:
        yield
    finally:
        for engine in engines:
            event.remove(engine, "before_cursor_execute", count)


async def planning(town: Town) -> list[Result]:
    """Touches planned a second by the sweep, beside the bare insert of the same rows."""
    await publish(town.database, STEPS)
    begun = time.perf_counter()
    made = await sweep(town.database, town.clock, town.ports)
    took = time.perf_counter() - begun
    async with town.database.read("bench-count") as session:
        touches = await session.scalar(select(func.count()).select_from(Touch)) or 0
    if made != town.people * len(NAMES) or touches != made * STEPS:
        raise AssertionError(f"{made} care plans, {touches} touches")
    town.rows.run("CREATE TABLE kept AS SELECT * FROM plan_touch")
    town.rows.run("TRUNCATE plan_touch")
    begun = time.perf_counter()
    town.rows.run("INSERT INTO plan_touch SELECT * FROM kept")
    bare = time.perf_counter() - begun
    town.rows.run("DROP TABLE kept")
    again = time.perf_counter()
    if await sweep(town.database, town.clock, town.ports):
        raise AssertionError("a second sweep found something")
    idle = time.perf_counter() - again
    against = f"the same {touches:,} rows by one bare INSERT … SELECT"
    town.rows.run("TRUNCATE care_plan CASCADE")
    return [
        Result("plans_planned", touches / took, "touches/s", against, touches / bare),
        Result("plans_sweep_nothing_new", idle, "s", f"the first sweep of {town.people:,} patients", took),
    ]


async def ticking(town: Town, most: int, kind: str) -> list[Result]:
    """The same number due among ever more patients."""
    version, results, before, base = await publish(town.database, FEW), [], 0, None
    for name, size in zip(NAMES, [one for one in SIZES if one <= most], strict=False):
        if size > town.people:
            await town.grow(size)
        await asyncio.to_thread(town.rows.in_plans, NAMES, version, before + 1, size)
        if base is None:
            await town.contacts()
            await town.ticked(name, DUE + 1)  # the first tick of a process puts its statements together
        spent = await town.ticked(name)
        base, before = base or spent, size
        label = f"{size // 1000}k_{kind}"
        for what, one, least in (("tick", spent[0], base[0]), ("idle_tick", spent[1], base[1])):
            against = f"{DUE if what == 'tick' else 0} due among {SIZES[0]:,} patients"
            measures = [
                Result(f"plans_{what}_{label}", one.seconds, "s", against, least.seconds),
                Result(
                    f"plans_{what}_statements_{label}",
                    one.statements,
                    "statements",
                    against,
                    least.statements,
                ),
                Result(f"plans_{what}_rows_{label}", one.rows, "rows read", against, least.rows),
                Result(f"plans_{what}_pages_{label}", one.pages, "pages read", against, least.pages),
            ]
            results += [one for one in measures if kind == "postgresql" or one.unit in ("s", "statements")]
        town.clock.advance(timedelta(days=8))
    return results


async def measure_on(url: str, most: int, kind: str) -> list[Result]:
    await asyncio.to_thread(migrate.upgrade, url)
    town, results = Town(url), []
    try:
        await town.begin()
        if kind == "postgresql":
            await town.grow(min(PLANNED, most))
            results = await planning(town)
        return results + await ticking(town, most, kind)
    finally:
        await town.close()


async def measure(most: int) -> list[Result]:
    keys()
    with tempfile.TemporaryDirectory(prefix="banyi-bench-plans-") as folder:
        url = f"sqlite+aiosqlite:///{Path(folder) / 'plans.db'}"
        results = await measure_on(url, max(SIZES[0], most // SMALLER), "sqlite")
    with postgres() as (url, _):
        return results + await measure_on(url, most, "postgresql")


if __name__ == "__main__":
    keep(asyncio.run(measure(int(sys.argv[1]) if len(sys.argv) > 1 else SIZES[-1])))
