"""Who did not come is told to the booking system (SIU^S26), unless it was the one to say so, or it is taken back in time."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from care.appointments.rules import UNDO_FOR
from care.systems.hl7.adt import SYSTEM
from care.systems.outward import Outward
from care.systems.taking.models import TakenFact
from store import events

CONSUMER = "hl7-missed"
KIND = "appointment.noshow"


async def put_missed(session: AsyncSession) -> int:
    """Write down what is to be told; how many events were read."""
    found = await events.read_after(session, CONSUMER)
    missed = [one for one in found if one.kind == KIND and one.data.get("appointment_id")]
    rows = {UUID(str(one.data["appointment_id"])): one for one in missed}
    # What a message of theirs brought happened at the moment that message came.
    came = await session.execute(
        select(TakenFact.row_id, TakenFact.taken_at).where(
            TakenFact.row_id.in_(rows), TakenFact.system == SYSTEM
        )
    )
    theirs = {row.row_id for row in came if rows[row.row_id].at == row.taken_at}
    for appointment_id, event in rows.items():
        if appointment_id not in theirs:
            await Outward(SYSTEM).missed(
                session, appointment_id, str(event.id), event.at, event.at + UNDO_FOR
            )
    if found:
        await events.advance(session, CONSUMER, found[-1].id)
    return len(found)
