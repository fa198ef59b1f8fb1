"""Everything the leaves ask for, of one patient."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from care.consents.models import ConsentNow
from care.hospital.models import HealthcareService
from care.patients.models import Condition, Patient, PatientContact, PatientTag
from care.questionnaires.models import AnswerNow
from care.records.models import Encounter, Pregnancy, Procedure
from channels.contacts.models import Contact
from content.articles.models import Article
from content.reading.models import ArticleRead, ArticleSent

R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class Seen:
    """An encounter with its department's code and name."""

    row: Encounter
    code: str
    name: str


@dataclass(frozen=True, slots=True)
class Piece(Generic[R]):
    """An article that was sent or read, with its slug (None: it is gone)."""

    row: R
    slug: str | None


@dataclass(frozen=True, slots=True)
class PatientFacts:
    """Rows as they are stored. `channels`: kinds of living contacts; `consents`: purpose → agreed."""

    patient: Patient
    conditions: list[Condition] = field(default_factory=list)
    encounters: list[Seen] = field(default_factory=list)
    procedures: list[Procedure] = field(default_factory=list)
    pregnancies: list[Pregnancy] = field(default_factory=list)
    answers: list[AnswerNow] = field(default_factory=list)
    reads: list[Piece[ArticleRead]] = field(default_factory=list)
    sent: list[Piece[ArticleSent]] = field(default_factory=list)
    tags: frozenset[str] = frozenset()
    channels: frozenset[str] = frozenset()
    consents: dict[str, bool] = field(default_factory=dict)


async def facts_of(session: AsyncSession, patient_id: UUID) -> PatientFacts | None:
    """None when there is no such patient. The caller records the read."""
    patient = await session.get(Patient, patient_id)
    if patient is None:
        return None

    async def rows(table: Any) -> list[Any]:
        return list(await session.scalars(select(table).where(table.patient_id == patient_id)))

    async def pieces(table: Any) -> list[Piece[Any]]:
        wanted = select(table, Article.slug).outerjoin(Article, Article.id == table.article_id)
        found = await session.execute(wanted.where(table.patient_id == patient_id))
        return [Piece(row, slug) for row, slug in found]

    encounters = await session.execute(
        select(Encounter, HealthcareService.code, HealthcareService.name)
        .join(HealthcareService, HealthcareService.id == Encounter.department_id)
        .where(Encounter.patient_id == patient_id)
    )
    channels = await session.scalars(
        select(Contact.channel)
        .join(PatientContact, PatientContact.contact_id == Contact.id)
        .where(PatientContact.patient_id == patient_id, Contact.status == "active")
    )
    consents = await session.scalars(select(ConsentNow).where(ConsentNow.subject_id == patient_id))
    return PatientFacts(
        patient=patient,
        conditions=await rows(Condition),
        encounters=[Seen(*row) for row in encounters],
        procedures=await rows(Procedure),
        pregnancies=await rows(Pregnancy),
        answers=await rows(AnswerNow),
        reads=await pieces(ArticleRead),
        sent=await pieces(ArticleSent),
        tags=frozenset(one.tag for one in await rows(PatientTag)),
        channels=frozenset(channels),
        consents={one.purpose: one.granted for one in consents},
    )
