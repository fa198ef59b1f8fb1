"""One person's two records become one, in the caller's transaction."""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import delete, select, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased

from care.consents.models import ConsentNow, Purpose
from care.merging import alike, moving
from care.patients.models import Patient, PatientNamePiece, PatientStatus
from care.patients.service import CLEARABLE, set_status, standing_id
from care.plans import publishing, stopping
from care.plans.enrolling import reconcile
from care.plans.models import LIVE, CarePlan
from care.reminders import service as reminders
from store import audit, events, sets
from store.clock import Clock
from store.database import Database

ENDED = "record_merged"
"""Why a plan ends that the other record is in too."""
STRAGGLERS = timedelta(days=2)
"""How long after a merge rows that still came under the old record (a turn under way, a message in a queue) are brought over."""


class NotMerged(ValueError):
    """Two records that a machine must not make one. `code`: `identities_differ`, `two_people`, `two_appointments`; `detail`: what of."""

    def __init__(self, code: str, detail: str = "") -> None:
        super().__init__(f"{code}: {detail}" if detail else code)
        self.code, self.detail = code, detail


async def merge(
    session: AsyncSession, gone_id: UUID, kept_id: UUID, *, at: datetime, actor: str, confirmed: bool = False
) -> bool:
    """`gone_id`'s record is closed and all it has is `kept_id`'s. False: it is so already.

    `confirmed`: a person has looked at what differs. Emits `patient.merged` of the closed record and `patient.merged_in` of the other.
    Plans both are in go on once. Who died by either record has died. Raises `NotMerged`.
    """
    rows = {}
    for one in sorted((gone_id, kept_id)):  # in one order, so that two merges wait for each other
        rows[one] = await session.get_one(Patient, one, with_for_update=True, populate_existing=True)
    gone, kept = rows[gone_id], rows[kept_id]
    if gone.replaced_by is not None or gone_id == kept_id:
        return False
    if kept.replaced_by is not None:
        return await merge(
            session,
            gone_id,
            await standing_id(session, kept_id),
            at=at,
            actor=actor,
            confirmed=confirmed,
        )
    await _may(session, kept, gone, confirmed=confirmed)
    await _end_doubled(session, gone_id, kept_id, at)
    _fill(kept, gone)
    died = gone.status_at or at if gone.status == PatientStatus.DIED else None
    gone.status, gone.status_at, gone.replaced_by = PatientStatus.MERGED, at, kept_id
    await session.flush()
    await session.execute(delete(PatientNamePiece).where(PatientNamePiece.patient_id == gone_id))
    before = update(Patient).where(Patient.replaced_by == gone_id).values(replaced_by=kept_id)
    await session.execute(before.execution_options(synchronize_session=False))
    await moving.move(session, gone_id, kept_id)
    follow_up = await session.get(ConsentNow, (kept_id, Purpose.FOLLOW_UP.value), populate_existing=True)
    if follow_up is not None and not follow_up.granted:
        await stopping.end_of_patient(session, kept_id, "withdrawn", at)
    if died is not None:  # whichever record knew of it
        await set_status(session, kept, PatientStatus.DIED, at=died, actor=actor)
    if kept.status != PatientStatus.ACTIVE:  # what came over from the other record ends as its own did
        await stopping.end_of_patient(session, kept_id, kept.status, at)
        await reminders.end_of_patient(session, kept_id, at)
    plans = await publishing.running(session)
    await reconcile(session, plans.values(), [kept_id], at)
    events.emit(session, gone_id, "patient.merged", at, into=str(kept_id))
    events.emit(session, kept_id, "patient.merged_in", at, gone=str(gone_id))
    for subject, other in ((gone_id, kept_id), (kept_id, gone_id)):
        audit.record(
            session,
            actor=actor,
            action="patient.merged" if subject == gone_id else "patient.merged_in",
            subject=audit.subject_of("patient", subject),
            at=at,
            detail={"other": str(other), "confirmed": confirmed},
        )
    return True


async def _may(session: AsyncSession, kept: Patient, gone: Patient, *, confirmed: bool) -> None:
    if not confirmed:
        if found := alike.differences(kept, gone):
            raise NotMerged("identities_differ", ",".join(found))
        if await alike.claims_both(session, kept.id, gone.id):
            raise NotMerged("two_people")
    if await alike.booked_twice(session, kept.id, gone.id):
        raise NotMerged("two_appointments")


async def _end_doubled(session: AsyncSession, gone_id: UUID, kept_id: UUID, at: datetime) -> None:
    mine = aliased(CarePlan)
    both = select(mine.plan).where(mine.patient_id == kept_id, mine.status.in_(LIVE))
    await stopping.end(session, (CarePlan.patient_id == gone_id) & CarePlan.plan.in_(both), ENDED, at)


def _fill(kept: Patient, gone: Patient) -> None:
    """What only the closed record says of the person."""
    for columns in CLEARABLE.values():
        if all(getattr(kept, one) is None for one in columns):
            for one in columns:
                setattr(kept, one, getattr(gone, one))
    if kept.birth_date_sealed is None and gone.birth_date_sealed is not None:
        kept.birth_year, kept.birth_date = gone.birth_year, gone.birth_date
    kept.sex = gone.sex if kept.sex == "unknown" else kept.sex
    kept.language = kept.language or gone.language
    kept.confidential = kept.confidential or gone.confidential


async def bring_over(database: Database, clock: Clock) -> int:
    """What was still written under records merged lately is the standing record's; how many rows that were."""
    since = clock.now() - STRAGGLERS
    lately = Patient.status == PatientStatus.MERGED, Patient.status_at > since
    async with database.read("merged lately") as session:
        if await session.scalar(select(Patient.id).where(*lately).limit(1)) is None:
            return 0
        closed = await moving.still_named(session, select(Patient.id).where(*lately))
        into = select(Patient.id, Patient.replaced_by).where(*lately, sets.among(Patient.id, "ids"))
        rows = await session.execute(into, {"ids": list(closed)})
        late = [(gone, kept) for gone, kept in rows if kept is not None]
    brought = 0
    for gone_id, kept_id in late:

        async def work(session: AsyncSession, gone_id: UUID = gone_id, kept_id: UUID = kept_id) -> int:
            if await alike.booked_twice(session, kept_id, gone_id):
                return 0  # shown on the day's lists under the old record; people decide
            await _end_doubled(session, gone_id, kept_id, clock.now())
            return await moving.move(session, gone_id, kept_id)

        brought += await database.transact(work, "bring over")
    return brought
