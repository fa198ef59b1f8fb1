"""A merge that a machine would not do, done because somebody has looked at it."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncSession

from care.systems.hl7.adt import SYSTEM
from care.systems.hl7.codes import Codes
from care.systems.hl7.merges import take_merges
from care.systems.hl7.message import parsed
from care.systems.models import Direction, Said, SystemMessage
from store import audit

ASKS = ("identities_differ", "two_people")
"""Reasons of a dead message that a person may overrule."""


async def confirm(
    session: AsyncSession, message_id: UUID, note: str, codes: Codes, *, staff_id: UUID, now: datetime
) -> bool:
    """The message's records are one person's after all. False: it waits for no such word. Raises `Unusable`: it cannot be all the same."""
    taken = await session.scalar(
        update(SystemMessage)
        .where(
            SystemMessage.id == message_id,
            SystemMessage.system == SYSTEM,
            SystemMessage.direction == Direction.IN,
            SystemMessage.status == Said.DEAD,
            SystemMessage.reason.in_(ASKS),
        )
        .values(
            status=Said.ACCEPTED,
            reason="by_hand",
            due_at=None,
            dead_reason=None,
            settled_at=now,
            settled_by=staff_id,
        )
        .returning(SystemMessage.id)
        .execution_options(synchronize_session=False)
    )
    if taken is None:
        return False
    row = await session.get_one(SystemMessage, message_id, populate_existing=True)
    told = await take_merges(session, parsed(row.body["text"]), codes, row.created_at, confirmed_by=staff_id)
    row = await session.get_one(SystemMessage, message_id, populate_existing=True)
    row.note, row.patient_id = note, told.taken.patient_id
    subject = audit.subject_of("system_message", message_id)
    audit.record(session, actor=f"staff:{staff_id}", action="system.merge", subject=subject, at=now)
    return True
