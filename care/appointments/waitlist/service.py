"""Joining, leaving, and offering what has become free. No place is offered to two: an offer is a hold."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from care.appointments import service as appointments
from care.appointments import slots
from care.appointments.models import Part, Slot, SlotHold
from care.appointments.rules import RULES
from care.appointments.views import Refused, SlotView, Why
from care.appointments.waitlist.models import LIVE, Waiting, WaitlistEntry
from care.hospital.models import HealthcareService, Practitioner
from care.patients.models import Patient
from care.rows import add_new
from store.clock import Clock

OFFER_FOR = timedelta(minutes=30)
"""A place is kept so long for who is offered it; ours."""
BEFORE = timedelta(hours=3)
"""Nothing is offered that begins sooner: who lives an hour away must be able to come. Ours."""
OPENS, CLOSES = time(8, 0), time(20, 30)
"""Offers are made while people look at their phones, as they run out after `OFFER_FOR`."""
MOST_OFFERS = 3
"""Offers without an answer after which the entry ends: the next in line should not wait for somebody who does not look."""


@dataclass(frozen=True, slots=True)
class Offer:
    """A place kept for somebody who waits."""

    entry: WaitlistEntry
    slot: SlotView


async def join(
    session: AsyncSession,
    *,
    patient_id: UUID,
    department_id: UUID,
    conversation_id: UUID,
    first_day: date,
    last_day: date,
    now: datetime,
    practitioner_id: UUID | None = None,
    part: str | None = None,
) -> tuple[WaitlistEntry, bool]:
    """Wait from now on; who waits for the department already keeps the place in line with the new wish. Whether it is new."""
    entry = WaitlistEntry(
        patient_id=patient_id,
        department_id=department_id,
        practitioner_id=practitioner_id,
        conversation_id=conversation_id,
        first_day=first_day,
        last_day=last_day,
        part=part,
        status=Waiting.WAITING,
        created_at=now,
        changed_at=now,
        offers=0,
    )
    if await add_new(session, entry):
        return entry, True
    standing = await _live(session, patient_id, department_id)
    assert standing is not None
    standing.practitioner_id, standing.part = practitioner_id, part
    standing.first_day, standing.last_day = first_day, last_day
    standing.conversation_id, standing.changed_at = conversation_id, now
    return standing, False


async def leave(session: AsyncSession, entry_id: UUID, *, now: datetime) -> bool:
    """The patient wants none; a place that was kept is free for the next. False when it had ended."""
    return await _end(session, WaitlistEntry.id == entry_id, Waiting.LEFT, now)


async def booked(session: AsyncSession, patient_id: UUID, department_id: UUID, *, now: datetime) -> None:
    """They have a place, by an offer or otherwise: nobody waits any more."""
    mine = (WaitlistEntry.patient_id == patient_id, WaitlistEntry.department_id == department_id)
    await _end(session, mine[0] & mine[1], Waiting.BOOKED, now)


async def standing(session: AsyncSession, patient_ids: Sequence[UUID]) -> Sequence[WaitlistEntry]:
    """What these patients wait for, the oldest first."""
    query = select(WaitlistEntry).where(
        WaitlistEntry.patient_id.in_(list(patient_ids)), WaitlistEntry.status.in_(LIVE)
    )
    return (await session.scalars(query.order_by(WaitlistEntry.created_at))).all()


async def get(session: AsyncSession, entry_id: UUID) -> WaitlistEntry | None:
    return await session.get(WaitlistEntry, entry_id, populate_existing=True)


async def ahead(session: AsyncSession, entry: WaitlistEntry) -> int:
    """How many came before, for the same doctor or any of the department."""
    query = select(WaitlistEntry.id).where(
        WaitlistEntry.department_id == entry.department_id,
        WaitlistEntry.status.in_(LIVE),
        WaitlistEntry.created_at < entry.created_at,
    )
    if entry.practitioner_id is not None:
        same = WaitlistEntry.practitioner_id == entry.practitioner_id
        query = query.where(or_(WaitlistEntry.practitioner_id.is_(None), same))
    return len((await session.scalars(query)).all())


async def run_out(session: AsyncSession, clock: Clock) -> list[WaitlistEntry]:
    """Offers nobody answered go to the end of the line, or end; so do wishes for days that are past and for doctors and departments
    that are gone. Returns those that ended: they are told."""
    now, today = clock.now(), clock.local().date()
    unanswered = select(WaitlistEntry).where(
        WaitlistEntry.status == Waiting.OFFERED, WaitlistEntry.offer_until <= now
    )
    ended = []
    for entry in (await session.scalars(unanswered.with_for_update(skip_locked=True))).all():
        if entry.hold_id is not None:
            await appointments.release(session, entry.hold_id)
        entry.hold_id = entry.offer_until = None
        entry.changed_at = entry.created_at = now
        entry.status = Waiting.WAITING if entry.offers < MOST_OFFERS else Waiting.OVER
        if entry.status == Waiting.OVER:
            ended.append(entry)
    gone = ~WaitlistEntry.department_id.in_(select(HealthcareService.id).where(HealthcareService.active))
    left = WaitlistEntry.practitioner_id.in_(select(Practitioner.id).where(~Practitioner.active))
    past = select(WaitlistEntry).where(
        WaitlistEntry.status == Waiting.WAITING, or_(WaitlistEntry.last_day < today, gone, left)
    )
    for entry in (await session.scalars(past.with_for_update(skip_locked=True))).all():
        entry.status, entry.changed_at = Waiting.OVER, now
        ended.append(entry)
    await session.flush()
    return ended


async def offer(session: AsyncSession, clock: Clock, limit: int) -> list[Offer]:
    """Keep places for those who wait, first come first served. Nobody is offered anything at night."""
    now, local = clock.now(), clock.local_naive()
    if not OPENS <= local.time() < CLOSES:
        return []
    waiting = (
        select(WaitlistEntry)
        .where(WaitlistEntry.status == Waiting.WAITING)
        .order_by(WaitlistEntry.created_at, WaitlistEntry.id)
        .with_for_update(skip_locked=True)
    )
    made: list[Offer] = []
    none_left: set[tuple[Any, ...]] = set()
    for entry in (await session.scalars(waiting)).all():
        wish = (entry.department_id, entry.practitioner_id, entry.part, entry.first_day, entry.last_day)
        if wish in none_left:
            continue
        kept = await _keep(session, entry, clock, now)
        if kept is None:
            none_left.add(wish)
        if not isinstance(kept, Offer):
            continue
        made.append(kept)
        if len(made) >= limit:
            break
    return made


async def offer_by_hand(
    session: AsyncSession, entry_id: UUID, slot_id: UUID, now: datetime
) -> Offer | Refused:
    """Keep this very place for somebody who waits, whoever is before them and whatever time it is. Who has an offer keeps that one."""
    entry = await session.get(WaitlistEntry, entry_id, with_for_update=True, populate_existing=True)
    if entry is None or entry.status != Waiting.WAITING:
        return Refused(Why.NOT_LIVE)
    return await _keep_one(session, entry, slot_id, now)


@dataclass(frozen=True, slots=True)
class Line:
    """An entry with the names that belong to it. `slot`: what is offered now."""

    entry: WaitlistEntry
    patient: Patient
    department: str
    practitioner: str
    slot: Slot | None


async def lines(session: AsyncSession, department_id: UUID | None, limit: int) -> list[Line]:
    """Who waits, in the order of the line; of one department or of all."""
    query = (
        select(WaitlistEntry, Patient, HealthcareService.name, Practitioner.name, Slot)
        .join(Patient, Patient.id == WaitlistEntry.patient_id)
        .join(HealthcareService, HealthcareService.id == WaitlistEntry.department_id)
        .outerjoin(Practitioner, Practitioner.id == WaitlistEntry.practitioner_id)
        .outerjoin(SlotHold, SlotHold.id == WaitlistEntry.hold_id)
        .outerjoin(Slot, Slot.id == SlotHold.slot_id)
        .where(WaitlistEntry.status.in_(LIVE))
        .order_by(HealthcareService.position, WaitlistEntry.created_at, WaitlistEntry.id)
        .limit(limit)
    )
    if department_id is not None:
        query = query.where(WaitlistEntry.department_id == department_id)
    return [
        Line(one, who, where, doctor or "", slot)
        for one, who, where, doctor, slot in await session.execute(query)
    ]


# --- inside ---


async def _keep(
    session: AsyncSession, entry: WaitlistEntry, clock: Clock, now: datetime
) -> Offer | Refused | None:
    """None: nothing is free. Refused: nothing that this patient can have, though others may."""
    kept: Offer | Refused | None = None
    begins = max(now + BEFORE, clock.to_utc(datetime.combine(entry.first_day, time())))
    ends = clock.to_utc(datetime.combine(entry.last_day + timedelta(days=1), time()))
    for free in await slots.find_slots(
        session,
        now=now,
        department_id=entry.department_id,
        practitioner_id=entry.practitioner_id,
        start=begins,
        end=ends,
        part=Part(entry.part) if entry.part else None,
        limit=3,
    ):
        kept = await _keep_one(session, entry, free.slot_id, now)
        if isinstance(kept, Offer):
            break
    return kept


async def _keep_one(
    session: AsyncSession, entry: WaitlistEntry, slot_id: UUID, now: datetime
) -> Offer | Refused:
    held = await appointments.hold(
        session,
        slot_id=slot_id,
        patient_id=entry.patient_id,
        now=now,
        rules=replace(RULES, hold=OFFER_FOR),
    )
    if isinstance(held, Refused):
        return held
    entry.status, entry.hold_id, entry.offer_until = Waiting.OFFERED, held.hold_id, held.until
    entry.offers += 1
    entry.changed_at = now
    await session.flush()
    return Offer(entry, held.slot)


async def _live(session: AsyncSession, patient_id: UUID, department_id: UUID) -> WaitlistEntry | None:
    query = select(WaitlistEntry).where(
        WaitlistEntry.patient_id == patient_id,
        WaitlistEntry.department_id == department_id,
        WaitlistEntry.status.in_(LIVE),
    )
    return (await session.scalars(query)).one_or_none()


async def _end(session: AsyncSession, which: Any, status: Waiting, now: datetime) -> bool:
    ended = await session.execute(
        update(WaitlistEntry)
        .where(which, WaitlistEntry.status.in_(LIVE))
        .values(status=status, changed_at=now, offer_until=None)
        .returning(WaitlistEntry.hold_id)
        .execution_options(synchronize_session=False)
    )
    rows = ended.all()
    for (hold_id,) in rows:
        if hold_id is not None:
            await appointments.release(session, hold_id)
    return bool(rows)
