"""Looking at patients through a rule: how many, a few of them, and why one is in or out. Every look is in the audit trail."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol
from uuid import UUID

import structlog
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncSession

from care.access.service import hidden
from care.patients import service as patients
from care.patients.identity import age_on, mask_name
from care.patients.models import Patient
from content.audiences.counting import Counter
from content.audiences.day import Day
from content.audiences.explain import explain
from content.audiences.facts import facts_of
from content.audiences.rules import Group
from content.audiences.saving import Desk
from content.audiences.shown import ReasonView, reason_view
from content.audiences.vocabulary import Vocabulary
from store import audit
from store.database import DatabaseUnavailable
from web.signin.models import StaffUser

log = structlog.get_logger(__name__)
FOUND = 10
"""Patients a search shows at most."""


class CountingDesk(Desk, Protocol):
    """The desk with its counter."""

    @property
    def counter(self) -> Counter: ...


@dataclass(frozen=True, slots=True)
class Face:
    """A patient as far as an editor may see: name and number masked."""

    id: UUID
    name: str
    number: str
    sex: str
    age: int | None


@dataclass(frozen=True, slots=True)
class Why:
    """`faces`: whom the search found, when it is not one. `tree`: the explanation for `face`. `trouble`: a key of `wrong`."""

    faces: Sequence[Face] = ()
    face: Face | None = None
    included: bool = False
    status: str = ""
    tree: ReasonView | None = None
    trouble: str = ""
    asked: bool = field(default=True)


def face(patient: Patient, day: Day) -> Face:
    """Who it is, to somebody who knows; nobody, to others. A row whose sealed columns cannot be opened has no name."""
    number = patient.record_number
    return Face(
        id=patient.id,
        name=mask_name(patient.name),
        number=f"＊{number[-4:]}",
        sex=patient.sex,
        age=age_on(day.today, None, patient.birth_year),
    )


def _read(session: AsyncSession, desk: Desk, staff: StaffUser, ids: Sequence[UUID], why: str) -> None:
    audit.read(session, staff.id, [audit.subject_of("patient", one) for one in ids], desk.clock.now(), why)


async def count(desk: CountingDesk, staff: StaffUser, rule: Group, patience: float) -> dict[str, Any]:
    """For the template: `counted` (None when it failed or runs), `running` seconds, and the faces of the sample."""
    try:
        found = await desk.counter.ask(rule, patience)
    except (SQLAlchemyError, DatabaseUnavailable):
        log.exception("audiences.count_failed")
        return {"counted": None, "running": 0, "faces": []}
    if isinstance(found, float):
        return {"counted": None, "running": max(1, round(found)), "faces": []}
    day = Day.of(desk.clock)
    seen = [one for one in found.sample if not one.confidential]
    if seen:
        async with desk.database.write("audience sample") as session:
            _read(session, desk, staff, [one.id for one in seen], "audience_sample")
    return {"counted": found, "running": 0, "faces": [face(one, day) for one in seen]}


async def why(desk: Desk, staff: StaffUser, rule: Group, words: Vocabulary, query: str, chosen: str) -> Why:
    """Search, or explain the one that was found or chosen."""
    day = Day.of(desk.clock)
    async with desk.database.write("why in an audience") as session:
        if chosen:
            patient = await patients.get(session, _uuid(chosen))
            found = [] if patient is None else [patient]
        else:
            found = await patients.search(session, query, FOUND)
        closed = await hidden(session, staff.id, found, now=desk.clock.now())
        open_ones = [one for one in found if one.id not in closed]
        _read(session, desk, staff, [one.id for one in open_ones], "audience_why")
        if not open_ones:
            return Why(trouble="confidential" if found else "nobody")
        if len(open_ones) > 1:
            return Why(faces=[face(one, day) for one in open_ones])
        facts = await facts_of(session, open_ones[0].id)
    assert facts is not None
    verdict = explain(rule, facts, day)
    return Why(
        face=face(open_ones[0], day),
        included=verdict.included,
        status=verdict.status,
        tree=reason_view(verdict.tree, words),
    )


def _uuid(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        return UUID(int=0)
