"""An audience put into a plan: begun once a form, done a few hundred patients a transaction, taken back. Nothing here commits but `work`.

What is done is remembered where it is done: the row's `after` moves in the transaction that writes the care plans, and each care plan's
key names row and patient, so that two workers, a form sent twice or a process that dies repeat nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, time, timedelta
from uuid import UUID

import structlog
from sqlalchemy import exists, select
from sqlalchemy.ext.asyncio import AsyncSession

from care.patients.models import Patient
from care.plans import publishing, service, stopping
from care.plans.definition import Plan
from care.plans.enrolling import BATCH, Joining, join, other_days
from care.plans.joining import whom
from care.plans.joining.models import PlanEnrolment, State
from care.plans.joining.ports import AudienceBook, Choice
from care.plans.models import LIVE, CarePlan, Touch, TouchStatus
from care.plans.planning import at_time
from care.rows import add_new, chunks
from channels.chinatime import CHINA
from store import audit, leases, sets
from store.clock import Clock
from store.database import Database

log = structlog.get_logger(__name__)

PAGE = 20_000
"""Patients found by one look at the audience."""
NIGHT = time(3)
"""When whoever has come into an audience is put into its plan."""
TRIES = 5
UNDONE = "undone"
GONE = (TouchStatus.SENT, TouchStatus.ANSWERED, TouchStatus.DONE)
"""States of a touch that has left."""


async def begin(
    session: AsyncSession,
    enrolment_id: UUID,
    plan_name: str,
    choice: Choice,
    *,
    day: date | None,
    keep: bool,
    expected: int,
    by: UUID,
    now: datetime,
) -> bool:
    """Have `choice` put into the plan by the worker. False when this very form was sent before. Raises `PlanError`."""
    plan = await service.signed(session, plan_name)
    row = PlanEnrolment(
        id=enrolment_id,
        plan=plan.name,
        audience_version_id=choice.version_id,
        audience=choice.name,
        anchor_day=day,
        keep=keep,
        state=State.RUNNING,
        expected=expected,
        begun_at=now,
        begun_by=by,
        due_at=now,
        attempts=0,
    )
    if not await add_new(session, row):
        return False
    _audit(session, "plan_enrolment_started", enrolment_id, by, now, plan=plan.name, expected=expected)
    return True


async def stop_keeping(session: AsyncSession, enrolment_id: UUID, *, by: UUID, now: datetime) -> bool:
    """Nobody more is put in from now on. False when nobody was."""
    row = await _locked(session, enrolment_id)
    if row is None or not row.keep or row.state not in (State.RUNNING, State.KEEPING):
        return False
    row.keep = False
    if row.state == State.KEEPING:
        row.state, row.due_at = State.DONE, None
    _audit(session, "plan_enrolment_stopped", enrolment_id, by, now, plan=row.plan)
    return True


async def undo(session: AsyncSession, enrolment_id: UUID, *, by: UUID, now: datetime) -> bool:
    """Have those taken out again whom nothing has reached yet. False when it was taken back before."""
    row = await _locked(session, enrolment_id)
    if row is None or row.state in (State.UNDOING, State.UNDONE):
        return False
    row.state, row.keep, row.after, row.undone_by, row.due_at = State.UNDOING, False, None, by, now
    row.lease_token = row.lease_until = row.dead_reason = None
    row.attempts = 0
    _audit(session, "plan_enrolment_undone", enrolment_id, by, now, plan=row.plan)
    return True


async def of_plan(session: AsyncSession, plan_name: str) -> Sequence[PlanEnrolment]:
    """The newest first."""
    query = select(PlanEnrolment).where(PlanEnrolment.plan == plan_name)
    return (await session.scalars(query.order_by(PlanEnrolment.begun_at.desc()).limit(20))).all()


async def _locked(session: AsyncSession, enrolment_id: UUID) -> PlanEnrolment | None:
    return await session.get(PlanEnrolment, enrolment_id, with_for_update=True, populate_existing=True)


# --- the worker ---


async def work(database: Database, clock: Clock, book: AudienceBook) -> int:
    """Do what is due; how many care plans changed. May run in any number of processes."""
    changed = 0
    while (found := await _one(database, clock, book)) is not None:
        changed += found
    return changed


async def _one(database: Database, clock: Clock, book: AudienceBook) -> int | None:
    now = clock.now()
    async with database.read("plan-enrolments-due") as session:
        due = select(PlanEnrolment.id).where(PlanEnrolment.due_at <= now, PlanEnrolment.dead_reason.is_(None))
        if await session.scalar(due.limit(1)) is None:
            return None

    async def claimed(session: AsyncSession) -> tuple[UUID, PlanEnrolment | None]:
        token, rows = await leases.claim(session, PlanEnrolment, now=now, limit=1)
        return token, rows[0] if rows else None

    token, row = await database.transact(claimed, "plan-enrolments-claim")
    if row is None:
        return None
    try:
        if row.state == State.UNDOING:
            return await _take_out(database, row, token, now)
        return await _put_in(database, row, token, book, now)
    except Exception as error:  # one that cannot be done must not keep the others from it
        log.exception("plans.enrolment_failed", enrolment=str(row.id))
        dead = repr(error)[:200] if row.attempts >= TRIES else None
        later = now + timedelta(minutes=1)

        async def give_back(session: AsyncSession) -> None:
            await leases.release(session, PlanEnrolment, row.id, token, due_at=later, dead_reason=dead)

        await database.transact(give_back, "plan-enrolments-give-up")
        return 0


async def _put_in(
    database: Database, row: PlanEnrolment, token: UUID, book: AudienceBook, now: datetime
) -> int:
    today = now.astimezone(CHINA).date()
    day = today if row.anchor_day is not None and row.state == State.KEEPING else row.anchor_day
    async with database.read("plan-enrolment") as session:
        plan = (await publishing.running(session)).get(row.plan)
        everyone = await book.of(session, row.audience_version_id)
        found: Sequence[UUID] = []
        if plan is not None and everyone is not None:
            if row.after is not None:
                everyone = everyone.where(Patient.id > row.after)
            wanted = whom.joiners(plan, everyone, day, today).limit(PAGE)
            found = [patient_id for patient_id, _ in await session.execute(wanted)]
    changed = 0
    for patients in chunks(found, BATCH):
        assert plan is not None

        async def put(
            session: AsyncSession, plan: Plan = plan, patients: Sequence[UUID] = patients
        ) -> int | None:
            return await _join(session, row.id, token, plan, patients, day, now)

        joined = await database.transact(put, "plan-enrolment")
        if joined is None:  # another has it, or it is being taken back
            return changed
        changed += joined
    if len(found) < PAGE:
        await database.transact(lambda session: _finish(session, row.id, token, now), "plan-enrolment-done")
    else:
        await _release(database, row.id, token, now)
    return changed


async def _join(
    session: AsyncSession,
    enrolment_id: UUID,
    token: UUID,
    plan: Plan,
    patients: Sequence[UUID],
    day: date | None,
    now: datetime,
) -> int | None:
    """These few, looked at once more where it is written. None when the lease was lost."""
    row = await _locked(session, enrolment_id)
    if row is None or row.lease_token != token:
        return None
    today = now.astimezone(CHINA).date()
    each = whom.candidates(plan, None, day, today).where(sets.among(Patient.id, "ids")).subquery("each")
    still = select(each.c.patient_id, each.c.day).where(each.c.verdict == whom.JOINS)
    found = (await session.execute(still, {"ids": list(patients)})).all()
    others = await other_days(session, plan, [one for one, _ in found], today)
    wanted = [
        Joining(
            one,
            f"enrolment:{row.id}:{one}",
            first,
            "audience",
            None,
            others.get(one, {}),
            row.begun_by,
            row.id,
        )
        for one, first in found
    ]
    joined = len(await join(session, plan, wanted, now))
    row.joined += joined
    row.after, row.attempts = patients[-1], 0
    await leases.extend(session, PlanEnrolment, token)
    return joined


async def _finish(session: AsyncSession, enrolment_id: UUID, token: UUID, now: datetime) -> None:
    row = await _locked(session, enrolment_id)
    if row is None or row.lease_token != token:
        return
    row.lease_token = row.lease_until = None
    row.after, row.ended_at = None, row.ended_at or now
    row.state = State.KEEPING if row.keep else State.DONE
    tomorrow = now.astimezone(CHINA).date() + timedelta(days=1)
    row.due_at = at_time(tomorrow, NIGHT) if row.keep else None


async def _take_out(database: Database, row: PlanEnrolment, token: UUID, now: datetime) -> int:
    left = exists().where(Touch.care_plan_id == CarePlan.id, Touch.status.in_(GONE))
    mine = (CarePlan.enrolment_id == row.id, CarePlan.status.in_(LIVE), ~left)

    async def some(session: AsyncSession) -> int | None:
        here = await _locked(session, row.id)
        if here is None or here.lease_token != token:
            return None
        ids = list(await session.scalars(select(CarePlan.id).where(*mine).limit(BATCH)))
        ended = (
            await stopping.end(session, CarePlan.id.in_(ids), UNDONE, now, by=here.undone_by) if ids else []
        )
        here.taken_out += len(ended)
        await leases.extend(session, PlanEnrolment, token)
        if len(ids) < BATCH:
            here.lease_token = here.lease_until = here.due_at = None
            here.state, here.ended_at = State.UNDONE, now
        return len(ended)

    changed = 0
    while found := await database.transact(some, "plan-enrolment-undo"):
        changed += found
    return changed


async def _release(database: Database, enrolment_id: UUID, token: UUID, now: datetime) -> None:
    async def back(session: AsyncSession) -> None:
        await leases.release(session, PlanEnrolment, enrolment_id, token, due_at=now)

    await database.transact(back, "plan-enrolment-on")


def _audit(
    session: AsyncSession, action: str, enrolment_id: UUID, by: UUID, now: datetime, **detail: object
) -> None:
    audit.record(
        session,
        actor=audit.subject_of("staff", by),
        action=action,
        subject=audit.subject_of("plan_enrolment", enrolment_id),
        at=now,
        detail=detail,
    )
