"""What happens to patients, read by cursor: whose record changed, who came back, who answered, who booked, who is lost for good."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from care.appointments.slips import UNDONE
from care.consents.models import Purpose
from care.followup import service as followup
from care.hospital.models import HealthcareService
from care.plans import facts, publishing, settling, stopping
from care.plans.definition import Plan
from care.plans.enrolling import VISIT, reconcile
from care.plans.models import LIVE, CarePlan, Touch, TouchStatus
from care.questionnaires.models import QuestionnaireResponse
from channels.chinatime import CHINA
from store import sets
from store.clock import Clock
from store.database import Database, insert_new
from store.events import EventCursor, PatientEvent, advance, read_after

CONSUMER = "care_plans"
BATCH = 500
ON_RECORD = ("encounter.", "condition.", "procedure.", "pregnancy.")
"""Events that say a patient's record is another one now."""
VISITS = ("appointment.fulfilled", "encounter.finished", "encounter.visited")
ENDS_ALL = {"patient.died": "died", "patient.moved": "moved", "patient.merged": "moved"}
LOST = {"refused": "refused", "moved": "moved", "transferred": "transferred", "died": "died"}
"""How a call or a loss (`followup.lost`) ends every plan."""


@dataclass(frozen=True, slots=True)
class Stop:
    """Why a plan of a patient's ends that names `reason` among its stops, and the day it happened; `department` standard, or ""."""

    patient_id: UUID
    reason: str
    day: date
    department: str = ""


async def follow(database: Database, clock: Clock) -> int:
    """One batch of events, in one transaction with the cursor; how many were read."""

    async def work(session: AsyncSession) -> int:
        await _one_at_a_time(session)
        found = await read_after(session, CONSUMER, BATCH)
        if found:
            # What day it is, asked after reading: what happened after midnight would lie ahead of a look begun before it.
            await _take(session, found, clock.now())
            await advance(session, CONSUMER, found[-1].id)
        return len(found)

    async with database.read("plans-peek") as session:
        if not await read_after(session, CONSUMER, 1):
            return 0
    return await database.transact(work, "plans-follow")


async def _one_at_a_time(session: AsyncSession) -> None:
    """Planners of several processes read one after the other."""
    await insert_new(session, EventCursor, {"consumer": CONSUMER, "position": 0, "writer": 0})
    mine = select(EventCursor).where(EventCursor.consumer == CONSUMER).with_for_update()
    await session.scalars(mine.execution_options(populate_existing=True))


async def _take(session: AsyncSession, found: Sequence[PatientEvent], now: datetime) -> None:
    plans = await publishing.running(session)
    departments = await _departments(session)
    for one in found:
        if one.kind in ENDS_ALL:
            await stopping.end_of_patient(session, one.patient_id, ENDS_ALL[one.kind], now)
        elif one.kind == "followup.lost" and one.data.get("reason") in LOST:
            await stopping.end_of_patient(session, one.patient_id, LOST[one.data["reason"]], now)
        elif one.kind == "consent.withdrawn" and one.data.get("purpose") == Purpose.FOLLOW_UP:
            await stopping.end_of_patient(session, one.patient_id, "withdrawn", now)
    await _stop(session, plans, list(_stops(found, departments)), now)
    await _not_seen(session, found, now)
    await _answers(session, plans, found, now)
    await _bookings(session, found, departments, now)
    changed = [one.patient_id for one in found if one.kind.startswith(ON_RECORD)]
    if changed:
        await reconcile(session, plans.values(), list(dict.fromkeys(changed)), now)


def _stops(found: Iterable[PatientEvent], departments: Mapping[str, str]) -> Iterable[Stop]:
    for one in found:
        day = one.at.astimezone(CHINA).date()
        where = departments.get(str(one.data.get("department") or one.data.get("department_id") or ""), "")
        if one.kind in VISITS:
            yield Stop(one.patient_id, VISIT, day, where)
        elif one.kind == "encounter.admitted":
            yield Stop(one.patient_id, "readmitted", day)
        elif one.kind == "encounter.transferred":
            yield Stop(one.patient_id, "transferred", day)


async def _departments(session: AsyncSession) -> dict[str, str]:
    """Standard names by code and by id."""
    rows = await session.execute(
        select(HealthcareService.id, HealthcareService.code, HealthcareService.standard)
    )
    found: dict[str, str] = {}
    for one, code, standard in rows:
        found[str(one)] = found[code] = standard
    return found


async def _stop(
    session: AsyncSession, plans: Mapping[str, Plan], stops: Sequence[Stop], now: datetime
) -> None:
    """A visit or stay after the plan's own day ends it, if the plan says so; a visit elsewhere does not."""
    if not stops:
        return
    ended: defaultdict[str, set[UUID]] = defaultdict(set)
    live = await _live(session, {one.patient_id for one in stops})
    names = await publishing.standing(session, {one.plan for one in live})
    for row in live:
        plan = plans.get(row.plan) or names[row.plan]
        if plan.anchor == "last_visit":
            continue  # a visit is this plan's own beginning: the record says which
        for stop in stops:
            if stop.patient_id != row.patient_id or stop.reason not in plan.stops:
                continue
            elsewhere = stop.department and plan.departments and stop.department not in plan.departments
            if stop.day > row.anchor_date and not (stop.reason == VISIT and elsewhere):
                ended[stop.reason].add(row.id)
    for reason, ids in ended.items():
        await stopping.end(session, CarePlan.id.in_(sorted(ids)), reason, now)


async def _not_seen(session: AsyncSession, found: Iterable[PatientEvent], now: datetime) -> None:
    """A visit that was not over yet has ended no plan, unless another of that day is."""
    for one in found:
        if one.kind != UNDONE:
            continue
        day = one.at.astimezone(CHINA).date()
        visit = facts.of_anchor("last_visit", first=day, last=day)
        seen = select(visit.c.ref).where(visit.c.patient_id == one.patient_id)
        if await session.scalar(seen.limit(1)) is None:
            since = CarePlan.ended_at >= datetime.fromisoformat(one.data["since"])
            await stopping.revive(session, (CarePlan.patient_id == one.patient_id) & since, VISIT, now)


async def _answers(
    session: AsyncSession, plans: Mapping[str, Plan], found: Sequence[PatientEvent], now: datetime
) -> None:
    """Completed questionnaires of a plan: the touch is answered, and the plan over if it says so."""
    stopped = [UUID(one.data["response_id"]) for one in found if one.kind == "questionnaire.stopped"]
    if stopped:
        await settling.responses_over(session, stopped, now)
    called = {UUID(one.data["touch_id"]): one.data["outcome"] for one in found if _of_touch(one)}
    if called:
        await settling.calls_over(session, called, now)
    ids = [UUID(one.data["response_id"]) for one in found if one.kind == "questionnaire.completed"]
    if not ids:
        return
    keys = select(QuestionnaireResponse.key).where(
        sets.among(QuestionnaireResponse.id, "ids"), QuestionnaireResponse.key.is_not(None)
    )
    answered = (
        await session.execute(
            update(Touch)
            .where(Touch.outbound_key.in_(keys), Touch.status.in_((TouchStatus.SENT, TouchStatus.DONE)))
            .values(status=TouchStatus.ANSWERED, reason=None)
            .returning(Touch.care_plan_id, Touch.step)
            .execution_options(synchronize_session=False),
            {"ids": ids},
        )
    ).all()
    await _spare_calls(session, plans, answered, now)
    await settling.complete(session, {row.care_plan_id for row in answered}, now)
    over = [name for name, plan in plans.items() if "answered" in plan.stops]
    if answered and over:
        which = CarePlan.id.in_(sorted({row.care_plan_id for row in answered})) & CarePlan.plan.in_(over)
        await stopping.end(session, which, "answered", now)


def _of_touch(one: PatientEvent) -> bool:
    return one.kind == "followup.called" and bool(one.data.get("touch_id"))


async def _spare_calls(
    session: AsyncSession, plans: Mapping[str, Plan], answered: Sequence[Any], now: datetime
) -> None:
    """Nobody need ring up who answered after all."""
    asked = {row.care_plan_id: row.step for row in answered}
    calls = (
        await session.execute(
            select(Touch.id, Touch.care_plan_id, Touch.step, CarePlan.plan)
            .join(CarePlan, CarePlan.id == Touch.care_plan_id)
            .where(
                sets.among(Touch.care_plan_id, "ids"),
                Touch.kind == "call",
                Touch.status == TouchStatus.SENT,
            ),
            {"ids": sorted(asked)},
        )
    ).all()
    spared = []
    for touch_id, care_plan_id, step_id, name in calls:
        step = plans[name].step(step_id) if name in plans else None
        when = step.when if step is not None else None
        if when is not None and when.is_ == "unanswered" and when.step == asked[care_plan_id]:
            spared.append(touch_id)
    if spared:
        await followup.drop(session, reason="answered", now=now, touch_ids=spared)
        await session.execute(
            update(Touch)
            .where(sets.among(Touch.id, "ids"))
            .values(status=TouchStatus.CANCELLED, reason="answered")
            .execution_options(synchronize_session=False),
            {"ids": spared},
        )


async def _bookings(
    session: AsyncSession, found: Sequence[PatientEvent], departments: Mapping[str, str], now: datetime
) -> None:
    """Who was offered a return visit and booked one in that department has answered."""
    booked = {
        (one.patient_id, departments.get(str(one.data.get("department_id", "")), ""))
        for one in found
        if one.kind == "appointment.booked"
    }
    if not booked:
        return
    offers = (
        await session.execute(
            select(Touch.id, Touch.patient_id, Touch.step, CarePlan.plan, Touch.care_plan_id)
            .join(CarePlan, CarePlan.id == Touch.care_plan_id)
            .where(
                sets.among(Touch.patient_id, "ids"),
                Touch.kind == "offer",
                Touch.status.in_((TouchStatus.SENT, TouchStatus.DONE)),
            ),
            {"ids": sorted({one for one, _ in booked})},
        )
    ).all()
    plans = await publishing.standing(session, {row.plan for row in offers})
    taken = []
    for touch_id, patient_id, step_id, name, _ in offers:
        step = plans[name].step(step_id)
        if step is not None and (patient_id, step.content.get("department")) in booked:
            taken.append(touch_id)
    if taken:
        await session.execute(
            update(Touch)
            .where(sets.among(Touch.id, "ids"))
            .values(status=TouchStatus.ANSWERED, reason="booked")
            .execution_options(synchronize_session=False),
            {"ids": taken},
        )
        await settling.complete(session, {row.care_plan_id for row in offers}, now)


async def _live(session: AsyncSession, patients: Collection[UUID]) -> Sequence[CarePlan]:
    rows = await session.scalars(
        select(CarePlan)
        .where(sets.among(CarePlan.patient_id, "ids"), CarePlan.status.in_(LIVE))
        .order_by(CarePlan.id)
        .execution_options(populate_existing=True),
        {"ids": list(patients)},
    )
    return rows.all()
