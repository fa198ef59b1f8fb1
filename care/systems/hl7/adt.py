"""ADT: who came, was admitted, discharged, with which diagnoses and operations (HL7 2.5.1, chapters 3 and 6)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from sqlalchemy.ext.asyncio import AsyncSession

from care.patients import service as patients
from care.patients.models import PatientStatus
from care.records.models import EncounterKind
from care.systems import taking
from care.systems.hl7 import fields
from care.systems.hl7.codes import Codes, says
from care.systems.hl7.message import NULL, Message, Segment
from care.systems.taking import (
    ConditionFact,
    EncounterFact,
    PatientFact,
    ProcedureFact,
    Taken,
    Unusable,
)
from care.systems.taking.facts import ListKind, Withdrawable

SYSTEM = "hl7"
"""Record, visit and report numbers are the hospital's, whichever of its systems sends them: one name for all."""
PERSON_ONLY = frozenset({"A28", "A31"})
ADMITS = frozenset({"A01", "A04"})


@dataclass(slots=True)
class Told:
    """What a message came to: whom it is about, and codes of what was left out of it."""

    taken: Taken
    remarks: list[str]


async def take_adt(session: AsyncSession, message: Message, codes: Codes, came: datetime) -> Told:
    """Everything an ADT message says. Raises `Unusable`, `Unreadable`."""
    event = message.head.kind.partition("^")[2]
    as_of = fields.said_at(message, came)
    taken = await taking.take_patient(session, SYSTEM, await patient(session, message, codes, as_of), came)
    told = Told(taken, list(taken.remarks))
    assert taken.patient_id is not None
    visit = message.first("PV1")
    if event in PERSON_ONLY or visit is None:
        return told
    try:
        number = visit_number(message, visit)
    except Unusable as error:
        if event != "A08":  # a correction of the person may come with an empty PV1
            raise
        told.remarks.append(str(error))
        return told
    if event == "A11":
        await taking.withdraw(session, SYSTEM, "encounter", number, as_of, came)
        return told
    about = _Visit(session, message, codes, as_of, came, taken, number, told.remarks)
    try:
        async with session.begin_nested():
            await taking.take_encounter(session, SYSTEM, about.encounter(event, visit), came)
    except Unusable as error:
        # A correction of the person is worth taking without a visit that is not known; an admission or discharge is not.
        if event != "A08":
            raise
        told.remarks.append(str(error))
    if event != "A13" and not await taking.withdrawn(session, SYSTEM, "encounter", number):
        await about.diagnoses(visit)
        await about.operations(visit)
    return told


async def patient(session: AsyncSession, message: Message, codes: Codes, as_of: datetime) -> PatientFact:
    """PID as a fact. Raises `Unreadable`, `Unusable`."""
    pid = message.needed("PID")
    return patient_of(pid, codes, as_of, await known_number(session, pid, codes))


def patient_of(pid: Segment, codes: Codes, as_of: datetime, record: str) -> PatientFact:
    """PID as a fact about who has this record number."""
    left_out: tuple[str, ...] = ()
    try:
        born = fields.day(pid.get(7))
    except Unusable:
        born, left_out = None, ("birth_date",)
    died_at = fields.moment(pid.get(29))
    death = pid.get(30)
    died = death == "Y" or died_at is not None
    status = PatientStatus.DIED if died else PatientStatus.ACTIVE if death == "N" else None
    region = next(
        (part for part in (pid.get(11, 9), pid.get(11, 5)) if len(part) == 6 and part.isdigit()), None
    )
    return PatientFact(
        external_id=record,
        as_of=as_of,
        record_number=record,
        name=fields.name(pid, 5),
        sex=codes.sexes.get(pid.get(8), "unknown"),
        birth_date=born,
        phone=fields.phone(pid, 13),
        id_number=fields.identifier(pid, codes.id_number) or pid.get(19) or None,
        residence_code=region if region and region[2:] != "0000" else None,
        status=status,
        status_at=died_at,
        cleared=frozenset({"phone"}) if pid.cleared(13) else frozenset(),
        left_out=left_out,
    )


def record_numbers(pid: Segment, codes: Codes, field: int = 3) -> list[str]:
    """All of the first kind there is: a patient of two campuses has two. Raises `Unusable`."""
    numbers = fields.identifiers(pid, codes.record_number, or_first=True, field=field)
    numbers = [one for one in numbers if one and one != NULL]
    if not numbers:
        raise Unusable("no_record_number")
    return numbers


async def known_number(session: AsyncSession, pid: Segment, codes: Codes) -> str:
    """The record number we go by: of several the one we know, else the first. Raises `Unusable`: they are two people's here."""
    numbers = record_numbers(pid, codes)
    if len(numbers) == 1:
        return numbers[0]
    known = await patients.ids_of_records(session, numbers)
    if len(set(known.values())) > 1:
        raise Unusable("two_patients", ", ".join(known))
    return next(iter(known), numbers[0])


def visit_number(message: Message, visit: Segment) -> str:
    """PV1-19, else the account or the alternate number. Raises `Unusable`."""
    pid = message.first("PID")
    number = visit.get(19) or visit.get(50) or (pid.get(18) if pid is not None else "")
    if not number:
        raise Unusable("no_visit_number")
    return number


def department(visit: Segment, codes: Codes) -> str:
    """Where the patient is: the ward's or clinic's code or name, else the hospital service (PV1-10); mapped where a map is."""
    places = [visit.get(3, 1), visit.get(10), visit.get(3, 9), visit.get(3, 4)]
    mapped = [codes.departments[one] for one in places if one in codes.departments]
    return (mapped or [one for one in places if one] or [""])[0]


@dataclass(slots=True)
class _Visit:
    """One message about one visit."""

    session: AsyncSession
    message: Message
    codes: Codes
    as_of: datetime
    came: datetime
    taken: Taken
    number: str
    remarks: list[str]

    def encounter(self, event: str, visit: Segment) -> EncounterFact:
        assert self.taken.patient_id is not None
        usual = EncounterKind.OUTPATIENT if event == "A04" else EncounterKind.INPATIENT
        kind = self.codes.visits.get(visit.get(2), usual)
        started, ended = fields.moment(visit.get(44)), fields.moment(visit.get(45))
        if started is None and event in ADMITS:
            started = self._happened()
        if ended is None and event == "A03":
            ended = self._happened()
        return EncounterFact(
            external_id=self.number,
            as_of=self.as_of,
            patient_id=self.taken.patient_id,
            kind=kind,
            department=department(visit, self.codes),
            started_at=started,
            ended_at=None if event == "A13" else ended,
            still_here=event == "A13",
            transferred_at=self._happened() if event == "A02" else None,
        )

    def _happened(self) -> datetime:
        """EVN-6, when the event occurred; else EVN-2, when it was entered; else when it was said."""
        evn = self.message.first("EVN")
        times = (evn.get(6), evn.get(2)) if evn is not None else ()
        return next((at for text in times if (at := fields.moment(text)) is not None), self.as_of)

    def _is_whole(self, name: str, action: int) -> bool:
        """Whether there is a list, and it is all there are: without action codes (2.5.1, 2.10.4.1)."""
        every = self.message.all(name)
        return bool(every) and self.codes.diagnoses_are == "all" and not any(one.get(action) for one in every)

    async def _newest(self, kind: ListKind) -> bool:
        """Of two whole lists of a visit the one that was said later counts, whichever is heard first."""
        assert self.taken.patient_id is not None
        return await taking.take_list(
            self.session, SYSTEM, kind, self.number, self.taken.patient_id, self.as_of, self.came
        )

    async def diagnoses(self, visit: Segment) -> None:
        """DG1."""
        listed: set[str] = set()
        whole = self._is_whole("DG1", 21)
        if whole and not await self._newest("conditions"):
            return
        for one in self.message.all("DG1"):
            found = self._coded(one, self.codes.icd10, self.codes.diagnoses)
            if found is None:
                continue
            code, display = found
            key = one.get(20) or f"{self.number}|{code}"
            if one.get(21) == "D":
                await taking.withdraw(self.session, SYSTEM, "condition", key, self.as_of, self.came)
                continue
            listed.add(key)
            assert self.taken.patient_id is not None
            fact = ConditionFact(
                external_id=key,
                as_of=self.as_of,
                patient_id=self.taken.patient_id,
                code=code,
                display=display or one.get(4) or code,
                recorded_at=fields.moment(one.get(5)) or fields.moment(visit.get(44)) or self._happened(),
                encounter=self.number,
            )
            await self._try(partial(taking.take_condition, self.session, SYSTEM, fact, self.came), code)
        await self._others("condition", listed, whole)

    async def operations(self, visit: Segment) -> None:
        """PR1."""
        listed: set[str] = set()
        whole = self._is_whole("PR1", 20)
        if whole and not await self._newest("procedures"):
            return
        for one in self.message.all("PR1"):
            found = self._coded(one, self.codes.icd9, self.codes.procedures)
            if found is None:
                continue
            code, display = found
            at = fields.moment(one.get(5)) or self._happened()
            key = one.get(19) or f"{self.number}|{code}|{at:%Y%m%d}"
            if one.get(20) == "D":
                await taking.withdraw(self.session, SYSTEM, "procedure", key, self.as_of, self.came)
                continue
            listed.add(key)
            assert self.taken.patient_id is not None
            fact = ProcedureFact(
                external_id=key,
                as_of=self.as_of,
                patient_id=self.taken.patient_id,
                code=code,
                display=display or one.get(4) or code,
                performed_at=at,
                department=department(visit, self.codes),
                encounter=self.number,
            )
            await self._try(partial(taking.take_procedure, self.session, SYSTEM, fact, self.came), code)
        await self._others("procedure", listed, whole)

    def _coded(
        self, segment: Segment, systems: frozenset[str], own: Mapping[str, tuple[str, str]]
    ) -> tuple[str, str] | None:
        """Code and wording of field 3; None, with a remark, where the code is none we know."""
        code, display, system = segment.get(3, 1), segment.get(3, 2), segment.get(3, 3)
        if code in own:
            return own[code]
        if code and (says(system, systems) or not system):
            return code, display
        if segment.get(3, 4) and says(segment.get(3, 6), systems):
            return segment.get(3, 4), segment.get(3, 5) or display
        self.remarks.append(f"code_system: {segment.name} {code[:20]} {system[:20]}")
        return None

    async def _try(self, take: Callable[[], Awaitable[Taken]], code: str) -> None:
        """One diagnosis or operation that does not fit is left out of the message, and named."""
        try:
            async with self.session.begin_nested():
                await take()
        except Unusable as error:
            self.remarks.append(f"{error.code}: {code[:20]}")

    async def _others(self, kind: Withdrawable, listed: set[str], whole: bool) -> None:
        if listed and whole:
            await taking.withdraw_others(
                self.session, SYSTEM, kind, self.number, frozenset(listed), self.as_of, self.came
            )
