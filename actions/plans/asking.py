"""The patient's own say in their plans, in the conversation's transaction: which, pause, go on, leave, join. What waits for a plan that is
paused or left does not leave any more (`care.plans.stopping`)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from actions.asides import INTENT, Answer, Heard
from actions.plans import reading
from care.patients import service as patients
from care.patients.models import Patient
from care.plans import facts, publishing, service, stopping
from care.plans.definition import Plan
from care.plans.joining import whom
from care.plans.models import LIVE, CarePlan, PlanStatus, Touch, TouchStatus
from channels.ports import ChannelName
from channels.questions import holder
from channels.reply import Option, Reply
from channels.wording.labels import label
from store import audit

LEFT, KEPT = "plan_left", "plan_kept"
MOST = 3
"""Plans offered to choose from; an SMS holds one more beside them."""
ASKS = {
    reading.LEAVE: "plan.leave_which",
    reading.HOLD: "plan.hold_which",
    reading.RESUME: "plan.resume_which",
}


@dataclass(frozen=True, slots=True)
class Mine:
    """A running plan of somebody this person speaks for. `title`: what it may be called on this channel."""

    row: CarePlan
    patient: Patient
    title: str
    next: str


async def listed(session: AsyncSession, heard: Heard, params: Mapping[str, Any]) -> list[Reply]:
    """我的随访计划."""
    if (first := await _unknown(session, heard)) is not None:
        return [first]
    found = await _mine(session, heard)
    if not found:
        offers = await _open(session, heard)
        return [Reply("plan.none", options=(_option(reading.JOIN),) if offers else ())]
    lines = [
        label(
            "plan_line" if one.next else "plan_line_quiet",
            name=one.patient.name,
            title=one.title,
            state=label("plan_held" if one.row.status == PlanStatus.ON_HOLD else "plan_running"),
            next=one.next,
        )
        for one in found
    ]
    wanted = [reading.HOLD] if any(one.row.status == PlanStatus.ACTIVE for one in found) else []
    wanted += [reading.RESUME] if any(_by_patient(one.row) for one in found) else []
    options = tuple(_option(kind) for kind in (*wanted, reading.LEAVE))
    return [Reply("plan.mine", {"count": len(found), "listed": "\n".join(lines)}, options)]


async def leave(session: AsyncSession, heard: Heard, params: Mapping[str, Any]) -> list[Reply]:
    """Asked back, since what is cancelled is not said again."""
    one = await _chosen(session, heard, params, reading.LEAVE)
    if isinstance(one, Reply):
        return [one]
    which = {"care_plan_id": one.row.id.hex}
    options = (
        Option("leave", label("plan_leave_yes"), INTENT, {"aside": LEFT, **which}),
        Option("hold", label("plan_hold_instead"), INTENT, {"aside": reading.HOLD, **which}),
        Option("keep", label("plan_leave_no"), INTENT, {"aside": KEPT}),
    )
    return [Reply("plan.leave_sure", {"name": one.patient.name, "title": one.title}, options)]


async def left(session: AsyncSession, heard: Heard, params: Mapping[str, Any]) -> list[Reply]:
    one = await _chosen(session, heard, params, reading.LEAVE)
    if isinstance(one, Reply):
        return [one]
    await service.end(session, one.row.id, service.PATIENT, heard.now)
    _audit(session, heard, "careplan_ended", one.row.id)
    return [Reply("plan.left", {"name": one.patient.name, "title": one.title})]


async def kept(session: AsyncSession, heard: Heard, params: Mapping[str, Any]) -> list[Reply]:
    return [Reply("plan.kept")]


async def hold(session: AsyncSession, heard: Heard, params: Mapping[str, Any]) -> list[Reply]:
    """暂停随访: taken back by a word, so done at once."""
    one = await _chosen(session, heard, params, reading.HOLD)
    if isinstance(one, Reply):
        return [one]
    await stopping.hold(session, CarePlan.id == one.row.id, stopping.BY_PATIENT, heard.now)
    _audit(session, heard, "careplan_held", one.row.id)
    again = Option(
        "resume", label("plan_resume"), INTENT, {"aside": reading.RESUME, "care_plan_id": one.row.id.hex}
    )
    return [Reply("plan.held", {"name": one.patient.name, "title": one.title}, (again,))]


async def resume(session: AsyncSession, heard: Heard, params: Mapping[str, Any]) -> list[Reply]:
    """继续随访: what the person paused. What staff paused, or 退订 did, goes on by other words."""
    one = await _chosen(session, heard, params, reading.RESUME)
    if isinstance(one, Reply):
        return [one]
    await stopping.resume(session, CarePlan.id == one.row.id, heard.now)
    _audit(session, heard, "careplan_resumed", one.row.id)
    (now,) = [mine for mine in await _mine(session, heard) if mine.row.id == one.row.id] or (one,)
    key = "plan.resumed" if now.next else "plan.resumed_quiet"
    return [Reply(key, {"name": one.patient.name, "title": one.title, "next": now.next})]


async def join(session: AsyncSession, heard: Heard, params: Mapping[str, Any]) -> list[Reply]:
    """加入随访计划: one of those open to patients that counts from something on record."""
    if (first := await _unknown(session, heard)) is not None:
        return [first]
    offered = await _open(session, heard)
    if "plan" in params:
        offered = [
            one for one in offered if (one[0].name, one[1].id.hex) == (params["plan"], params["patient_id"])
        ]
    elif len(offered) > 1:
        options = tuple(
            Option(
                f"join{number}",
                _titled(heard, plan.title, number, patient.name),
                INTENT,
                {"aside": reading.JOIN, "plan": plan.name, "patient_id": patient.id.hex},
            )
            for number, (plan, patient, _) in enumerate(offered[:MOST], 1)
        )
        return [Reply("plan.join_which", options=options)]
    if not offered:
        return [Reply("plan.join_none", options=(_human(),))]
    plan, patient, day = offered[0]
    row, new = await service.enrol(
        session, plan.name, patient.id, anchor_date=day, source="patient", now=heard.now
    )
    if new:
        _audit(session, heard, "careplan_started", row.id)
    title = plan.title if heard.contact.channel == ChannelName.WECHAT else ""
    return [Reply("plan.joined", {"name": patient.name, "title": title})]


async def _chosen(session: AsyncSession, heard: Heard, params: Mapping[str, Any], act: str) -> Mine | Reply:
    """The plan that is meant, or what to ask."""
    if (first := await _unknown(session, heard)) is not None:
        return first
    found = await _mine(session, heard)
    if "care_plan_id" in params:
        wanted = UUID(str(params["care_plan_id"]))
        one = next((one for one in found if one.row.id == wanted), None)
        return one if one is not None and _fits(one.row, act) else Reply("plan.over")
    fitting = [one for one in found if _fits(one.row, act)]
    if not fitting:
        key = "plan.nothing_held" if act == reading.RESUME else "plan.none"
        return Reply(key, options=(_human(),) if act == reading.RESUME else ())
    if len(fitting) == 1:
        return fitting[0]
    options = tuple(
        Option(
            f"plan{number}",
            _titled(heard, one.title, number, one.patient.name),
            INTENT,
            {"aside": act, "care_plan_id": one.row.id.hex},
        )
        for number, one in enumerate(fitting[:MOST], 1)
    )
    return Reply(ASKS[act], options=options)


def _fits(row: CarePlan, act: str) -> bool:
    if act == reading.RESUME:
        return _by_patient(row)
    return act != reading.HOLD or row.status == PlanStatus.ACTIVE


def _by_patient(row: CarePlan) -> bool:
    return row.status == PlanStatus.ON_HOLD and row.reason == stopping.BY_PATIENT


async def _unknown(session: AsyncSession, heard: Heard) -> Reply | None:
    """Somebody we may not speak to of a patient's plans."""
    if holder.is_unknown(heard.contact.channel, heard.contact.holder):
        return holder.question()
    if not await patients.patients_of_contact(session, heard.contact.id):
        return Reply("plan.unbound", options=(Option("bind", label("bind"), "bind_patient"),))
    return None


async def _mine(session: AsyncSession, heard: Heard) -> list[Mine]:
    """By patient and age. By SMS plans have numbers: their names may name an illness."""
    linked = {
        one.patient.id: one.patient for one in await patients.patients_of_contact(session, heard.contact.id)
    }
    query = select(CarePlan).where(CarePlan.patient_id.in_(linked), CarePlan.status.in_(LIVE))
    rows = (await session.scalars(query.order_by(CarePlan.started_at, CarePlan.id).with_for_update())).all()
    plans = await publishing.standing(session, {row.plan for row in rows})
    found = []
    for number, row in enumerate(rows, 1):
        title = plans[row.plan].title if row.plan in plans else row.plan
        patient = linked[row.patient_id]
        said = _titled(heard, title, number, "")
        found.append(Mine(row, patient, said, await _next(session, heard, row)))
    return found


async def _next(session: AsyncSession, heard: Heard, row: CarePlan) -> str:
    """The day of what comes next; empty: nothing, or nothing while it is paused."""
    mine = (Touch.care_plan_id == row.id, Touch.status == TouchStatus.PLANNED, Touch.due_at.is_not(None))
    at = await session.scalar(select(Touch.planned_for).where(*mine).order_by(Touch.planned_for).limit(1))
    if at is None:
        return ""
    local = heard.services.clock.local(max(at, heard.now))
    return label("plan_day", month=local.month, day=local.day)


async def _open(session: AsyncSession, heard: Heard) -> list[tuple[Plan, Patient, Any]]:
    """Plans patients may join by themselves, for whom, and from which day."""
    linked: Sequence[Patient] = [
        one.patient for one in await patients.patients_of_contact(session, heard.contact.id)
    ]
    today, found = heard.services.clock.local(heard.now).date(), []
    for plan in (await publishing.running(session)).values():
        if not plan.patients_join:
            continue
        each = whom.candidates(plan, None, None, today).where(Patient.id.in_([one.id for one in linked]))
        rows = {row.patient_id: row for row in await session.execute(each)}
        found += [
            (plan, one, rows[one.id].day)
            for one in linked
            if rows[one.id].verdict == whom.JOINS
            or (rows[one.id].verdict == whom.LEFT and _still_says_something(plan, rows[one.id].day, today))
        ]
    return found


def _still_says_something(plan: Plan, day: date | None, today: date) -> bool:
    """Who left it may come back, unless all of it lies behind."""
    return day is not None and day >= facts.horizon(plan, today)


def _titled(heard: Heard, title: str, number: int, name: str) -> str:
    said = title if heard.contact.channel == ChannelName.WECHAT else label("plan_numbered", number=number)
    return f"{name} {said}" if name else said


def _option(kind: str) -> Option:
    return Option(kind, label(kind), INTENT, {"aside": kind})


def _human() -> Option:
    return Option("human", label("human"), "request_human")


def _audit(session: AsyncSession, heard: Heard, action: str, care_plan_id: UUID) -> None:
    audit.record(
        session,
        actor=audit.subject_of("contact", heard.contact.id),
        action=action,
        subject=audit.subject_of("care_plan", care_plan_id),
        at=heard.now,
    )


ANSWERS: Mapping[str, Answer] = {
    reading.LIST: listed,
    reading.HOLD: hold,
    reading.RESUME: resume,
    reading.LEAVE: leave,
    reading.JOIN: join,
    LEFT: left,
    KEPT: kept,
}
