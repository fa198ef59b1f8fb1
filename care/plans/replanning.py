"""An edited plan reaches who is in it: a batch at a time, after `publish`; what has left stays, what has not follows the new version."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import exists, func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from care.plans import publishing
from care.plans.ahead import plan_ahead
from care.plans.definition import Plan
from care.plans.models import LIVE, CarePlan, PlanDefinition
from store import sets
from store.database import Database

BATCH = 500


async def replan(database: Database, now: datetime) -> int:
    """Bring care plans of older versions up to date, a batch of each plan in a transaction of its own; how many. A crash leaves the
    rest on their old version, and the next call goes on there."""
    async with database.read("plans-versions") as session:
        newest = select(PlanDefinition.name, func.max(PlanDefinition.version).label("version"))
        each = newest.group_by(PlanDefinition.name).subquery("each")
        mine = (CarePlan.plan == each.c.name, CarePlan.version < each.c.version, CarePlan.status.in_(LIVE))
        names = list(await session.scalars(select(each.c.name).where(exists().where(*mine))))
        behind = await publishing.standing(session, names) if names else {}
    done = 0
    for plan in behind.values():

        async def work(session: AsyncSession, plan: Plan = plan) -> int:
            return await replan_batch(session, plan, now)

        done += await database.transact(work, "plans-replan")
    return done


async def replan_batch(session: AsyncSession, plan: Plan, now: datetime) -> int:
    """One batch of one plan, in the caller's transaction; how many."""
    rows = (
        await session.execute(
            select(CarePlan.id, CarePlan.anchor_date)
            .where(CarePlan.plan == plan.name, CarePlan.version < plan.version, CarePlan.status.in_(LIVE))
            .order_by(CarePlan.id)
            .limit(BATCH)
            .with_for_update(skip_locked=True)
        )
    ).all()
    if not rows:
        return 0
    ids = [row.id for row in rows]
    await plan_ahead(session, plan, ids, now)
    by_day: dict[object, list[object]] = {}
    for row in rows:
        by_day.setdefault(row.anchor_date, []).append(row.id)
    for day, of_day in by_day.items():
        closes = day + timedelta(days=plan.closes_after_days)  # type: ignore[operator]
        await session.execute(
            update(CarePlan)
            .where(sets.among(CarePlan.id, "ids"))
            .values(version=plan.version, closes_on=closes)
            .execution_options(synchronize_session=False),
            {"ids": of_day},
        )
    return len(rows)
