"""What people do with a patient's plans: enrol, end, hold, resume; move, skip and take back single touches. Nothing here commits."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any, Literal
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from care.patients.models import Patient, PatientStatus
from care.plans import publishing, stopping
from care.plans.definition import Plan
from care.plans.enrolling import Joining, join, other_days
from care.plans.errors import PlanError
from care.plans.models import AHEAD, LIVE, CarePlan, PlanStatus, Touch, TouchStatus
from care.plans.planning import at_time
from channels.chinatime import CHINA
from store import audit
from store.ids import new_id

Source = Literal["nurse", "patient", "audience", "event"]
BY_STAFF, STAFF, PATIENT = "by_staff", "staff", "patient"


async def enrol(
    session: AsyncSession,
    plan_name: str,
    patient_id: UUID,
    *,
    anchor_date: date,
    source: Source,
    now: datetime,
    by: UUID | None = None,
) -> tuple[CarePlan, bool]:
    """Put one patient into a plan counted from `anchor_date`. Returns the care plan and whether it is new: who is in it already stays.

    Raises `PlanError` for a plan that is not there or not signed, and for the dead. `by`: the member of staff, or None.
    """
    plan = await signed(session, plan_name)
    patient = await session.get(Patient, patient_id)
    if patient is None or patient.status == PatientStatus.DIED:
        raise PlanError("dead")
    others = await other_days(session, plan, [patient_id], now.astimezone(CHINA).date())
    key = f"{plan.name}:{patient_id}:{source}:{new_id()}"
    wanted = Joining(patient_id, key, anchor_date, source, None, others.get(patient_id, {}), by)
    made = await join(session, plan, [wanted], now)
    found = (
        await session.scalars(
            select(CarePlan).where(
                CarePlan.patient_id == patient_id, CarePlan.plan == plan.name, CarePlan.status.in_(LIVE)
            )
        )
    ).one()
    if made and by is not None:
        _audit(session, "careplan_started", found.id, by, now)
    return found, bool(made)


async def enrol_many(
    session: AsyncSession,
    plan_name: str,
    patient_ids: Sequence[UUID],
    *,
    anchor_date: date,
    now: datetime,
    by: UUID | None = None,
    source: Source = "audience",
) -> int:
    """The same for a set (an audience), a few hundred at a time; how many are new. Nobody is enrolled twice by one day's act."""
    plan = await signed(session, plan_name)
    others = await other_days(session, plan, patient_ids, now.astimezone(CHINA).date())
    wanted = [
        Joining(
            one,
            f"{plan.name}:{one}:{source}:{anchor_date}",
            anchor_date,
            source,
            None,
            others.get(one, {}),
            by,
        )
        for one in patient_ids
    ]
    return len(await join(session, plan, wanted, now))


async def signed(session: AsyncSession, plan_name: str) -> Plan:
    """The plan as it runs now. Raises `PlanError`."""
    plan = await publishing.current(session, plan_name)
    if plan is None:
        raise PlanError("no_plan", name=plan_name)
    if not plan.signed_by:
        raise PlanError("unsigned", name=plan.title)
    return plan


async def end(
    session: AsyncSession, care_plan_id: UUID, reason: str, now: datetime, *, by: UUID | None = None
) -> bool:
    """End one plan of a patient's: `staff` or `patient` wants it, `refused`… False when it was over."""
    done = await stopping.end(session, CarePlan.id == care_plan_id, reason, now, by=by)
    if done and by is not None:
        _audit(session, "careplan_ended", care_plan_id, by, now)
    return bool(done)


async def hold(session: AsyncSession, care_plan_id: UUID, now: datetime, *, by: UUID | None = None) -> bool:
    """It waits until `resume`. False when it is not active."""
    done = await stopping.hold(session, CarePlan.id == care_plan_id, stopping.HELD, now, by)
    if done and by is not None:
        _audit(session, "careplan_held", care_plan_id, by, now)
    return bool(done)


async def resume(session: AsyncSession, care_plan_id: UUID, now: datetime, *, by: UUID | None = None) -> bool:
    """It goes on; what was missed is caught up or skipped as its step says. False when it was not held."""
    done = await stopping.resume(session, CarePlan.id == care_plan_id, now)
    if done and by is not None:
        _audit(session, "careplan_resumed", care_plan_id, by, now)
    return bool(done)


async def plans_of(session: AsyncSession, patient_id: UUID) -> Sequence[CarePlan]:
    """Every plan the patient is or was in, running ones first."""
    query = select(CarePlan).where(CarePlan.patient_id == patient_id)
    rows = await session.scalars(query.order_by(CarePlan.started_at.desc(), CarePlan.id.desc()))
    return sorted(rows.all(), key=lambda one: one.status not in LIVE)


async def touches_of(session: AsyncSession, patient_id: UUID, *, ahead_only: bool = False) -> Sequence[Touch]:
    """Every touch of every plan, by the day it ought to go."""
    query = select(Touch).where(Touch.patient_id == patient_id)
    if ahead_only:
        query = query.where(Touch.status.in_(AHEAD))
    order = (Touch.planned_for, Touch.priority, Touch.id)
    return (await session.scalars(query.order_by(*order).execution_options(populate_existing=True))).all()


async def move(
    session: AsyncSession, touch_id: UUID, to: datetime, now: datetime, *, by: UUID | None = None
) -> Touch:
    """Let it go at `to` (aware) instead, whatever is planned anew later. Raises `PlanError` when it left
    meanwhile, or `to` does not fit."""
    touch, plan = await _ahead(session, touch_id)
    if to <= now:
        raise PlanError("past")
    if to.astimezone(CHINA).date() > plan.closes_on:
        raise PlanError("beyond", last=plan.closes_on.isoformat())
    _remember(touch)
    touch.planned_for, touch.status, touch.reason = to, TouchStatus.PLANNED, None
    touch.due_at = to if plan.status == PlanStatus.ACTIVE else None
    return _pinned(session, touch, "plan_touch_moved", by, now)


async def skip(session: AsyncSession, touch_id: UUID, now: datetime, *, by: UUID | None = None) -> Touch:
    """Leave it out. Raises `PlanError` when it left meanwhile."""
    touch, _ = await _ahead(session, touch_id)
    _remember(touch)
    touch.status, touch.reason, touch.due_at = TouchStatus.SKIPPED, BY_STAFF, None
    return _pinned(session, touch, "plan_touch_skipped", by, now)


async def undo(session: AsyncSession, touch_id: UUID, now: datetime, *, by: UUID | None = None) -> Touch:
    """Take the last move or skip back. Raises `PlanError` when there is none, or it left meanwhile."""
    touch = await _locked(session, touch_id)
    plan = await _plan(session, touch)
    before: dict[str, Any] | None = touch.before
    skipped = touch.status == TouchStatus.SKIPPED and touch.reason == BY_STAFF
    if before is None or not (skipped or touch.status in AHEAD):
        raise PlanError("nothing_to_undo")
    touch.planned_for = datetime.fromisoformat(before["planned_for"])
    touch.status, touch.reason = TouchStatus.PLANNED, before["reason"]
    touch.due_at = max(touch.planned_for, now) if plan.status == PlanStatus.ACTIVE else None
    touch.pinned, touch.before = bool(before["pinned"]), None
    touch.lease_token = touch.lease_until = None
    if by is not None:
        _audit(session, "plan_touch_undone", touch.id, by, now, of="plan_touch")
    return touch


def on_day(day: date, like: datetime) -> datetime:
    """The same time of day as `like`, on `day`: what a form that asks for a day only moves to."""
    return at_time(day, like.astimezone(CHINA).time())


async def _ahead(session: AsyncSession, touch_id: UUID) -> tuple[Touch, CarePlan]:
    touch = await _locked(session, touch_id)
    if touch.status not in AHEAD:
        raise PlanError("not_planned")
    return touch, await _plan(session, touch)


async def _plan(session: AsyncSession, touch: Touch) -> CarePlan:
    plan = await session.get_one(CarePlan, touch.care_plan_id, populate_existing=True)
    if plan.status not in LIVE:
        raise PlanError("not_active")
    return plan


async def _locked(session: AsyncSession, touch_id: UUID) -> Touch:
    found = await session.get(Touch, touch_id, with_for_update=True, populate_existing=True)
    if found is None:
        raise PlanError("no_touch")
    return found


def _remember(touch: Touch) -> None:
    touch.before = {
        "planned_for": touch.planned_for.isoformat(),
        "reason": touch.reason,
        "pinned": touch.pinned,
    }


def _pinned(session: AsyncSession, touch: Touch, action: str, by: UUID | None, now: datetime) -> Touch:
    touch.pinned, touch.attempts = True, 0
    touch.lease_token = touch.lease_until = touch.dead_reason = None
    if by is not None:
        _audit(session, action, touch.id, by, now, of="plan_touch")
    return touch


def _audit(
    session: AsyncSession, action: str, subject_id: UUID, by: UUID, now: datetime, *, of: str = "care_plan"
) -> None:
    audit.record(
        session,
        actor=audit.subject_of("staff", by),
        action=action,
        subject=audit.subject_of(of, subject_id),
        at=now,
    )
