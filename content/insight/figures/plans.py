"""Care plans: who is in them and what became of their touches."""

from __future__ import annotations

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from care.plans.models import CarePlan, PlanDefinition, Touch
from content.insight.figures.rows import PlanRow, TouchRow
from content.insight.period import Period


async def plans(session: AsyncSession, period: Period) -> list[PlanRow]:
    """Begun in the period, by plan and the state they have now."""
    titles = await _titles(session)
    rows = await session.execute(
        select(CarePlan.plan, CarePlan.status, func.count())
        .where(period.holds(CarePlan.started_at))
        .group_by(CarePlan.plan, CarePlan.status)
        .order_by(CarePlan.plan, CarePlan.status)
    )
    return [PlanRow(titles.get(plan, plan), status, number) for plan, status, number in rows]


async def touches(session: AsyncSession, period: Period) -> list[TouchRow]:
    """Planned for a time in the period, by plan, kind and state."""
    titles = await _titles(session)
    rows = await session.execute(
        select(CarePlan.plan, Touch.kind, Touch.status, func.count())
        .join(CarePlan, CarePlan.id == Touch.care_plan_id)
        .where(period.holds(Touch.planned_for))
        .group_by(CarePlan.plan, Touch.kind, Touch.status)
        .order_by(CarePlan.plan, Touch.kind, Touch.status)
    )
    return [TouchRow(titles.get(plan, plan), kind, status, number) for plan, kind, status, number in rows]


async def _titles(session: AsyncSession) -> dict[str, str]:
    """As each plan is called now."""
    rows = await session.execute(
        select(PlanDefinition.name, PlanDefinition.title).order_by(
            PlanDefinition.version, PlanDefinition.revision
        )
    )
    return dict(rows.tuples().all())
