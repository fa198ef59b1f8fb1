"""Who comes into which plan: reconciled with the record, so that it does not matter in what order, how often or how late one hears of it.

An event only says whose record to look at. What is on record then decides: a new fact enrols, a corrected day re-anchors, a fact that
is gone ends the plan, a newer one of the same kind takes its place. Rows that came without events are found by the sweep.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, and_, exists, func, insert, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from care.consents.models import ConsentNow, Purpose
from care.patients.models import Patient, PatientStatus
from care.plans import facts, stopping
from care.plans.ahead import plan_ahead
from care.plans.definition import Plan
from care.plans.models import LIVE, CarePlan, PlanStatus
from channels.chinatime import CHINA
from store import sets
from store.database import insert_many
from store.events import PatientEvent
from store.ids import new_id

NEAR = timedelta(days=30)
"""A fact struck out and told anew so near is a correction, not another stay or operation; ours."""
REMOVED, SUPERSEDED, VISIT = "removed", "superseded", "visit"
BATCH = 500


@dataclass(frozen=True, slots=True)
class Joining:
    """Somebody who is to be in a plan from `anchor_date` on. `key`: what put them there."""

    patient_id: UUID
    key: str
    anchor_date: date
    source: str
    anchor_ref: UUID | None = None
    anchors: Mapping[str, str] = field(default_factory=dict)
    by: UUID | None = None
    enrolment_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class Fact:
    ref: UUID
    day: date


async def join(session: AsyncSession, plan: Plan, wanted: Sequence[Joining], now: datetime) -> list[UUID]:
    """Put them into `plan`, those left out who are in it already or were by the same key; the new care plans' ids. Every touch to
    come is a row afterwards. Emits `careplan.started`."""
    if not wanted:
        return []
    rows = [_row(plan, one, now) for one in wanted]
    await insert_many(session, CarePlan, rows)
    new = set(
        await session.scalars(
            select(CarePlan.id).where(sets.among(CarePlan.id, "ids")), {"ids": [row["id"] for row in rows]}
        )
    )
    made = [row for row in rows if row["id"] in new]
    if not made:
        return []
    await plan_ahead(session, plan, [row["id"] for row in made], now, fresh=True)
    await session.execute(
        insert(PatientEvent),
        [
            {
                "patient_id": row["patient_id"],
                "kind": "careplan.started",
                "at": now,
                "data": {"care_plan_id": str(row["id"]), "plan": plan.name, "source": row["source"]},
            }
            for row in made
        ],
    )
    return [row["id"] for row in made]


def _row(plan: Plan, one: Joining, now: datetime) -> dict[str, Any]:
    return {
        "id": new_id(),
        "patient_id": one.patient_id,
        "plan": plan.name,
        "version": plan.version,
        "key": one.key,
        "anchor_date": one.anchor_date,
        "anchor_ref": one.anchor_ref,
        "anchors": dict(one.anchors),
        "status": PlanStatus.ACTIVE.value,
        "source": one.source,
        "started_at": now,
        "closes_on": one.anchor_date + timedelta(days=plan.closes_after_days),
        "by": one.by,
        "enrolment_id": one.enrolment_id,
    }


async def reconcile(
    session: AsyncSession, plans: Iterable[Plan], patient_ids: Sequence[UUID], now: datetime
) -> int:
    """Bring these patients' plans in line with their record; how many changed. Idempotent."""
    return sum([await _reconcile(session, plan, patient_ids, now) for plan in plans if plan.audience is None])


async def _reconcile(session: AsyncSession, plan: Plan, patient_ids: Sequence[UUID], now: datetime) -> int:
    today = now.astimezone(CHINA).date()
    known = await _care_plans(session, plan, patient_ids)
    on_record = await _facts(session, plan, patient_ids, today)
    others = await other_days(session, plan, patient_ids, today)
    joining: list[Joining] = []
    anew: list[UUID] = []
    changed = 0
    for patient_id in dict.fromkeys(patient_ids):
        theirs = known.get(patient_id, [])
        found = on_record.get(patient_id, [])
        newest = found[0] if found and found[0].day >= facts.horizon(plan, today) else None
        live = next((one for one in theirs if one.status in LIVE), None)
        if live is not None and others.get(patient_id, {}) != live.anchors:
            await _set(session, live, {"anchors": others.get(patient_id, {}), "version": plan.version})
            anew.append(live.id)
        if live is not None:
            if live.anchor_ref is None:
                continue  # somebody set the day: the record does not overrule them
            kept = next((one for one in found if one.ref == live.anchor_ref), None)
            if kept is not None and (newest is None or newest.ref == kept.ref or newest.day <= kept.day):
                if kept.day != live.anchor_date:
                    await _anchor(session, plan, live, kept)
                    anew.append(live.id)
                continue
            if kept is None and newest is not None and abs(newest.day - live.anchor_date) <= NEAR:
                await _anchor(session, plan, live, newest)
                anew.append(live.id)
                continue
            why = REMOVED if kept is None else VISIT if plan.anchor == "last_visit" else SUPERSEDED
            await stopping.end(session, CarePlan.id == live.id, why, now)
            changed += 1
        if newest is None:
            continue
        struck = next((one for one in theirs if _struck_near(one, newest)), None)
        if live is None and struck is not None:
            await _anchor(session, plan, struck, newest, revive=True)
            anew.append(struck.id)
        elif live is not None or not any(_covers(one, newest) for one in theirs):
            key = f"{plan.name}:{patient_id}:{newest.ref}"
            joining.append(Joining(patient_id, key, newest.day, "event", newest.ref))
    made = await join(session, plan, await _allowed(session, joining, others), now)
    await plan_ahead(session, plan, list(dict.fromkeys(anew)), now)
    return changed + len(anew) + len(made)


def _struck_near(one: CarePlan, newest: Fact) -> bool:
    return one.reason == REMOVED and abs(newest.day - one.anchor_date) <= NEAR


def _covers(one: CarePlan, newest: Fact) -> bool:
    """Whether this fact's plan is over already, or a later one was."""
    return one.reason != REMOVED and (one.anchor_ref == newest.ref or one.anchor_date >= newest.day)


async def _anchor(
    session: AsyncSession, plan: Plan, row: CarePlan, to: Fact, *, revive: bool = False
) -> None:
    values: dict[str, Any] = {
        "anchor_ref": to.ref,
        "anchor_date": to.day,
        "version": plan.version,
        "closes_on": to.day + timedelta(days=plan.closes_after_days),
    }
    if revive:
        values |= {"status": PlanStatus.ACTIVE.value, "reason": None, "ended_at": None}
    await _set(session, row, values)


async def _set(session: AsyncSession, row: CarePlan, values: Mapping[str, Any]) -> None:
    await session.execute(
        update(CarePlan)
        .where(CarePlan.id == row.id)
        .values(**values)
        .execution_options(synchronize_session=False)
    )


async def _care_plans(
    session: AsyncSession, plan: Plan, patient_ids: Sequence[UUID]
) -> dict[UUID, list[CarePlan]]:
    """By patient, the newest first; locked in one order, so that two planners come one after the other."""
    rows = await session.scalars(
        select(CarePlan)
        .where(CarePlan.plan == plan.name, sets.among(CarePlan.patient_id, "ids"))
        .order_by(CarePlan.id)
        .with_for_update()
        .execution_options(populate_existing=True),
        {"ids": list(patient_ids)},
    )
    found: defaultdict[UUID, list[CarePlan]] = defaultdict(list)
    for row in rows:
        found[row.patient_id].insert(0, row)
    return found


async def _facts(
    session: AsyncSession, plan: Plan, patient_ids: Sequence[UUID], today: date
) -> dict[UUID, list[Fact]]:
    """By patient, the newest first; none of days to come."""
    fact = facts.facts(plan, last=today)
    query = select(fact.c.patient_id, fact.c.ref, fact.c.day).where(sets.among(fact.c.patient_id, "ids"))
    rows = await session.execute(
        query.order_by(fact.c.day.desc(), fact.c.ref.desc()), {"ids": list(patient_ids)}
    )
    found: defaultdict[UUID, list[Fact]] = defaultdict(list)
    for patient_id, ref, day in rows:
        found[patient_id].append(Fact(ref, day))
    return found


async def _allowed(
    session: AsyncSession, wanted: Sequence[Joining], others: Mapping[UUID, Mapping[str, str]]
) -> list[Joining]:
    """Without the dead, those who left, and those who took back that they are followed up."""
    if not wanted:
        return []
    may = set(await session.scalars(_ELIGIBLE, {"ids": [one.patient_id for one in wanted]}))
    return [replace(one, anchors=others.get(one.patient_id, {})) for one in wanted if one.patient_id in may]


def refused(patient_id: Any) -> ColumnElement[bool]:
    """Whether the patient took back that they are followed up."""
    return exists().where(
        ConsentNow.subject_id == patient_id,
        ConsentNow.purpose == Purpose.FOLLOW_UP.value,
        ConsentNow.granted.is_(False),
    )


_ELIGIBLE = select(Patient.id).where(
    sets.among(Patient.id, "ids"), Patient.status == PatientStatus.ACTIVE, ~refused(Patient.id)
)


async def other_days(
    session: AsyncSession, plan: Plan, patient_ids: Sequence[UUID], today: date
) -> dict[UUID, dict[str, str]]:
    """By patient the days of the other facts its steps are counted from, the newest of each."""
    found: defaultdict[UUID, dict[str, str]] = defaultdict(dict)
    for anchor in sorted(
        {one.anchor for one in plan.steps if one.anchor not in (None, plan.anchor)}, key=str
    ):
        fact = facts.of_anchor(str(anchor), last=today)
        newest = select(fact.c.patient_id, func.max(fact.c.day)).where(sets.among(fact.c.patient_id, "ids"))
        rows = await session.execute(newest.group_by(fact.c.patient_id), {"ids": list(patient_ids)})
        for patient_id, day in rows:
            found[patient_id][str(anchor)] = (
                day if isinstance(day, date) else date.fromisoformat(day)
            ).isoformat()
    return found


# --- the sweep ---


async def differing(
    session: AsyncSession, plan: Plan, today: date, after: UUID | None, limit: int = BATCH
) -> list[UUID]:
    """The next patients, by id, whose record and plan may differ: a fact nobody was enrolled by, another day, or a fact that is gone."""
    fact = facts.facts(plan, facts.horizon(plan, today), today)
    same = and_(CarePlan.anchor_ref == fact.c.ref, CarePlan.anchor_date == fact.c.day)
    other = or_(CarePlan.anchor_ref.is_(None), CarePlan.anchor_ref != fact.c.ref)
    covered = exists().where(
        CarePlan.plan == plan.name,
        CarePlan.patient_id == fact.c.patient_id,
        func.coalesce(CarePlan.reason, "") != REMOVED,
        or_(same, and_(other, CarePlan.anchor_date >= fact.c.day)),
    )
    new = select(fact.c.patient_id).where(~covered, ~refused(fact.c.patient_id))
    every = facts.facts(plan)
    gone = select(CarePlan.patient_id).where(
        CarePlan.plan == plan.name,
        CarePlan.status.in_(LIVE),
        CarePlan.anchor_ref.is_not(None),
        ~exists().where(every.c.ref == CarePlan.anchor_ref, every.c.patient_id == CarePlan.patient_id),
    )
    if after is not None:
        new, gone = new.where(fact.c.patient_id > after), gone.where(CarePlan.patient_id > after)
    both = new.union(gone).subquery()
    query = select(both.c.patient_id).order_by(both.c.patient_id).limit(limit)
    return list(await session.scalars(query))


async def joining_audience(
    session: AsyncSession, plan: Plan, members: Any, today: date, limit: int = BATCH
) -> list[Joining]:
    """The next members of the plan's audience who were never in it, from today on."""
    was_in = exists().where(CarePlan.plan == plan.name, CarePlan.patient_id == Patient.id)
    query = (
        select(Patient.id)
        .where(Patient.id.in_(members), Patient.status == PatientStatus.ACTIVE, ~was_in, ~refused(Patient.id))
        .order_by(Patient.id)
        .limit(limit)
    )
    ids = list(await session.scalars(query))
    others = await other_days(session, plan, ids, today)
    return [
        Joining(one, f"{plan.name}:{one}:audience", today, "audience", anchors=others.get(one, {}))
        for one in ids
    ]
