"""What becomes of a message when the system has answered, or a person has: the appointment follows, in the same transaction."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import exists, select
from sqlalchemy.ext.asyncio import AsyncSession

from care.appointments import decided
from care.appointments.models import Appointment, Status
from care.systems import conflicts, refs
from care.systems.models import ConflictKind, Direction, RefKind, SystemMessage
from care.systems.outward import BOOK, CANCEL, MISSED, MOVE, Outward
from care.systems.port import Accepted, Refused
from care.systems.wanting import standing

_FULL = ("full", "gone")


async def accepted(session: AsyncSession, message: SystemMessage, said: Accepted, now: datetime) -> None:
    """The system has it, or has given it up."""
    row = await _row(session, message)
    if row is None or message.kind == MISSED:
        return
    if message.kind == CANCEL:
        await decided.free_place(session, row.slot_id)
        return
    old = await standing(session, message.system, row.id)  # before the new one is known by the same id
    await refs.remember(
        session, message.system, RefKind.APPOINTMENT, said.external_id, row.id, now=now, etag=said.etag
    )
    if said.patient_id is not None:
        await refs.remember(
            session, message.system, RefKind.PATIENT, said.patient_id, row.patient_id, now=now
        )
    if old is not None:
        await _let_go(session, message, old, said, now)
    await decided.accepted(session, row.id, now)


async def refused(
    session: AsyncSession, message: SystemMessage, said: Refused, now: datetime, *, shown: bool = True
) -> None:
    """The system has not done it: what was stays, what was wanted is given back. `shown`: among the conflicts, for people to see."""
    row = await _row(session, message)
    if row is None or message.kind == MISSED:
        return
    if message.kind == CANCEL:
        if await decided.restored(session, row.id, now, tell=True) and shown:
            await conflicts.note(session, message, ConflictKind.NOT_CANCELLED, row, said.said, now)
        return
    kind = ConflictKind.NOT_MOVED if message.kind == MOVE else ConflictKind.REFUSED
    kind = ConflictKind.FILLED if said.reason in _FULL and message.kind == BOOK else kind
    old = await standing(session, message.system, row.id) if row.replaces_id is not None else None
    if row.status == Status.PENDING:
        await decided.refused(session, row.id, now, old=old)
        if shown:
            await conflicts.note(session, message, kind, row, said.said, now)
    elif await _has(session, message.system, CANCEL, row.id):
        if old is not None:  # the visit is off, and so is the one it was to be moved from
            await Outward(message.system).cancelled(session, old, now)
    else:
        await decided.free_place(session, row.slot_id)  # moved on meanwhile


async def _let_go(
    session: AsyncSession, message: SystemMessage, old: UUID, said: Accepted, now: datetime
) -> None:
    """What a move has left: its place is free, at once where the system moved it in one step, else when it has cancelled it."""
    if said.external_id and await refs.theirs(session, message.system, RefKind.APPOINTMENT, old) is not None:
        await Outward(message.system).cancelled(session, old, now)
        return
    row = await session.get(Appointment, old, populate_existing=True)
    if row is not None:
        await decided.free_place(session, row.slot_id)


async def _row(session: AsyncSession, message: SystemMessage) -> Appointment | None:
    if message.subject_id is None:
        return None
    return await session.get(Appointment, message.subject_id, populate_existing=True)


async def _has(session: AsyncSession, system: str, kind: str, appointment_id: UUID) -> bool:
    found = exists().where(
        SystemMessage.system == system,
        SystemMessage.direction == Direction.OUT,
        SystemMessage.kind == kind,
        SystemMessage.subject_id == appointment_id,
    )
    return bool(await session.scalar(select(found)))
