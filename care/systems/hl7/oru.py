"""ORU^R01: reports and their numbers (HL7 2.5.1, chapter 7)."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from care.patients import service as patients
from care.reports.models import READY, ReportCategory, ReportStatus
from care.systems import taking
from care.systems.hl7 import fields
from care.systems.hl7.adt import SYSTEM, Told, known_number
from care.systems.hl7.codes import Codes
from care.systems.hl7.message import Message, Segment, Unreadable, groups
from care.systems.taking import Outcome, ReportFact, Taken, Unusable

STATES = {
    "O": ReportStatus.REGISTERED,
    "I": ReportStatus.REGISTERED,
    "S": ReportStatus.REGISTERED,
    "A": ReportStatus.PRELIMINARY,
    "P": ReportStatus.PRELIMINARY,
    "R": ReportStatus.PRELIMINARY,
    "C": ReportStatus.AMENDED,
    "F": ReportStatus.FINAL,
    "X": ReportStatus.CANCELLED,
}
"""OBR-25 (table 0123)."""
TEXT = ("TX", "FT")
LONGEST = 4000


async def take_oru(session: AsyncSession, message: Message, codes: Codes, came: datetime) -> Told:
    """Each OBR is a report of the PID before it. A laboratory's demographics change nothing: the record system's do.

    Raises `Unusable`, `Unreadable`.
    """
    told: Told | None = None
    as_of = fields.said_at(message, came)
    for pid, of_patient in message.groups("PID"):
        number = await known_number(session, pid, codes)
        row = await patients.get_by_record_number(session, number)
        if row is None:
            raise Unusable("no_patient", later=True)
        told = told or Told(Taken(Outcome.SAME, row.id), [])
        reports = list(groups(of_patient, "OBR"))
        if not reports:
            raise Unreadable(100, "segment OBR is missing")
        order = ""
        for obr, rest in reports:
            order = _order([one for one in of_patient if one.name == "ORC"], obr) or order
            told.taken = await taking.take_report(
                session, SYSTEM, report(obr, rest, order, codes, as_of, row.id), came
            )
            if lost := [
                one.get(3)[:20] for one in rest if _is_number(one) and fields.reading(one, codes) is None
            ]:
                told.remarks.append("observation: " + " ".join(lost[:5]))
    if told is None:
        raise Unreadable(100, "segment PID is missing")
    return told


def report(
    obr: Segment, rest: list[Segment], order: str, codes: Codes, as_of: datetime, patient_id: UUID
) -> ReportFact:
    """One OBR and what follows it as a fact; `order`: the report's number. Raises `Unusable`."""
    status = STATES.get(obr.get(25) or "F")
    if status is None:
        raise Unusable("report_status", obr.get(25)[:20])
    if not order:
        raise Unusable("no_report_number")
    category = codes.report_codes.get(obr.get(4)) or codes.reports.get(obr.get(24), ReportCategory.LABORATORY)
    numbers = {one.code: one for part in rest if part.name == "OBX" and (one := fields.reading(part, codes))}
    text = "\n".join(one.text(5) for one in rest if one.name == "OBX" and one.get(2) in TEXT)
    return ReportFact(
        external_id=order,
        as_of=as_of,
        patient_id=patient_id,
        category=category,
        title=(obr.get(4, 2) or obr.get(4) or order)[:80],
        status=status,
        effective_at=fields.moment(obr.get(7)) or fields.moment(obr.get(14)) or as_of,
        code=obr.get(4)[:20] or None,
        issued_at=fields.moment(obr.get(22)) or (as_of if status in READY else None),
        conclusion=text[:LONGEST] or None,
        readings=tuple(numbers.values()),
    )


def _order(orders: list[Segment], obr: Segment) -> str:
    """The report's number: the filler's, else the placer's; of ORC where OBR is silent and there is one order only."""
    mine = obr.get(3) or obr.get(2)
    return mine or (orders[0].get(3) or orders[0].get(2) if len(orders) == 1 else "")


def _is_number(segment: Segment) -> bool:
    return segment.name == "OBX" and segment.get(2) in ("NM", "SN")
