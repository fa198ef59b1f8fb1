"""The sweep: what the record says and nobody told by an event, found by sets; and who belongs to a plan's audience by now."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from care.plans import publishing
from care.plans.definition import Plan
from care.plans.enrolling import BATCH, differing, join, joining_audience, reconcile
from care.plans.ports import Ports
from care.rows import chunks
from channels.chinatime import CHINA
from store.clock import Clock
from store.database import Database

PAGE = 50_000
"""Patients found by one look through the record."""


async def sweep(database: Database, clock: Clock, ports: Ports) -> int:
    """Every running plan against the whole record, a batch of patients a transaction; how many care plans changed. Idempotent."""
    async with database.read("plans-running") as session:
        plans = list((await publishing.running(session)).values())
    changed = 0
    for plan in plans:
        if plan.audience is not None:
            changed += await _audience(database, clock, ports, plan)
        else:
            changed += await _record(database, clock, plan)
    return changed


async def _record(database: Database, clock: Clock, plan: Plan) -> int:
    """Looked for by reading, so that nobody waits meanwhile; written for those found only."""
    now, after, changed = clock.now(), None, 0
    today = now.astimezone(CHINA).date()
    while True:
        async with database.read("plans-sweep") as session:
            found = await differing(session, plan, today, after, PAGE)
        for patients in chunks(found, BATCH):

            async def work(session: AsyncSession, patients: Sequence[UUID] = patients) -> int:
                return await reconcile(session, [plan], patients, now)

            changed += await database.transact(work, "plans-reconcile")
        if len(found) < PAGE:
            return changed
        after = found[-1]


async def _audience(database: Database, clock: Clock, ports: Ports, plan: Plan) -> int:
    now, changed = clock.now(), 0
    today = now.astimezone(CHINA).date()

    async def work(session: AsyncSession) -> int:
        members = await ports.audiences.members(session, str(plan.audience))
        if members is None:
            return 0
        joining = await joining_audience(session, plan, members, today)
        return len(await join(session, plan, joining, now))

    while found := await database.transact(work, "plans-audience"):
        changed += found
    return changed
