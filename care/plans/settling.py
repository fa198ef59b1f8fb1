"""What became of touches that left: the outbox's and the gate's own reasons are written back; a plan with nothing left to do is over."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import case, func, select, text, update
from sqlalchemy.ext.asyncio import AsyncSession

from care.plans import publishing, stopping
from care.plans.models import AHEAD, IS_LIVE, ON_ITS_WAY, CarePlan, PlanStatus, Touch, TouchStatus
from care.questionnaires.models import QuestionnaireResponse
from channels.chinatime import CHINA
from channels.outbox.models import OutboundMessage
from store import sets
from store.database import Database

BATCH = 500
DONE, CLOSED = "all_done", "closed"
_FIRST: Any = OutboundMessage.__table__.alias("first_message")
_ON: Any = OutboundMessage.__table__.alias("went_on")
_MINE = ON_ITS_WAY.replace("status", "plan_touch.status").replace("kind", "plan_touch.kind")
_STATUS = func.coalesce(_ON.c.status, _FIRST.c.status)
_OVER = ("accepted", "delivered", "uncertain", "suppressed", "failed")


async def settle(database: Database, now: datetime) -> int:
    """One batch of messages that have left or been refused; how many touches changed."""

    async def work(session: AsyncSession) -> int:
        return await settle_batch(session, now)

    async with database.read("plans-settle-peek") as session:
        if (await session.execute(_moved().limit(1))).first() is None:
            return 0
    return await database.transact(work, "plans-settle")


async def settle_batch(session: AsyncSession, now: datetime) -> int:
    """The same in the caller's transaction. A message that went on from WeChat to a phone counts as the one that went on."""
    rows = (await session.execute(_moved().limit(BATCH))).all()
    for became in {(row.becomes, row.reason) for row in rows}:
        status, reason = became
        ids = [row.id for row in rows if (row.becomes, row.reason) == became]
        await session.execute(
            update(Touch)
            .where(sets.among(Touch.id, "ids"), Touch.status == TouchStatus.SENT)
            .values(status=status, reason=reason[:60] if reason else None)
            .execution_options(synchronize_session=False),
            {"ids": ids},
        )
    await complete(session, {row.care_plan_id for row in rows}, now)
    return len(rows)


def _moved() -> Any:
    gone = _STATUS.in_(("suppressed", "failed"))
    reason = func.coalesce(_ON.c.reason, _FIRST.c.reason)
    return (
        select(
            Touch.id,
            Touch.care_plan_id,
            case((gone, TouchStatus.SKIPPED.value), else_=TouchStatus.DONE.value).label("becomes"),
            case((gone, func.coalesce(reason, "failed")), (_STATUS == "uncertain", "uncertain")).label(
                "reason"
            ),
        )
        .join(_FIRST, _FIRST.c.dedup_key == Touch.outbound_key)
        .outerjoin(_ON, _ON.c.continues == _FIRST.c.id)
        .where(text(_MINE), _STATUS.in_(_OVER))
        .order_by(Touch.sent_at)
    )


async def responses_over(session: AsyncSession, response_ids: Sequence[UUID], now: datetime) -> None:
    """Questionnaires that ended unanswered: the touch is done, and keeps why: expired, left, or what the gate said to all of it."""
    rows = (
        await session.execute(
            select(Touch.id, Touch.care_plan_id, QuestionnaireResponse.id, QuestionnaireResponse.reason)
            .join(QuestionnaireResponse, QuestionnaireResponse.key == Touch.outbound_key)
            .where(sets.among(QuestionnaireResponse.id, "ids"), Touch.status == TouchStatus.SENT),
            {"ids": list(response_ids)},
        )
    ).all()
    for touch_id, _, response_id, reason in rows:
        refused = await _refused_by_gate(session, response_id)
        status = TouchStatus.SKIPPED if refused else TouchStatus.DONE
        await session.execute(
            update(Touch)
            .where(Touch.id == touch_id)
            .values(status=status, reason=(refused or reason or "")[:60])
            .execution_options(synchronize_session=False)
        )
    await complete(session, {row.care_plan_id for row in rows}, now)


async def _refused_by_gate(session: AsyncSession, response_id: UUID) -> str | None:
    """The last refusal, if none of the invitations ever left."""
    said = (
        await session.execute(
            select(OutboundMessage.status, OutboundMessage.reason)
            .where(OutboundMessage.dedup_key.startswith(f"questionnaire:{response_id}:"))
            .order_by(OutboundMessage.created_at.desc())
        )
    ).all()
    if not said or any(row.status not in ("suppressed", "failed") for row in said):
        return None
    return said[0].reason or "failed"


async def calls_over(session: AsyncSession, outcomes: Mapping[UUID, str], now: datetime) -> None:
    """Calls that were made: by touch, how they ended."""
    care_plans: set[UUID] = set()
    for touch_id, outcome in outcomes.items():
        status = TouchStatus.ANSWERED if outcome == "connected" else TouchStatus.DONE
        found = await session.scalars(
            update(Touch)
            .where(Touch.id == touch_id, Touch.status == TouchStatus.SENT)
            .values(status=status, reason=outcome[:60])
            .returning(Touch.care_plan_id)
            .execution_options(synchronize_session=False)
        )
        care_plans |= set(found)
    await complete(session, care_plans, now)


async def complete(session: AsyncSession, care_plan_ids: Collection[UUID], now: datetime) -> list[UUID]:
    """Those of them that have nothing ahead and nothing on its way are over. One with a step that has no day yet is not."""
    if not care_plan_ids:
        return []
    is_open = case((Touch.status.in_((*AHEAD, TouchStatus.SENT)), 1), else_=0)
    rows = (
        await session.execute(
            select(CarePlan.id, CarePlan.plan, func.count())
            .join(Touch, Touch.care_plan_id == CarePlan.id)
            .where(sets.among(CarePlan.id, "ids"), CarePlan.status == PlanStatus.ACTIVE)
            .group_by(CarePlan.id, CarePlan.plan)
            .having(func.sum(is_open) == 0),
            {"ids": sorted(care_plan_ids)},
        )
    ).all()
    plans = await publishing.standing(session, {row.plan for row in rows}) if rows else {}
    over = [one for one, name, touches in rows if touches >= len(plans[name].steps)]
    if not over:
        return []
    which = CarePlan.id.in_(over)
    return await stopping.end(session, which, DONE, now, status=PlanStatus.COMPLETED, recall=False)


async def close(database: Database, now: datetime) -> int:
    """A batch of plans whose last day is over; how many."""
    today = now.astimezone(CHINA).date()
    over = select(CarePlan.id).where(CarePlan.closes_on < today, text(IS_LIVE)).limit(BATCH)

    async def work(session: AsyncSession) -> int:
        ids = list(await session.scalars(over))
        which = CarePlan.id.in_(ids)
        return len(await stopping.end(session, which, CLOSED, now, status=PlanStatus.COMPLETED, recall=False))

    async with database.read("plans-closing") as session:
        if await session.scalar(over.limit(1)) is None:
            return 0
    return await database.transact(work, "plans-close")
