"""Ending and holding plans: what is ahead dies in the transaction in which the fact is written, with what it left in the queue.

Death, moving away, withdrawal and opting out are written by our own code, which calls here (`patients.set_status`, `consents`); what
other systems tell comes by cursor (`following`).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import ColumnElement, exists, select, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased

from care.consents.models import OptOut, OptOutLevel
from care.followup import service as followup
from care.patients.models import PatientContact
from care.plans import publishing
from care.plans.ahead import plan_ahead
from care.plans.models import AHEAD, LIVE, CarePlan, PlanStatus, Touch, TouchStatus
from care.questionnaires import responses
from care.questionnaires.models import QuestionnaireResponse, ResponseStatus
from channels.outbox.dropping import drop
from channels.outbox.models import OutboundMessage
from store import events, sets

OPTED_OUT, HELD, BY_PATIENT = "opted_out", "hold", "patient_hold"
_QUIET = {"synchronize_session": False}


async def end(
    session: AsyncSession,
    which: ColumnElement[bool],
    reason: str,
    now: datetime,
    *,
    status: PlanStatus = PlanStatus.REVOKED,
    by: UUID | None = None,
    recall: bool = True,
) -> list[UUID]:
    """End the live care plans `which` (over `CarePlan`) holds of; their ids. What waits in the outbox for them does not leave, open
    questionnaires of theirs are asked no more, calls are dropped (not so without `recall`: the plan came to its own end). Emits
    `careplan.ended`."""
    ended = (
        await session.execute(
            update(CarePlan)
            .where(which, CarePlan.status.in_(LIVE))
            .values(status=status, reason=reason, ended_at=now)
            .returning(CarePlan.id, CarePlan.patient_id, CarePlan.plan)
            .execution_options(**_QUIET)
        )
    ).all()
    ids = [row.id for row in ended]
    if not ids:
        return []
    await _cancel(session, ids, reason)
    if recall:
        await _recall(session, ids, reason, now, by)
    for row in ended:
        data = {"care_plan_id": str(row.id), "plan": row.plan, "reason": reason}
        events.emit(session, row.patient_id, "careplan.ended", now, **data)
    return ids


async def end_of_patient(
    session: AsyncSession, patient_id: UUID, reason: str, now: datetime, *, by: UUID | None = None
) -> list[UUID]:
    """Every plan of the patient ends: died, moved, refused, withdrawn."""
    return await end(session, CarePlan.patient_id == patient_id, reason, now, by=by)


async def hold(
    session: AsyncSession, which: ColumnElement[bool], reason: str, now: datetime, by: UUID | None = None
) -> list[UUID]:
    """The active care plans `which` holds of wait from now on; their ids. `resume` plans them anew by the late rule."""
    held = await session.scalars(
        update(CarePlan)
        .where(which, CarePlan.status == PlanStatus.ACTIVE)
        .values(status=PlanStatus.ON_HOLD, reason=reason)
        .returning(CarePlan.id)
        .execution_options(**_QUIET)
    )
    ids = list(held)
    if ids:
        await session.execute(
            update(Touch)
            .where(sets.among(Touch.care_plan_id, "ids"), Touch.status.in_(AHEAD))
            .values(
                status=TouchStatus.PLANNED, reason=reason, due_at=None, lease_token=None, lease_until=None
            )
            .execution_options(**_QUIET),
            {"ids": ids},
        )
        await _recall(session, ids, reason, now, by)
    return ids


async def resume(session: AsyncSession, which: ColumnElement[bool], now: datetime) -> list[UUID]:
    """Held care plans go on: what was missed meanwhile is caught up or skipped as its step says."""
    back = (
        await session.execute(
            update(CarePlan)
            .where(which, CarePlan.status == PlanStatus.ON_HOLD)
            .values(status=PlanStatus.ACTIVE, reason=None)
            .returning(CarePlan.id, CarePlan.plan)
            .execution_options(**_QUIET)
        )
    ).all()
    await _go_on(session, {row.id: row.plan for row in back}, now)
    return [row.id for row in back]


async def revive(session: AsyncSession, which: ColumnElement[bool], reason: str, now: datetime) -> list[UUID]:
    """What ended care plans (`reason`) turned out not to be so: they go on, unless the patient is in the plan anew. What had not left is
    planned by the late rule; what was taken out of the queue is not sent again. Emits `careplan.resumed`."""
    anew = aliased(CarePlan)
    live = exists().where(
        anew.patient_id == CarePlan.patient_id, anew.plan == CarePlan.plan, anew.status.in_(LIVE)
    )
    back = (
        await session.execute(
            update(CarePlan)
            .where(which, CarePlan.status == PlanStatus.REVOKED, CarePlan.reason == reason, ~live)
            .values(status=PlanStatus.ACTIVE, reason=None, ended_at=None)
            .returning(CarePlan.id, CarePlan.patient_id, CarePlan.plan)
            .execution_options(**_QUIET)
        )
    ).all()
    await session.execute(
        update(Touch)
        .where(sets.among(Touch.care_plan_id, "ids"), Touch.status == TouchStatus.CANCELLED)
        .where(Touch.reason == reason, Touch.outbound_key.is_(None))
        .values(status=TouchStatus.PLANNED, due_at=None)
        .execution_options(**_QUIET),
        {"ids": [row.id for row in back]},
    )
    await _go_on(session, {row.id: row.plan for row in back}, now)
    for row in back:
        data = {"care_plan_id": str(row.id), "plan": row.plan}
        events.emit(session, row.patient_id, "careplan.resumed", now, **data)
    return [row.id for row in back]


async def _go_on(session: AsyncSession, back: Mapping[UUID, str], now: datetime) -> None:
    """Care plans (with their plan's name) whose touches wait are planned anew."""
    plans = await publishing.standing(session, set(back.values()))
    for name, plan in plans.items():
        ids = [one for one, of in back.items() if of == name]
        await plan_ahead(session, plan, ids, now)
        await session.execute(
            update(Touch)
            .where(sets.among(Touch.care_plan_id, "ids"), Touch.pinned.is_(True), Touch.due_at.is_(None))
            .where(Touch.status == TouchStatus.PLANNED)
            .values(due_at=Touch.planned_for, reason=None)
            .execution_options(**_QUIET),
            {"ids": ids},
        )


async def opted_out(session: AsyncSession, contacts: Collection[UUID], now: datetime) -> list[UUID]:
    """These contacts want nothing more: plans of patients nobody else speaks for are held until 恢复."""
    return await hold(session, _unreachable(contacts), OPTED_OUT, now)


async def opted_in(session: AsyncSession, contacts: Collection[UUID], now: datetime) -> list[UUID]:
    """恢复: everything the person had stopped is as it was before."""
    mine = select(PatientContact.patient_id).where(PatientContact.contact_id.in_(list(contacts)))
    return await resume(session, CarePlan.patient_id.in_(mine) & (CarePlan.reason == OPTED_OUT), now)


def _unreachable(contacts: Collection[UUID]) -> ColumnElement[bool]:
    mine = select(PatientContact.patient_id).where(PatientContact.contact_id.in_(list(contacts)))
    stopped = select(OptOut.contact_id).where(OptOut.level != OptOutLevel.NONE)
    others = select(PatientContact.patient_id).where(PatientContact.contact_id.not_in(stopped))
    return CarePlan.patient_id.in_(mine) & CarePlan.patient_id.not_in(
        others.where(PatientContact.patient_id.in_(mine))
    )


async def _cancel(session: AsyncSession, ids: Sequence[UUID], reason: str) -> None:
    await session.execute(
        update(Touch)
        .where(sets.among(Touch.care_plan_id, "ids"), Touch.status.in_(AHEAD))
        .values(status=TouchStatus.CANCELLED, reason=reason, due_at=None, lease_token=None, lease_until=None)
        .execution_options(**_QUIET),
        {"ids": list(ids)},
    )


async def _recall(
    session: AsyncSession, ids: Sequence[UUID], reason: str, now: datetime, by: UUID | None
) -> None:
    """What was handed over and has not reached anybody yet: messages in the queue, open questionnaires, calls nobody made."""
    handed = (
        await session.execute(
            select(Touch.id, Touch.kind, Touch.outbound_key).where(
                sets.among(Touch.care_plan_id, "ids"), Touch.status == TouchStatus.SENT
            ),
            {"ids": list(ids)},
        )
    ).all()
    keys = [row.outbound_key for row in handed if row.outbound_key]
    if keys:
        await drop(session, OutboundMessage.dedup_key.in_(keys), reason=reason, now=now)
    asked = [row.outbound_key for row in handed if row.kind == "questionnaire" and row.outbound_key]
    if asked:
        await _stop_asking(session, asked, reason, now)
    if calls := [row.id for row in handed if row.kind == "call"]:
        await followup.drop(session, reason=reason, now=now, touch_ids=calls, by=by)
    if handed:
        await _mark_recalled(session, [row.id for row in handed], reason)


async def _stop_asking(session: AsyncSession, keys: Sequence[str], reason: str, now: datetime) -> None:
    open_ones = await session.scalars(
        select(QuestionnaireResponse).where(
            QuestionnaireResponse.key.in_(keys), QuestionnaireResponse.status == ResponseStatus.IN_PROGRESS
        )
    )
    for one in open_ones.all():
        if await responses.stop(session, one, now=now, reason="withdrawn"):
            said = OutboundMessage.dedup_key.startswith(f"questionnaire:{one.id}:")
            await drop(session, said, reason=reason, now=now)


async def _mark_recalled(session: AsyncSession, touch_ids: Sequence[UUID], reason: str) -> None:
    """Those whose message did not leave, or whose questionnaire or call ended with it, keep the reason."""
    stopped = select(OutboundMessage.dedup_key).where(OutboundMessage.status == "suppressed")
    unanswered = select(QuestionnaireResponse.key).where(
        QuestionnaireResponse.status == ResponseStatus.STOPPED
    )
    gone = (
        Touch.outbound_key.in_(stopped.where(OutboundMessage.dedup_key == Touch.outbound_key))
        | Touch.outbound_key.in_(unanswered.where(QuestionnaireResponse.key == Touch.outbound_key))
        | (Touch.kind == "call")
    )
    await session.execute(
        update(Touch)
        .where(sets.among(Touch.id, "ids"), Touch.status == TouchStatus.SENT, gone)
        .values(status=TouchStatus.CANCELLED, reason=reason)
        .execution_options(**_QUIET),
        {"ids": list(touch_ids)},
    )
