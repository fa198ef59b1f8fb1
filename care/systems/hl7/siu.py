"""SIU: appointments told to the hospital's system, and by it (HL7 2.5.1, chapter 10)."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from care.appointments.models import Status
from care.patients import service as patients
from care.systems import taking
from care.systems.hl7 import fields
from care.systems.hl7.acks import escaped, stamp
from care.systems.hl7.adt import SYSTEM, Told, known_number, patient
from care.systems.hl7.codes import Codes
from care.systems.hl7.message import Message, Segment
from care.systems.port import Wanted
from care.systems.taking import AppointmentFact, Taken, Unusable
from channels.chinatime import CHINA

US = "BANYI"
STATES = {
    "S12": Status.BOOKED,
    "S13": Status.BOOKED,
    "S14": Status.BOOKED,
    "S15": Status.CANCELLED,
    "S26": Status.NOSHOW,
}
FILLER = {
    "PENDING": Status.PENDING,
    "WAITLIST": Status.PENDING,
    "COMPLETE": Status.FULFILLED,
    "STARTED": Status.ARRIVED,
    "NOSHOW": Status.NOSHOW,
    "CANCELLED": Status.CANCELLED,
    "DELETED": Status.CANCELLED,
    "DC": Status.CANCELLED,
}
"""SCH-25 (table 0278) says more than the trigger, in an S14 above all."""
SEXES = {"male": "M", "female": "F", "other": "O"}


# --- told by us ---


def told(
    event: str, control_id: str, name: str, wanted: Wanted, peer: tuple[str, str], now: datetime
) -> bytes:
    """A message about one appointment. `name`: what it is called between the system and us, our id of it (SCH-1) or its own
    (SCH-2); `peer`: the system's application and facility."""
    placer, filler = (name, "") if ours(name) is not None else (wanted.key, name)
    start, end = _at(wanted.start), _at(wanted.end)
    minutes = int((wanted.end - wanted.start).total_seconds() // 60)
    person = wanted.patient
    numbers = [f"{escaped(person.record_number)}^^^{US}^MR"]
    if person.id_number:
        numbers.append(f"{escaped(person.id_number)}^^^^NI")
    doctor, service = escaped(wanted.practitioner), escaped(wanted.service)
    state = {"S15": "Cancelled", "S26": "Noshow"}.get(event, "Booked")
    lines = [
        _line(
            "MSH",
            {
                2: "^~\\&",
                3: US,
                5: escaped(peer[0]),
                6: escaped(peer[1]),
                7: stamp(now),
                9: f"SIU^{event}^SIU_S12",
                10: control_id,
                11: "P",
                12: "2.5.1",
                18: "UNICODE UTF-8",
            },
        ),
        _line(
            "SCH",
            {
                1: f"{placer}^{US}",
                2: escaped(filler),
                6: event,
                9: str(minutes),
                10: "min",
                11: f"^^^{start}^{end}",
                16: US,
                20: US,
                25: state,
            },
        ),
        _line(
            "PID",
            {
                1: "1",
                3: "~".join(numbers),
                5: f"{escaped(person.name)}^^^^^^L",
                7: f"{person.birth_date:%Y%m%d}" if person.birth_date else "",
                8: SEXES.get(person.sex, "U"),
                13: f"^PRN^CP^^^^{escaped(person.phone.removeprefix('+86'))}" if person.phone else "",
            },
        ),
        _line("RGS", {1: "1", 2: "A"}),
        _line("AIS", {1: "1", 2: "A", 3: service, 4: start, 7: str(minutes), 8: "min"}),
        _line("AIP", {1: "1", 2: "A", 3: doctor, 6: start, 9: str(minutes), 10: "min"}),
    ]
    return ("\r".join(lines) + "\r").encode()


def _at(moment: datetime) -> str:
    return stamp(moment.astimezone(CHINA))


def _line(name: str, values: dict[int, str]) -> str:
    first = 2 if name == "MSH" else 1
    return "|".join([name, *(values.get(number, "") for number in range(first, max(values) + 1))]).rstrip("|")


# --- told to us ---


async def take_siu(session: AsyncSession, message: Message, codes: Codes, came: datetime) -> Told:
    """One appointment as the system has it now. Raises `Unusable`, `Unreadable`."""
    sch = message.needed("SCH")
    event = message.head.kind.partition("^")[2]
    as_of = fields.said_at(message, came)
    person = await _patient(session, message, codes, as_of, came)
    doctor = _doctor(message)
    start = _start(sch, message)
    status = FILLER.get(sch.get(25).upper(), STATES[event])
    placer = sch.get(1)
    fact = AppointmentFact(
        external_id=sch.get(2) or placer,
        as_of=as_of,
        patient_id=person,
        status=status,
        practitioner=codes.practitioners.get(doctor, doctor),
        start=start,
        appointment_id=ours(placer),
        reason=sch.get(6, 2) or sch.get(7, 2) or None,
    )
    return Told(await taking.take_appointment(session, SYSTEM, fact, came), [])


async def _patient(
    session: AsyncSession, message: Message, codes: Codes, as_of: datetime, came: datetime
) -> UUID | None:
    """Who has a name in it is made, who is known is only recognised: a booking desk renames nobody. None: it does not say who."""
    pid = message.first("PID")
    if pid is None:  # the standard leaves it out where the appointment's number is enough
        return None
    known = await patients.get_by_record_number(session, await known_number(session, pid, codes))
    if known is not None:
        return known.id
    taken: Taken = await taking.take_patient(
        session, SYSTEM, await patient(session, message, codes, as_of), came
    )
    assert taken.patient_id is not None
    return taken.patient_id


def ours(placer: str) -> UUID | None:
    """Our appointment's id; None where it is somebody else's."""
    try:
        return UUID(placer)
    except ValueError:
        return None


def _doctor(message: Message) -> str:
    """AIP-3, else whom PV1 says is seen."""
    aip, visit = message.first("AIP"), message.first("PV1")
    return (aip.get(3) if aip is not None else "") or (visit.get(7) if visit is not None else "")


def _start(sch: Segment, message: Message) -> datetime | None:
    """SCH-11.4 (2.5.1), else TQ1-7, AIP-6, AIS-4. Raises `Unusable` for one that is none."""
    places = ((message.first("TQ1"), 7), (message.first("AIP"), 6), (message.first("AIS"), 4))
    texts = [sch.get(11, 4), *(one.get(field) for one, field in places if one is not None)]
    text = next((one for one in texts if one), "")
    if text and len(text) < 12:
        raise Unusable("time", text)
    return fields.moment(text)
