"""An appointment as the system has it now: ours becomes the same, where it differed that is shown to staff and told to the patient."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from care.appointments import decided
from care.appointments import service as appointments
from care.appointments.models import Appointment, Slot, Status
from care.hospital.models import Practitioner
from care.systems import conflicts, refs
from care.systems.models import ConflictKind, RefKind
from care.systems.outward import Outward, underway
from care.systems.port import Found

_FOLLOWS = {"arrived": Status.ARRIVED, "fulfilled": Status.FULFILLED, "noshow": Status.NOSHOW}


async def take_found(session: AsyncSession, system: str, found: Found, now: datetime) -> bool:
    """The system has it so: ours becomes the same. False: it is none of ours, and of no patient we could give it to."""
    ours = await _ours(session, system, found)
    row = None if ours is None else await session.get(Appointment, ours, populate_existing=True)
    if row is None:
        return False
    if await underway(session, row.id):
        # What we said is on its way there: what it says now may be older. Asked again when that is settled.
        version = found.etag or found.start.isoformat() if found.start else found.etag or ""
        await Outward(system).check(session, row.id, f"{found.status}:{version}", now)
        return True
    await refs.remember(
        session, system, RefKind.APPOINTMENT, found.external_id, row.id, now=now, etag=found.etag
    )
    match found.status:
        case "cancelled":
            if await decided.cancelled(session, row.id, now):
                await _conflict(session, system, ConflictKind.CANCELLED, row, found, now)
        case "booked" | "pending":
            await _stands(session, system, row, found, now)
        case "arrived" | "fulfilled" | "noshow":
            await appointments.move_on(session, row.id, _FOLLOWS[found.status], now=now)
    return True


async def _stands(session: AsyncSession, system: str, row: Appointment, found: Found, now: datetime) -> None:
    if row.status == Status.CANCELLED:
        # A late echo, or somebody there took it up again: what the patient cancelled stays cancelled.
        if await Outward(system).cancel_there(session, row.id, found.etag or "again", now):
            await decided.take_place(session, row.slot_id)
        return
    if row.status == Status.PENDING and found.status == "booked":
        await decided.accepted(session, row.id, now)
    slot = await _slot(session, system, row, found)
    if slot is not None and slot.id != row.slot_id:
        was = row.start
        if await decided.moved(session, row.id, slot, now):
            await _conflict(session, system, ConflictKind.MOVED, row, found, now, was, slot.start)
        elif row.status in (Status.PENDING, Status.BOOKED):  # the patient has another one of that half-day
            await _conflict(session, system, ConflictKind.DOUBLED, row, found, now, was, slot.start)
    elif slot is None and await _elsewhere(session, system, row, found):
        await _conflict(session, system, ConflictKind.UNKNOWN, row, found, now, row.start, found.start)


async def _slot(session: AsyncSession, system: str, row: Appointment, found: Found) -> Slot | None:
    """Where it is now, in our rows: by the system's id, else (or where that one is at another time) its doctor's slot of
    that moment."""
    known = None if found.slot is None else await refs.ours(session, system, RefKind.SLOT, found.slot)
    named = None if known is None else await session.get(Slot, known, populate_existing=True)
    if named is not None and found.start in (None, named.start):
        return named
    if not await _elsewhere(session, system, row, found):
        return None
    doctor = await doctor_of(session, system, found.practitioner) or row.practitioner_id
    slot: Slot | None = await session.scalar(
        select(Slot).where(Slot.practitioner_id == doctor, Slot.start == (found.start or row.start))
    )
    return slot


async def _elsewhere(session: AsyncSession, system: str, row: Appointment, found: Found) -> bool:
    """Whether it has it at another time, or with another doctor."""
    if found.start not in (None, row.start):
        return True
    return bool(found.practitioner) and row.practitioner_id != await doctor_of(
        session, system, found.practitioner
    )


async def doctor_of(session: AsyncSession, system: str, practitioner: str | None) -> UUID | None:
    """Ours behind the system's id of a doctor, else by the hospital's own number."""
    if not practitioner:
        return None
    if known := await refs.ours(session, system, RefKind.PRACTITIONER, practitioner):
        return known
    found: UUID | None = await session.scalar(
        select(Practitioner.id).where(Practitioner.code == practitioner)
    )
    return found


async def _ours(session: AsyncSession, system: str, found: Found) -> UUID | None:
    try:
        key = UUID(found.key) if found.key else None
    except ValueError:
        key = None
    if key is not None and await session.get(Appointment, key) is not None:
        return key
    return await refs.ours(session, system, RefKind.APPOINTMENT, found.external_id)


async def _conflict(
    session: AsyncSession,
    system: str,
    kind: ConflictKind,
    row: Appointment,
    found: Found,
    now: datetime,
    was: datetime | None = None,
    now_start: datetime | None = None,
) -> None:
    version = found.etag or (now_start or now).isoformat()
    await conflicts.record(
        session,
        system=system,
        kind=kind,
        key=f"{kind}:{row.id}:{version}"[:160],
        row=row,
        was=was or row.start,
        now_start=now_start,
        said=found.said,
        now=now,
    )
