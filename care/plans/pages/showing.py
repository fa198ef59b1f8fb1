"""A patient's plans as the page shows them: every touch with its day, state and reason, and a timeline a plan."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from care.plans import publishing, service
from care.plans.definition import KINDS, Plan
from care.plans.editor.shown import day_said
from care.plans.errors import words as plan_words
from care.plans.models import AHEAD, LIVE, CarePlan, PlanStatus, Touch, TouchStatus
from care.plans.picture import Picture, Spot, draw
from care.plans.service import BY_STAFF
from store.clock import Clock

TONES = {
    TouchStatus.PLANNED: "ahead",
    TouchStatus.SENDING: "ahead",
    TouchStatus.SENT: "sent",
    TouchStatus.DONE: "sent",
    TouchStatus.ANSWERED: "answered",
    TouchStatus.SKIPPED: "stopped",
    TouchStatus.CANCELLED: "stopped",
}


@dataclass(frozen=True, slots=True)
class Contact:
    """One touch in words. `at`: local; `ahead`: it may be moved or skipped; `undo`: a person's change may be taken back."""

    id: UUID
    kind: str
    title: str
    at: datetime
    status: str
    reason: str
    ahead: bool
    undo: bool
    pinned: bool
    waits: datetime | None = None
    """When it will be looked at again, where that is another day than its own."""


@dataclass(frozen=True, slots=True)
class Enrolled:
    """One plan of the patient's."""

    row: CarePlan
    title: str
    live: bool
    held: bool
    reason: str
    touches: Sequence[Contact]
    picture: Picture | None


async def enrolled(session: AsyncSession, patient_id: UUID, clock: Clock) -> list[Enrolled]:
    """Every plan the patient is or was in, running ones first."""
    rows = await service.plans_of(session, patient_id)
    touches = await service.touches_of(session, patient_id)
    plans = await publishing.standing(session, {row.plan for row in rows})
    return [
        _enrolled(row, plans.get(row.plan), [one for one in touches if one.care_plan_id == row.id], clock)
        for row in rows
    ]


def _enrolled(row: CarePlan, plan: Plan | None, touches: Sequence[Touch], clock: Clock) -> Enrolled:
    live = row.status in LIVE
    shown = [_touch(one, plan, live, clock) for one in touches]
    return Enrolled(
        row=row,
        title=plan.title if plan is not None else row.plan,
        live=live,
        held=row.status == PlanStatus.ON_HOLD,
        reason=_reason(row.reason),
        touches=shown,
        picture=_picture(row, shown) if shown and live else None,
    )


def _touch(one: Touch, plan: Plan | None, live: bool, clock: Clock) -> Contact:
    step = plan.step(one.step) if plan is not None else None
    ahead = live and one.status in AHEAD
    changed = one.before is not None and (
        ahead or (one.status == TouchStatus.SKIPPED and one.reason == BY_STAFF)
    )
    return Contact(
        id=one.id,
        kind=one.kind,
        title=step.title if step is not None else one.step,
        at=clock.local(one.planned_for),
        status=one.status,
        reason=_reason(one.reason),
        ahead=ahead,
        undo=live and changed,
        pinned=one.pinned,
        waits=_waits(one, clock) if ahead else None,
    )


def _waits(one: Touch, clock: Clock) -> datetime | None:
    if one.due_at is None or one.reason is None:
        return None
    at = clock.local(one.due_at)
    return at if at.date() > clock.local(one.planned_for).date() else None


def together(found: Sequence[Enrolled], clock: Clock, days: int = 14) -> list[tuple[datetime, str, Contact]]:
    """What several plans bring in the coming days, by day: when, the plan's title, the touch. Empty where one plan runs."""
    running = [one for one in found if one.live]
    last = clock.local() + timedelta(days=days)
    mine = [
        (touch.waits or touch.at, one.title, touch) for one in running for touch in one.touches if touch.ahead
    ]
    coming = sorted((one for one in mine if one[0] < last), key=lambda one: one[0])
    return coming if len(running) > 1 else []


def _reason(code: str | None) -> str:
    return plan_words()("reasons", code) if code else ""


def _picture(row: CarePlan, touches: Sequence[Contact]) -> Picture:
    said = plan_words()
    spots = []
    for one in touches:
        day = (one.at.date() - row.anchor_date).days
        label = f"{day_said(day)} {one.at:%Y-%m-%d %H:%M} {said('kinds', one.kind)} {one.title} {said('status', one.status)}"
        spots.append(
            Spot(day, one.kind, label, str(abs(day)), f"#touch-{one.id}", TONES[TouchStatus(one.status)])
        )
    known = said.known("kinds")
    return draw(spots, {kind: known[kind] for kind in KINDS}, (row.closes_on - row.anchor_date).days)
