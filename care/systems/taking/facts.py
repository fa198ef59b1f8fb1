"""What another system of the hospital may say, in our terms. Times are aware; departments and doctors by any name we know them by."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Literal
from uuid import UUID

from care.appointments.models import Status
from care.observations.reading import Reading
from care.patients.models import PatientStatus
from care.records.models import EncounterKind
from care.reports.models import ReportCategory, ReportStatus

FactKind = Literal[
    "patient", "encounter", "condition", "procedure", "report", "appointment", "conditions", "procedures"
]
ListKind = Literal["conditions", "procedures"]
"""All diagnoses, or operations, of a visit: told together."""
Withdrawable = Literal["encounter", "condition", "procedure", "report"]


class Outcome(StrEnum):
    """`STALE`: something newer was said already, so nothing changed."""

    NEW = "new"
    CHANGED = "changed"
    SAME = "same"
    STALE = "stale"
    WITHDRAWN = "withdrawn"


@dataclass(frozen=True, slots=True)
class Taken:
    """`row_id`: our row, None where none is left. `remarks`: codes of what was left out or settled, with what it was about."""

    outcome: Outcome
    patient_id: UUID | None = None
    row_id: UUID | None = None
    remarks: tuple[str, ...] = ()


class Unusable(ValueError):
    """The fact cannot be taken, and nothing of it was. `code` names why, `detail` what it is about.

    `later`: it may fit once something else has arrived (its admission, its patient), so trying again makes sense.
    """

    def __init__(self, code: str, detail: str = "", *, later: bool = False) -> None:
        super().__init__(f"{code}: {detail}" if detail else code)
        self.code, self.detail, self.later = code, detail, later


@dataclass(frozen=True, slots=True)
class PatientFact:
    """`external_id`: what the system calls the person; `record_number`: the hospital's. None means nothing is said of it.

    An empty name and sex `unknown` say nothing of somebody we know. `cleared`: fields that are expressly empty now, of `phone`,
    `id_number`, `residence_code`; `left_out`: codes of what was said and cannot be.
    """

    external_id: str
    as_of: datetime
    record_number: str
    name: str
    sex: str
    birth_date: date | None = None
    phone: str | None = None
    id_number: str | None = None
    residence_code: str | None = None
    status: PatientStatus | None = None
    status_at: datetime | None = None
    cleared: frozenset[str] = frozenset()
    left_out: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class MergeFact:
    """Two records are one person's: `kept` stands, the one the system calls `external_id` (numbered `record_number`) is closed.

    `confirmed_by`: the member of staff who has looked at what the two say differently.
    """

    external_id: str
    as_of: datetime
    record_number: str
    kept: UUID
    confirmed_by: UUID | None = None


@dataclass(frozen=True, slots=True)
class EncounterFact:
    """A visit or a stay. None means nothing is said of it; `still_here` takes a discharge back; `transferred_at`: moved to `department`
    then, where it is another one than before."""

    external_id: str
    as_of: datetime
    patient_id: UUID
    kind: EncounterKind
    department: str
    started_at: datetime | None = None
    ended_at: datetime | None = None
    still_here: bool = False
    transferred_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class ConditionFact:
    """A diagnosis, `code` of ICD-10. `encounter`: the visit it was made at, by the system's identifier."""

    external_id: str
    as_of: datetime
    patient_id: UUID
    code: str
    display: str
    recorded_at: datetime
    onset: date | None = None
    ended: date | None = None
    encounter: str | None = None


@dataclass(frozen=True, slots=True)
class ProcedureFact:
    """An operation, `code` of ICD-9-CM-3; planned while its time lies ahead."""

    external_id: str
    as_of: datetime
    patient_id: UUID
    code: str
    display: str
    performed_at: datetime
    department: str = ""
    encounter: str | None = None


@dataclass(frozen=True, slots=True)
class ReportFact:
    """A report by its number. `readings`: its numbers, as far as we keep such (`care.observations`)."""

    external_id: str
    as_of: datetime
    patient_id: UUID
    category: ReportCategory
    title: str
    status: ReportStatus
    effective_at: datetime
    code: str | None = None
    issued_at: datetime | None = None
    conclusion: str | None = None
    readings: tuple[Reading, ...] = ()


@dataclass(frozen=True, slots=True)
class AppointmentFact:
    """A place in a clinic. `appointment_id`: ours, where the system gives it back. `patient_id`, `start` None: not said again."""

    external_id: str
    as_of: datetime
    patient_id: UUID | None
    status: Status
    practitioner: str = ""
    start: datetime | None = None
    appointment_id: UUID | None = None
    reason: str | None = None
