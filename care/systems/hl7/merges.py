"""ADT A40, and A18 and A34 of older versions: two records are one patient's (HL7 2.5.1, 3.3.40 and 3.6.2.1: MRG names the one that
is closed, PID before it the one that stands)."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from care.systems import taking
from care.systems.hl7 import fields
from care.systems.hl7.adt import SYSTEM, Told, known_number, patient_of, record_numbers
from care.systems.hl7.codes import Codes
from care.systems.hl7.message import Message, Segment, Unreadable
from care.systems.taking import MergeFact, Taken

EVENTS = frozenset({"A18", "A34", "A40"})


def pairs(message: Message) -> list[tuple[Segment, Segment]]:
    """Each PID with the MRG that belongs to it. Raises `Unreadable`: a PID without one, or none at all."""
    found = []
    for pid, following in message.groups("PID"):
        mrg = next((one for one in following if one.name == "MRG"), None)
        if mrg is None:
            raise Unreadable(100, "segment MRG is missing")
        found.append((pid, mrg))
    return found


async def take_merges(
    session: AsyncSession, message: Message, codes: Codes, came: datetime, confirmed_by: UUID | None = None
) -> Told:
    """Every merge a message tells of, all or none. Raises `Unusable`, `Unreadable`."""
    as_of = fields.said_at(message, came)
    remarks: list[str] = []
    last: Taken | None = None
    for pid, mrg in pairs(message):
        fact = patient_of(pid, codes, as_of, await known_number(session, pid, codes))
        taken = await taking.take_patient(session, SYSTEM, fact, came)
        remarks += taken.remarks
        assert taken.patient_id is not None
        number = record_numbers(mrg, codes, field=1)[0]
        merge = MergeFact(number, as_of, number, taken.patient_id, confirmed_by)
        last = await taking.take_merge(session, SYSTEM, merge, came)
    if last is None:
        raise Unreadable(100, "segment PID is missing")
    return Told(last, remarks)
