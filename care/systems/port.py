"""What we ask of a hospital's own system. A driver (`fhir/`, `views/`, `http/`) is one implementation of `HospitalSystem`.

No driver raises for what a system may well do: being away is `Unreachable`, saying no is `Refused`, not being heard again is `Unclear`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, Protocol, runtime_checkable


@dataclass(frozen=True, slots=True)
class Person:
    """The patient as a system must know them. `external_id`: its own id, where we have met it."""

    record_number: str
    name: str
    sex: str
    birth_date: date | None
    phone: str | None
    id_number: str | None
    external_id: str | None = None


@dataclass(frozen=True, slots=True)
class Wanted:
    """An appointment as it is told.

    `key` is ours, the same at every try: what a system keeps it under makes a second try harmless. `slot`, `practitioner`, `service`: the
    system's own ids, or our codes where it never told us any. Times are aware. `external_id`, `etag`: of the appointment, where it has it.
    `made_there`: it has it, but not under our key. `telling`: which time it is told, of what may be told of one appointment more than once
    (cancelled, taken up again, cancelled again); the same at every try.
    """

    key: str
    patient: Person
    slot: str | None
    practitioner: str
    service: str
    start: datetime
    end: datetime
    fee_fen: int
    external_id: str | None = None
    etag: str | None = None
    made_there: bool = False
    telling: str = ""


@dataclass(frozen=True, slots=True)
class Accepted:
    external_id: str
    etag: str | None = None
    patient_id: str | None = None
    """The patient's id there, where the answer says it."""


@dataclass(frozen=True, slots=True)
class Refused:
    """It said no and has kept nothing. `reason`: `full`, `patient`, `gone`, `not_allowed`, `other`; `said`: its own words."""

    reason: str
    said: str = ""


@dataclass(frozen=True, slots=True)
class Unclear:
    """It may have heard us or not: ask it (`find`), never say it again unasked."""

    reason: str = "no_answer"
    said: str = ""


@dataclass(frozen=True, slots=True)
class Unreachable:
    """It has certainly not heard us: say it again later."""

    reason: str = "unreachable"
    said: str = ""


@dataclass(frozen=True, slots=True)
class Waiting:
    """It has our words and answers later (a 中间表): ask for the answer."""

    external_id: str | None = None


@dataclass(frozen=True, slots=True)
class NotThere:
    """It knows of no appointment under our key."""


Outcome = Accepted | Refused | Unclear | Unreachable | Waiting


@dataclass(frozen=True, slots=True)
class Found:
    """An appointment as the system has it now.

    `status` is FHIR's word: `pending`, `booked`, `cancelled`, `arrived`, `fulfilled`, `noshow`. `person`: whose it is, as far as it says.
    `reason`: why it was refused, in `Refused`'s words.
    """

    external_id: str
    status: str
    start: datetime | None = None
    slot: str | None = None
    practitioner: str | None = None
    service: str | None = None
    etag: str | None = None
    patient_id: str | None = None
    record_number: str | None = None
    key: str | None = None
    said: str = ""
    person: Person | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class OfferedSlot:
    """A time the system offers. `free`: places left there now; `capacity` None: it does not say how many there were.

    `practitioner`, `service`: its own ids; `…_code`: the hospital's numbers, where it tells them beside. Ours are found by the
    id where we have met it, else by the code.
    """

    external_id: str
    practitioner: str
    service: str
    start: datetime
    end: datetime
    free: int
    capacity: int | None = None
    fee_fen: int | None = None
    practitioner_code: str = ""
    service_code: str = ""


@dataclass(frozen=True, slots=True)
class Unread:
    """A row that nobody can read: it is shown, and costs no other row. `version` tells one state of it from the next."""

    external_id: str
    said: str
    version: str = ""


@dataclass(frozen=True, slots=True)
class Merged:
    """It has closed the record `gone` in favour of `kept`; both with its own ids."""

    gone: Person
    kept: Person


@dataclass(frozen=True, slots=True)
class Changes:
    """What changed since a cursor, oldest first. `cursor`: where to go on; `more`: at once."""

    appointments: Sequence[Found | Unread]
    cursor: str
    more: bool = False
    merges: Sequence[Merged] = ()


@dataclass(frozen=True, slots=True)
class Checked:
    """What a connection check found; `facts` are shown to the operator (version, counts), `problem` is a code, empty if all is well."""

    problem: str = ""
    said: str = ""
    facts: dict[str, Any] = field(default_factory=dict)


class SystemAway(RuntimeError):
    """Reading did not work. `reason` is a code of `data/seed/system_words.yml`."""

    def __init__(self, reason: str, said: str = "") -> None:
        super().__init__(f"{reason}: {said}" if said else reason)
        self.reason, self.said = reason, said


class HospitalSystem(Protocol):
    """One system. `name` is the key of its rows; `repeatable`: it keeps our key, so that saying a thing twice does it once.

    Telling never raises for the system's faults; reading raises `SystemAway`.
    """

    name: str
    repeatable: bool

    async def schedules(self, first: date, last: date) -> Sequence[OfferedSlot | Unread]:
        """Its times from `first` to `last`, both local days included."""
        ...

    async def book(self, wanted: Wanted) -> Outcome: ...

    async def cancel(self, wanted: Wanted) -> Outcome:
        """`Accepted` also for what it had cancelled already."""
        ...

    async def move(self, old: Wanted, new: Wanted) -> Outcome:
        """The appointment `old` becomes `new`; refused, it stays as it was."""
        ...

    async def find(self, wanted: Wanted) -> Found | NotThere:
        """What it has under our key now. Raises `SystemAway`."""
        ...

    async def changed_since(self, cursor: str | None) -> Changes:
        """Appointments changed there; None: from now on."""
        ...

    async def check(self) -> Checked: ...

    async def close(self) -> None: ...


class SaidAgain:
    """A system that cannot be asked what it has, but answers what it is told twice as it did at first: a driver of one inherits this. What
    is not clear is said again, in the same words under the same key, instead of asked after."""


@runtime_checkable
class KnowsPeople(Protocol):
    """A system whose appointments name a person by an id, and which can be asked who that is."""

    async def person(self, external_id: str) -> Person | None:
        """None: it knows nobody of that id, or no record number of theirs. Raises `SystemAway`."""
        ...


@runtime_checkable
class HearsMissed(Protocol):
    """A system that wants to know who did not come."""

    async def missed(self, wanted: Wanted) -> Outcome: ...
