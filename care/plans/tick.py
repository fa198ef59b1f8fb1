"""The tick: what happened is read, edited plans reach their patients, and what is due leaves. It looks at nothing that is not due.

A touch is a leased row. The claim only says whose touches are due; a patient's are then decided together, the most important first, in a
transaction that holds their rows: whoever comes second finds them gone. What a touch becomes (message, response, call) is
written in that transaction under the touch's own key, so that a process that dies leaves either both or neither.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, time, timedelta
from uuid import UUID

import structlog
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from care.patients.models import Patient, PatientStatus
from care.plans import burden, conditions, publishing, settling, stopping
from care.plans.ahead import plan_ahead
from care.plans.burden import Load
from care.plans.definition import Plan, Step
from care.plans.following import follow
from care.plans.models import AHEAD, CarePlan, PlanStatus, Touch, TouchStatus
from care.plans.planning import LATE, at_time, missed_days
from care.plans.ports import Left, Never, NotNow, Outcome, Ports, Ways
from care.plans.replanning import replan
from care.rows import chunks
from channels.chinatime import CHINA
from store import leases, sets
from store.clock import Clock
from store.database import Database

log = structlog.get_logger(__name__)

BATCH = 200
TOGETHER, AT_ONCE = 50, 4
"""Patients decided in one transaction, in the order of their ids, and transactions side by side."""
TRIES = 3
BURDEN, BURDEN_OVER, CONDITION, MERGED, REPLANNED, NO_PLAN = (
    "burden_wait", "burden", "condition", "merged", "replanned", "no_plan",
)  # fmt: skip
SAME = {
    "article": "slug",
    "questionnaire": "name",
    "offer": "department",
    "message": "text",
    "reminder": "text",
}
"""By what two steps of one day are the same to the patient."""


@dataclass(slots=True)
class Ticked:
    """What one tick did. `touches`: how many were decided."""

    events: int = 0
    replanned: int = 0
    closed: int = 0
    touches: int = 0
    settled: int = 0

    @property
    def any(self) -> int:
        return self.events + self.replanned + self.closed + self.touches + self.settled


async def tick(database: Database, clock: Clock, ports: Ports) -> Ticked:
    """Everything that is to be done now. May run in any number of processes at once."""
    done = Ticked()
    while found := await follow(database, clock):
        done.events += found
    while found := await replan(database, clock.now()):
        done.replanned += found
    while found := await close(database, clock.now()):
        done.closed += found
    while found := await send_due(database, clock, ports):
        done.touches += found
    while found := await settling.settle(database, clock.now()):
        done.settled += found
    return done


async def close(database: Database, now: datetime) -> int:
    return await settling.close(database, now)


async def send_due(database: Database, clock: Clock, ports: Ports) -> int:
    """One claim and what comes of it; how many touches were claimed."""
    now = clock.now()

    async def claimed(session: AsyncSession) -> tuple[UUID, list[UUID], int]:
        token, rows = await leases.claim(
            session,
            Touch,
            now=now,
            limit=BATCH,
            where=_AHEAD,
            order_by=_ORDER,
            values={"status": TouchStatus.SENDING.value},
        )
        return token, list(dict.fromkeys(row.patient_id for row in rows)), len(rows)

    async with database.read("plans-due") as session:
        due = select(Touch.id).where(Touch.due_at <= now, *_AHEAD, Touch.dead_reason.is_(None))
        if await session.scalar(due.limit(1)) is None:
            return 0
    token, patients, count = await database.transact(claimed, "plans-claim")
    gate = asyncio.Semaphore(AT_ONCE)

    async def together(some: Sequence[UUID]) -> None:
        async def work(session: AsyncSession) -> None:
            await decide(session, some, token, ports, now)

        try:
            async with gate:
                await database.transact(work, "plans-decide")
        except Exception as error:  # one broken step must not keep the others from leaving
            if len(some) > 1:
                for patient_id in some:
                    await together([patient_id])
                return
            log.exception("plans.touch_failed", patient=str(some[0]))
            await _give_up(database, some[0], token, repr(error), now)

    await asyncio.gather(*(together(some) for some in chunks(sorted(patients), TOGETHER)))
    return count


_AHEAD = (Touch.status.in_(tuple(one.value for one in AHEAD)),)
_ORDER = (Touch.due_at,)


async def _give_up(database: Database, patient_id: UUID, token: UUID, why: str, now: datetime) -> None:
    """Again in a minute; after `TRIES` a person must look."""

    async def work(session: AsyncSession) -> None:
        mine = (Touch.patient_id == patient_id, Touch.lease_token == token)
        for row in await session.scalars(select(Touch).where(*mine).with_for_update()):
            row.lease_token = row.lease_until = None
            row.status, row.due_at = TouchStatus.PLANNED, now + timedelta(minutes=1)
            if row.attempts >= TRIES:
                row.dead_reason, row.reason = why[:200], "error"

    await database.transact(work, "plans-give-up")


@dataclass(slots=True)
class _Day:
    """One patient's touches that are due, and what was decided so far."""

    patient: Patient
    plans: Mapping[str, Plan]
    load: Load
    now: datetime
    said: set[tuple[str, str]] = field(default_factory=set)


Due = dict[UUID, list[tuple[Touch, CarePlan]]]
"""By patient, what is due of them."""


async def decide(
    session: AsyncSession, patient_ids: Sequence[UUID], token: UUID, ports: Ports, now: datetime
) -> int:
    """All of these patients' touches that are due, in the caller's transaction; how many. What is known of all of them is read by
    sets. Nothing of whom the lease was lost."""
    due = await _due(session, patient_ids, token, now)
    patients = await _patients(session, due)
    count = sum(len(rows) for rows in due.values())
    for patient_id in [one for one in due if patients[one].status != PatientStatus.ACTIVE]:
        await stopping.end_of_patient(session, patient_id, patients[patient_id].status, now)
        del due[patient_id]
    if not due:
        return count
    plans = await publishing.standing(session, {row.plan for rows in due.values() for _, row in rows})
    if await _bring_up_to_date(session, due, plans, now):
        due = await _due(session, list(due), None, now)
    loads = await burden.loads_of(session, list(due), ports.rules, now)
    said = await _said_today(session, list(due), plans, now)
    ways = await ports.ways.prepare(session, [patients[one] for one in due], now)
    for patient_id, rows in due.items():
        day = _Day(patients[patient_id], plans, loads[patient_id], now, said[patient_id])
        for touch, row in sorted(rows, key=lambda one: (one[0].priority, one[0].planned_for, one[0].id)):
            await _decide(session, touch, row, day, ways)
    await ways.leave(session)
    await session.flush()
    await settling.complete(session, {row.id for rows in due.values() for _, row in rows}, now)
    return count


async def _due(session: AsyncSession, patient_ids: Sequence[UUID], token: UUID | None, now: datetime) -> Due:
    """Of those of whom `token` holds something (None: of all). Locked in one order; also those another worker has claimed, which then
    finds them gone."""
    rows = await session.execute(
        select(Touch, CarePlan)
        .join(CarePlan, CarePlan.id == Touch.care_plan_id)
        .where(
            sets.among(Touch.patient_id, "ids"),
            *_AHEAD,
            Touch.due_at <= now,
            Touch.dead_reason.is_(None),
            CarePlan.status == PlanStatus.ACTIVE,
        )
        .order_by(Touch.patient_id, Touch.id)
        .with_for_update(of=Touch)
        .execution_options(populate_existing=True),
        {"ids": list(patient_ids)},
    )
    found: Due = {}
    for touch, row in rows:
        found.setdefault(touch.patient_id, []).append((touch, row))
    held = (one for one in found if token is None or any(t.lease_token == token for t, _ in found[one]))
    return {one: found[one] for one in held}


async def _patients(session: AsyncSession, ids: Iterable[UUID]) -> dict[UUID, Patient]:
    query = select(Patient).where(sets.among(Patient.id, "ids")).execution_options(populate_existing=True)
    return {one.id: one for one in await session.scalars(query, {"ids": list(ids)})}


async def _bring_up_to_date(
    session: AsyncSession, due: Due, plans: Mapping[str, Plan], now: datetime
) -> bool:
    """A plan edited a moment ago: what is due is decided by the new version."""
    of_all = (row for rows in due.values() for _, row in rows)
    old = {row.id: row for row in of_all if row.version < plans[row.plan].version}
    for row in old.values():
        await plan_ahead(session, plans[row.plan], [row.id], now)
        row.version = plans[row.plan].version
        row.closes_on = row.anchor_date + timedelta(days=plans[row.plan].closes_after_days)
    await session.flush()
    return bool(old)


async def _decide(session: AsyncSession, touch: Touch, row: CarePlan, day: _Day, ways: Ways) -> None:
    now, step = day.now, day.plans[row.plan].step(touch.step)
    touch.lease_token = touch.lease_until = None
    touch.attempts = 0
    if step is None:
        _end(touch, TouchStatus.CANCELLED, REPLANNED)
        return
    if missed_days(touch.planned_for, now) > _patience(touch, step):
        _end(touch, TouchStatus.SKIPPED, _why_late(touch))
        return
    if step.when is not None and not await conditions.holds(session, step.when, touch, day.patient, now):
        _end(touch, TouchStatus.SKIPPED, CONDITION)
        return
    same = _same(step)
    if same is not None and same in day.said:
        _end(touch, TouchStatus.SKIPPED, MERGED)
        return
    if (free := day.load.until(step.kind, now)) is not None:
        _wait(touch, step, NotNow(BURDEN, free), now)
        return
    way = getattr(ways, step.kind)
    outcome: Outcome = await way(session, touch, step, day.patient, now)
    match outcome:
        case Left(key):
            touch.status, touch.reason, touch.outbound_key = TouchStatus.SENT, None, key
            touch.sent_at, touch.due_at = now, None
            day.load.add(step.kind, now)
            if same is not None:
                day.said.add(same)
        case NotNow():
            _wait(touch, step, outcome, now)
        case Never(reason):
            _end(touch, TouchStatus.SKIPPED, reason)


def _patience(touch: Touch, step: Step) -> int:
    """Days after its own that a step still goes: by its late rule, or by its stale limit if it was there in time and had to wait."""
    return step.stale_days if step.late == "catch_up" or touch.reason is not None else 0


def _why_late(touch: Touch) -> str:
    """What it waited for until it was too late."""
    if touch.reason is None:
        return LATE
    return BURDEN_OVER if touch.reason == BURDEN else touch.reason


def _wait(touch: Touch, step: Step, outcome: NotNow, now: datetime) -> None:
    """Later, unless its limit is over by then: it is given up now, with what it would have waited for."""
    touch.reason = outcome.reason
    if missed_days(touch.planned_for, outcome.until) > step.stale_days:
        _end(touch, TouchStatus.SKIPPED, _why_late(touch))
        return
    touch.status, touch.due_at = TouchStatus.PLANNED, max(outcome.until, now + timedelta(minutes=1))


def _end(touch: Touch, status: TouchStatus, reason: str) -> None:
    touch.status, touch.reason, touch.due_at = status, reason[:60], None


def _same(step: Step) -> tuple[str, str] | None:
    name = SAME.get(step.kind)
    return None if name is None else (step.kind, str(step.content[name]))


async def _said_today(
    session: AsyncSession, patient_ids: Sequence[UUID], plans: Mapping[str, Plan], now: datetime
) -> dict[UUID, set[tuple[str, str]]]:
    """What each got today by any plan: two plans' same article is one."""
    begins = at_time(now.astimezone(CHINA).date(), time())
    rows = (
        await session.execute(
            select(Touch.patient_id, Touch.step, CarePlan.plan)
            .join(CarePlan, CarePlan.id == Touch.care_plan_id)
            .where(sets.among(Touch.patient_id, "ids"), Touch.sent_at >= begins),
            {"ids": list(patient_ids)},
        )
    ).all()
    missing = {row.plan for row in rows} - set(plans)
    known = {**plans, **(await publishing.standing(session, missing) if missing else {})}
    said: dict[UUID, set[tuple[str, str]]] = {one: set() for one in patient_ids}
    for row in rows:
        step = known[row.plan].step(row.step) if row.plan in known else None
        if step is not None and (same := _same(step)) is not None:
            said[row.patient_id].add(same)
    return said
