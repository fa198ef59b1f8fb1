"""What is known of a person, as far as choosing articles goes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from care.consents.models import Purpose
from care.patients import service as patients
from care.records.models import Outcome, ProcedureStatus
from content.audiences.facts import PatientFacts
from content.reading.models import ArticleLink, TopicStop

LONGEST_DAYS = 42 * 7 + 6
"""Days from the last period after which a pregnancy nobody closed is over (42 weeks: post-term, WHO)."""


@dataclass(frozen=True, slots=True)
class Person:
    """`codes`: present diagnoses (ICD-10) → days since they were recorded; `operations`: codes (ICD-9-CM-3) → days since. `pregnant`
    and `birth` are days since the last period and since a birth; None: no."""

    sex: str | None = None
    age: int | None = None
    codes: Mapping[str, int] = field(default_factory=dict)
    operations: Mapping[str, int] = field(default_factory=dict)
    pregnant: int | None = None
    birth: int | None = None

    @property
    def weeks_pregnant(self) -> int | None:
        """Completed weeks, as pregnancies are counted."""
        return None if self.pregnant is None else self.pregnant // 7


def week_of(days: int) -> int:
    """The week after an operation a day lies in: the first seven days are week 1."""
    return days // 7 + 1


def person_of(facts: PatientFacts, today: date) -> Person:
    """What the record says on `today` (local)."""
    running = [
        days
        for one in facts.pregnancies
        if (one.ended_date is None or one.ended_date > today)
        and 0 <= (days := (today - one.lmp_date).days) <= LONGEST_DAYS
    ]
    births = [
        (today - one.ended_date).days
        for one in facts.pregnancies
        if one.outcome == Outcome.BIRTH and one.ended_date is not None and one.ended_date <= today
    ]
    return Person(
        sex=facts.patient.sex,
        age=patients.age(facts.patient, today),
        codes={
            one.code: (today - one.recorded_date).days
            for one in facts.conditions
            if one.recorded_date <= today and (one.ended_date is None or one.ended_date > today)
        },
        operations=_newest(
            (one.code, (today - one.performed_date).days)
            for one in facts.procedures
            if one.status == ProcedureStatus.COMPLETED and one.performed_date <= today
        ),
        pregnant=min(running, default=None),
        birth=min(births, default=None),
    )


async def seen_by(session: AsyncSession, facts: PatientFacts) -> frozenset[UUID]:
    """The articles a patient was sent, opened, or was given a link to just now."""
    given = await session.scalars(
        select(ArticleLink.article_id).where(ArticleLink.patient_id == facts.patient.id)
    )
    return frozenset({*given, *(one.row.article_id for one in facts.reads)}) | {
        one.row.article_id for one in facts.sent
    }


async def stopped_by(session: AsyncSession, patient_id: UUID) -> frozenset[str]:
    """The topics a patient wants nothing more of."""
    return frozenset(await session.scalars(select(TopicStop.topic).where(TopicStop.patient_id == patient_id)))


def personal(facts: PatientFacts) -> bool:
    """Whether articles may be chosen by the record."""
    return facts.consents.get(Purpose.PERSONAL, False)


def _newest(dated: Iterable[tuple[str, int]]) -> dict[str, int]:
    found: dict[str, int] = {}
    for code, days in dated:
        found[code] = min(days, found.get(code, days))
    return found
