"""Finding departments and doctors in what a patient wrote.

Longest match over the names the hospital has today.
"""

from __future__ import annotations

import re
import time
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from care.hospital.models import HealthcareService, Practitioner
from care.hospital.service import departments, practitioners
from care.hospital.words import DOCTOR_WORDS

_CALLED = re.compile(
    r"(?<!我)姓(?P<surname>[\u4e00-\u9fff])的(?:那个|那位)?[男女老]?(?!病人|患者|孩子|[人小])(?:专家|医生|大夫|主任|医师)?"
)
"""那个姓王的专家."""


@dataclass(frozen=True, slots=True)
class DepartmentMatch:
    """`text` is what matched, at `start:end` of the folded text (see `fold`)."""

    department: HealthcareService
    text: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class PractitionerMatch:
    """`candidates`: every doctor the words may mean (two of one name; `王主任`).

    `exact`: the full name was said.
    """

    candidates: tuple[Practitioner, ...]
    text: str
    start: int
    end: int
    exact: bool


def fold(text: str) -> str:
    """Full-width to half-width, lower case, no white space."""
    return "".join(unicodedata.normalize("NFKC", text).lower().split())


class Gazetteer:
    """An index of names, built once from rows; pure and quick afterwards (a lookup costs microseconds)."""

    def __init__(self, services: Iterable[HealthcareService], doctors: Iterable[Practitioner]) -> None:
        self.departments = {row.id: row for row in services}
        self.practitioners = {row.id: row for row in doctors}
        self._services: dict[str, HealthcareService] = {}
        for service in self.departments.values():
            for name in (service.name, *service.aliases):
                self._services.setdefault(fold(name), service)
        for service in self.departments.values():
            self._services.setdefault(fold(service.standard), service)
        self._doctors: dict[str, list[Practitioner]] = {}
        self._surnames: dict[str, list[Practitioner]] = {}
        for doctor in self.practitioners.values():
            for name in {fold(doctor.name), *map(fold, doctor.aliases)}:
                self._doctors.setdefault(name, []).append(doctor)
            self._surnames.setdefault(fold(doctor.name)[:1], []).append(doctor)
        self._longest_service = max(map(len, self._services), default=0)
        self._longest_doctor = max(map(len, self._doctors), default=0)

    def find_departments(self, text: str) -> list[DepartmentMatch]:
        """All departments named, left to right, the longest name at each place (`神经外科` is not `外科`)."""
        folded = fold(text)
        found: list[DepartmentMatch] = []
        at = 0
        while at < len(folded):
            for length in range(min(self._longest_service, len(folded) - at), 0, -1):
                piece = folded[at : at + length]
                if (service := self._services.get(piece)) is not None:
                    found.append(DepartmentMatch(service, piece, at, at + length))
                    at += length - 1
                    break
            at += 1
        return found

    def find_department(self, text: str) -> DepartmentMatch | None:
        """The department named; of several, the longest name, then the last said ("不看内科，看眼科")."""
        return max(
            self.find_departments(text), key=lambda match: (len(match.text), match.start), default=None
        )

    def find_practitioner(self, text: str, department_id: UUID | None = None) -> PractitionerMatch | None:
        """The doctor named in full, else surname and title (`李主任`).

        `department_id` narrows several of one name.
        """
        folded = fold(text)
        best = self._by_full_name(folded) or self._by_surname(folded)
        if best is None or department_id is None:
            return best
        inside = tuple(doctor for doctor in best.candidates if doctor.department_id == department_id)
        if not inside:
            return best
        return PractitionerMatch(inside, best.text, best.start, best.end, best.exact)

    def _by_full_name(self, folded: str) -> PractitionerMatch | None:
        for length in range(min(self._longest_doctor, len(folded)), 1, -1):
            for at in range(len(folded) - length + 1):
                piece = folded[at : at + length]
                if (doctors := self._doctors.get(piece)) is not None:
                    return PractitionerMatch(tuple(doctors), piece, at, at + length, exact=True)
        return None

    def _by_surname(self, folded: str) -> PractitionerMatch | None:
        called = _CALLED.search(folded)
        if called is not None and (doctors := self._surnames.get(called["surname"])) is not None:
            return PractitionerMatch(tuple(doctors), called[0], called.start(), called.end(), exact=False)
        for word in DOCTOR_WORDS:
            at = folded.find(word)
            if at >= 1 and (doctors := self._surnames.get(folded[at - 1])) is not None:
                return PractitionerMatch(
                    tuple(doctors), folded[at - 1 : at + len(word)], at - 1, at + len(word), exact=False
                )
        return None


class GazetteerCache:
    """One process's gazetteer: rebuilt after `max_age` seconds, or at once after `clear`."""

    def __init__(self, max_age: float = 60.0) -> None:
        self._max_age = max_age
        self._built: float | None = None
        self._value = Gazetteer((), ())

    async def get(self, session: AsyncSession) -> Gazetteer:
        now = time.monotonic()
        if self._built is None or now - self._built > self._max_age:
            self._value = Gazetteer(await departments(session), await practitioners(session))
            for row in (*self._value.departments.values(), *self._value.practitioners.values()):
                if row in session:
                    session.expunge(row)
            self._built = now
        return self._value

    def clear(self) -> None:
        """Forget: departments or doctors were changed."""
        self._built = None
