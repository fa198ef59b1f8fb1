"""The chain goes on by itself: what nobody has acknowledged in time is called to the next level, and at the last one again and
again; what was acknowledged and never closed is called up once more.

One leased row an alert: claimed in one transaction, taken a step further in another that is guarded by the lease, so that a worker
killed in between has done nothing and another comes after its lease.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import structlog
from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from care.alerts import chain, steps
from care.alerts.models import Alert, StepKind
from care.duty.service import Called, called_for, everybody, on_duty
from store import leases
from store.clock import Clock
from store.database import Database

log = structlog.get_logger(__name__)
AT_ONCE = 50
LEASE = timedelta(seconds=20)
"""Real time; a step takes milliseconds."""


class Escalator:
    """`run_once` takes every alert that is due one step further."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def run_once(self) -> int:
        """How many went on. One that fails is logged and comes again after its lease; it never stops the others."""
        now = self._clock.now()
        async with self._database.read("alerts due") as session:
            waiting = select(Alert.id).where(Alert.due_at <= now, Alert.status != "closed").limit(1)
            if await session.scalar(waiting) is None:
                return 0
        async with self._database.write("claim alerts") as session:
            token, rows = await leases.claim(
                session, Alert, now=now, limit=AT_ONCE, lease=LEASE, where=(Alert.status != "closed",)
            )
            ids = [row.id for row in rows]
        done = 0
        for alert_id in ids:
            try:
                async with self._database.write("escalate alert") as session:
                    done += await go_on(session, alert_id, token, now)
            except Exception:
                log.exception("alerts.escalation_failed", alert=str(alert_id))
        return done


async def go_on(session: AsyncSession, alert_id: UUID, token: UUID, now: datetime) -> bool:
    """One step, if the lease still holds. False: somebody acknowledged or closed it meanwhile, or the lease was lost."""
    alert = await session.get(Alert, alert_id, populate_existing=True)
    if alert is None or alert.lease_token != token:
        return False
    if alert.status == "acknowledged":
        return await _remind(session, alert, token, now)
    kind, level, called = await _next(session, alert, now)
    rules = chain.current()
    due = (
        rules.due(alert.severity, level, now, rostered=called.rostered)
        if kind is StepKind.ESCALATED
        else now + rules.waits[alert.severity].repeat
    )
    if not called.staff:
        due = rules.due(alert.severity, alert.level, now, rostered=False)
    owner = called.staff[0] if called.rostered and kind is StepKind.ESCALATED else alert.owner_id
    if not await _moved(
        session, alert, token, "open", level=level, owner_id=owner, due_at=due, escalated_at=now
    ):
        return False
    if called.staff:
        await _call(session, alert_id, kind, called, now)
    return True


async def _next(session: AsyncSession, alert: Alert, now: datetime) -> tuple[StepKind, int, Called]:
    """The next level that may be called now. At night what is no emergency goes to whom the roster names and wakes nobody
    else; beyond the last level, everybody on duty and the operators."""
    rules = chain.current()
    for level in range(alert.level + 1, len(chain.LEVELS)):
        called = await called_for(session, chain.LEVELS[level], now, alert.department_id)
        if rules.awake(alert.severity, now, rostered=called.rostered):
            return StepKind.ESCALATED, level, called
    if rules.awake(alert.severity, now, rostered=False):
        return StepKind.REPEATED, alert.level, await everybody(session, now)
    running = tuple(dict.fromkeys(one.staff_id for one in await on_duty(session, now)))
    return StepKind.REPEATED, alert.level, Called(running, "roster")


async def _remind(session: AsyncSession, alert: Alert, token: UUID, now: datetime) -> bool:
    """Its owner and the head nurse hear that it is still open."""
    head = await called_for(session, chain.LEVELS[1], now, alert.department_id)
    heads = head.staff if head.rostered else ()
    owner = (alert.owner_id,) if alert.owner_id else ()
    called = Called(tuple(dict.fromkeys([*owner, *heads])), head.how)
    due = now + chain.current().waits[alert.severity].close
    if not await _moved(session, alert, token, "acknowledged", due_at=due):
        return False
    await _call(session, alert.id, StepKind.REMINDED, called, now)
    return True


async def _call(session: AsyncSession, alert_id: UUID, kind: StepKind, called: Called, now: datetime) -> None:
    row = await session.get_one(Alert, alert_id, populate_existing=True)
    step = await steps.add(session, row, kind, now, called=called)
    await steps.call_up(session, row, step, called, now, all_of_them=True)


async def _moved(session: AsyncSession, alert: Alert, token: UUID, was: str, **values: Any) -> bool:
    changed = await session.execute(
        update(Alert)
        .where(Alert.id == alert.id, Alert.lease_token == token, Alert.status == was)
        .values(lease_token=None, lease_until=None, **values)
        .returning(Alert.id)
        .execution_options(synchronize_session=False)
    )
    return changed.first() is not None
