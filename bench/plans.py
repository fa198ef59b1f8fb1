"""Care plans on PostgreSQL: how fast touches are planned, and what a tick costs the more patients there are while the same number is due.

Planning is the sweep as it runs in the house (it looks for who differs, checks consent, writes care plans, touches and events); beside it
one bare `INSERT … SELECT` of the very same touches, which knows everything beforehand. The tick hands `DUE` messages over, whoever else
is in a plan. `python -m bench.plans 1000000`.
"""

from __future__ import annotations

import asyncio
import sys
import time
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import asyncpg
from sqlalchemy import func, select, update

from actions.plans.ways import PlanWays
from actions.services import Services
from bench.callback import postgres
from bench.outbox import keys
from bench.results import Result, keep
from care.desk.hours import DutyHours
from care.hospital.gazetteer import GazetteerCache
from care.patients.models import Patient, PatientContact
from care.plans import publishing
from care.plans.definition import Plan, read_plan
from care.plans.following import follow
from care.plans.models import CarePlan, Touch
from care.plans.ports import Ports
from care.plans.sweep import sweep
from care.plans.tick import tick
from channels.contacts import service as contacts
from server import migrate
from store.clock import VirtualClock
from store.database import Database
from store.ids import new_id

NOW = datetime(2026, 11, 24, 2, 0, tzinfo=UTC)
SIZES = (10_000, 100_000, 1_000_000)
PLANNED = 20_000
"""Patients of the planning rate: three plans of `STEPS` steps each."""
STEPS, FEW = 8, 1
DUE = 500
FILL = (
    "INSERT INTO healthcare_service (id, code, name, standard, aliases, kind, location_id, room, place, phone_ext, sensitive, intro,"
    " position, active) SELECT '{ward}', 'w', '普通外科', '普通外科', '[]', 'clinic', id, '', 'p', '', false, '', 0, true"
    " FROM location LIMIT 1",
)
PATIENTS = (
    "INSERT INTO patient (id, record_number_sealed, record_number_hash, name_sealed, name_hash, sex, status, confidential, created_at)"
    " SELECT ('00000000-0000-7000-8000-' || lpad(to_hex(n), 12, '0'))::uuid, ''::bytea, 'r' || n, ''::bytea, 'n' || n, 'female',"
    " 'active', false, now() FROM generate_series($1::int, $2::int) n"
)
STAYS = (
    "INSERT INTO encounter (id, patient_id, kind, department_id, start_date, end_date) SELECT gen_random_uuid(), id, 'inpatient', '{ward}',"
    " date '2026-11-10', date '2026-11-15' + (('x' || right(id::text, 4))::bit(16)::int % 9) FROM patient WHERE record_number_hash"
    " = ANY (SELECT 'r' || n FROM generate_series($1::int, $2::int) n)"
)
OPERATIONS = (
    "INSERT INTO procedure (id, patient_id, code, display, status, performed_date) SELECT gen_random_uuid(), patient_id, '51.23', 'x',"
    " 'completed', end_date - 2 FROM encounter WHERE patient_id IN (SELECT id FROM patient WHERE record_number_hash"
    " = ANY (SELECT 'r' || n FROM generate_series($1::int, $2::int) n))"
)
DIAGNOSES = (
    "INSERT INTO condition (id, patient_id, code, display, recorded_date) SELECT gen_random_uuid(), patient_id, 'K80.1', 'x', end_date - 3"
    " FROM encounter WHERE patient_id IN (SELECT id FROM patient WHERE record_number_hash"
    " = ANY (SELECT 'r' || n FROM generate_series($1::int, $2::int) n))"
)
BARE_PLANS = (
    "INSERT INTO care_plan (id, patient_id, plan, version, key, anchor_date, anchors, status, source, started_at, closes_on)"
    " SELECT gen_random_uuid(), patient_id, '{plan}', {version}, '{plan}:' || patient_id, end_date, '{{}}', 'active', 'event', now(),"
    " end_date + 200 FROM encounter WHERE patient_id >= $1 AND patient_id <= $2"
)
BARE_TOUCHES = (
    "INSERT INTO plan_touch (id, care_plan_id, patient_id, step, version, kind, priority, planned_for, due_at, status, attempts, pinned)"
    " SELECT gen_random_uuid(), id, patient_id, 's0', {version}, 'message', 5, anchor_date + interval '60 days', anchor_date"
    " + interval '60 days', 'planned', 0, false FROM care_plan WHERE plan = '{plan}' AND patient_id >= $1 AND patient_id <= $2"
)
NAMES = ("discharge", "surgery", "diagnosis")


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


def id_of(number: int) -> str:
    return f"00000000-0000-7000-8000-{number:012x}"


class Town:
    """Patients one after the other; everybody has a stay, an operation and a diagnosis."""

    def __init__(self, url: str, connection: Any) -> None:
        self.database, self.bare, self.ward = Database(url), connection, str(new_id())
        self.clock = VirtualClock()
        self.clock.freeze(NOW)
        services = Services(
            database=self.database, clock=self.clock, faq=None, articles=None, gazetteer=GazetteerCache(),  # type: ignore[arg-type]
            duty_hours=DutyHours.parse("Mon-Fri 08:00-17:30"), codes=None, hospital_name="x", landline="0", site="http://x",  # type: ignore[arg-type]
        )  # fmt: skip
        self.ports = Ports(PlanWays(services, "sms"))
        self.people = 0

    async def begin(self) -> None:
        await self.bare.execute(
            f"INSERT INTO location (id, campus, building, floor, area, place) VALUES ('{new_id()}', '', 'b', 1, '', 'p')"
        )
        await self.bare.execute(FILL[0].format(ward=self.ward))

    async def grow(self, count: int, *, facts: bool = True) -> None:
        """Up to `count` patients."""
        span = (self.people + 1, count)
        await self.bare.execute(PATIENTS, *span)
        await self.bare.execute(STAYS.format(ward=self.ward), *span)
        if facts:
            await self.bare.execute(OPERATIONS, *span)
            await self.bare.execute(DIAGNOSES, *span)
        await self.bare.execute("ANALYZE")
        self.people = count

    async def fill(self, first: int, last: int, version: int) -> None:
        """Care plans and touches of these patients, by hand: what the ticks go past."""
        for name in NAMES:
            for statement in (BARE_PLANS, BARE_TOUCHES):
                await self.bare.execute(
                    statement.format(plan=name, version=version), id_of(first), id_of(last), timeout=280
                )
        await self.bare.execute("ANALYZE plan_touch")
        await self.bare.execute("ANALYZE care_plan")

    async def contacts(self) -> None:
        """Those whose touches will be due can be written to."""
        async with self.database.write("bench-contacts") as session:
            for number in range(1, DUE + 1):
                patient = await session.get_one(Patient, UUID(id_of(number)))
                patient.name = "x"
                contact, _ = await contacts.ensure(session, "wechat", "wx", f"o{number}", NOW)
                link = PatientContact(
                    patient_id=patient.id, contact_id=contact.id, relation="self", confirmed_at=NOW
                )
                session.add(link)

    async def ticked(self, plan: str) -> tuple[float, float]:
        """Seconds of a tick with `DUE` touches due, all of one plan, and of one with nothing to do."""
        now = self.clock.now()
        mine = select(CarePlan.id).where(CarePlan.plan == plan, CarePlan.patient_id <= UUID(id_of(DUE)))
        async with self.database.write("bench-due") as session:
            await session.execute(
                update(Touch).where(Touch.care_plan_id.in_(mine)).values(due_at=now, planned_for=now)
            )
        while await follow(self.database, now):
            pass  # what happened before is read
        begun = time.perf_counter()
        done = await tick(self.database, self.clock, self.ports)
        took = time.perf_counter() - begun
        if done.touches != DUE:
            raise AssertionError(f"{done.touches} touches decided instead of {DUE}")
        begun = time.perf_counter()
        await tick(self.database, self.clock, self.ports)
        idle = time.perf_counter() - begun
        await self.bare.execute(
            "UPDATE outbound_message SET status = 'accepted', finished_at = $1, due_at = NULL", now
        )
        return took, idle


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
    await town.bare.execute("CREATE TABLE kept AS SELECT * FROM plan_touch")
    await town.bare.execute("TRUNCATE plan_touch")
    begun = time.perf_counter()
    await town.bare.execute("INSERT INTO plan_touch SELECT * FROM kept", timeout=280)
    bare = time.perf_counter() - begun
    await town.bare.execute("DROP TABLE kept")
    again = time.perf_counter()
    if await sweep(town.database, town.clock, town.ports):
        raise AssertionError("a second sweep found something")
    idle = time.perf_counter() - again
    against = f"the same {touches:,} rows by one bare INSERT … SELECT"
    return [
        Result("plans_planned", touches / took, "touches/s", against, touches / bare),
        Result("plans_sweep_nothing_new", idle, "s", f"the first sweep of {town.people:,} patients", took),
    ]


async def measure(most: int) -> list[Result]:
    """The planning rate, then the same number due among ever more patients."""
    keys()
    with postgres() as (url, _):
        await asyncio.to_thread(migrate.upgrade, url)
        bare: Any = await asyncpg.connect(url.replace("+asyncpg", ""))
        town = Town(url, bare)
        try:
            await town.begin()
            await town.grow(min(PLANNED, most))
            results = await planning(town)
            await bare.execute("TRUNCATE care_plan CASCADE")
            version = await publish(town.database, FEW)
            await town.contacts()
            base: tuple[float, float] | None = None
            for name, size in zip(NAMES, (one for one in SIZES if one <= most), strict=False):
                if size > town.people:
                    await town.grow(size, facts=False)
                await town.fill(SIZES[SIZES.index(size) - 1] + 1 if base else 1, size, version)
                spent = await town.ticked(name)
                base = base or spent
                label = f"{size // 1000}k"
                results.append(
                    Result(f"plans_tick_{label}", spent[0], "s", f"{DUE} due among 10,000 patients", base[0])
                )
                results.append(
                    Result(f"plans_idle_tick_{label}", spent[1], "s", "among 10,000 patients", base[1])
                )
                town.clock.advance(timedelta(days=8))
            return results
        finally:
            await bare.close()
            await town.database.close()


if __name__ == "__main__":
    keep(asyncio.run(measure(int(sys.argv[1]) if len(sys.argv) > 1 else SIZES[-1])))
