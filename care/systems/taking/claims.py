"""Which facts were taken before: the one place where a repeat, an older message and a late one are told apart."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from care.hospital.gazetteer import fold
from care.hospital.models import HealthcareService, Practitioner
from care.hospital.service import departments, practitioners
from care.records.service import MORNING
from care.systems.taking.facts import FactKind, Outcome, Taken, Unusable
from care.systems.taking.models import TakenFact
from channels.chinatime import CHINA
from store import audit, crypto


@dataclass(slots=True)
class Source:
    """One system's fact of one kind, as the row it is kept under."""

    system: str
    kind: FactKind
    external_id: str
    as_of: datetime
    now: datetime

    @property
    def key(self) -> str:
        return crypto.lookup(self.external_id, f"fact.{self.kind}")

    @property
    def keys(self) -> list[str]:
        """What it may be kept under."""
        return keys_of(self.kind, self.external_id)

    @property
    def actor(self) -> str:
        return audit.subject_of("system", self.system)


def keys_of(kind: FactKind, external_id: str) -> list[str]:
    """What a fact may be kept under: since only the hash is kept, under any version of the hashing key."""
    return crypto.lookups(external_id, f"fact.{kind}")


async def known(session: AsyncSession, source: Source) -> TakenFact | None:
    """The fact as it was last taken, locked until the transaction ends. Raises `Unusable` without an identifier."""
    if not source.external_id.strip():
        raise Unusable("no_identifier", source.kind)
    return (
        await session.scalars(
            select(TakenFact)
            .where(
                TakenFact.system == source.system,
                TakenFact.kind == source.kind,
                TakenFact.key.in_(source.keys),
            )
            .with_for_update()
            .execution_options(populate_existing=True)
        )
    ).one_or_none()


def is_stale(before: TakenFact | None, source: Source) -> bool:
    """Whether something newer is known; of two said at the same moment the one that came later counts, whichever is taken first."""
    return before is not None and (source.as_of, source.now) < (before.as_of, before.taken_at)


def stale(before: TakenFact | None) -> Taken:
    assert before is not None
    return Taken(Outcome.STALE, before.patient_id, before.row_id)


def keep(
    session: AsyncSession,
    before: TakenFact | None,
    source: Source,
    *,
    patient_id: UUID | None,
    row_id: UUID | None,
    made: bool = False,
    part_of: UUID | None = None,
) -> TakenFact:
    """Remember that the fact holds as of now."""
    if before is None:
        before = TakenFact(system=source.system, kind=source.kind, key=source.key, made=made)
        session.add(before)
    elif before.row_id != row_id:
        before.made = made
    before.patient_id, before.row_id = patient_id, row_id
    before.part_of = part_of if part_of is not None else before.part_of
    before.as_of, before.taken_at, before.withdrawn_at = source.as_of, source.now, None
    return before


async def may_delete(session: AsyncSession, fact: TakenFact) -> bool:
    """Whether a withdrawn fact's row goes with it: not when it was there before any fact, nor while another fact holds it (which
    then answers for it)."""
    if not fact.made:
        return False
    heir = await session.scalar(
        select(TakenFact)
        .where(TakenFact.row_id == fact.row_id, TakenFact.id != fact.id, TakenFact.withdrawn_at.is_(None))
        .order_by(TakenFact.id)
        .limit(1)
    )
    if heir is not None:
        heir.made = True
    return heir is None


async def visit(session: AsyncSession, source: Source, external_id: str | None) -> TakenFact | None:
    """The visit a fact was told with; None where none is named or it is not known."""
    if not external_id:
        return None
    return await known(session, Source(source.system, "encounter", external_id, source.as_of, source.now))


def told(session: AsyncSession, source: Source, patient_id: UUID, row_id: UUID, outcome: Outcome) -> None:
    """The change in the audit trail: ids only."""
    audit.record(
        session,
        actor=source.actor,
        action=f"{source.kind}.{outcome}",
        subject=audit.subject_of("patient", patient_id),
        at=source.now,
        detail={"row": str(row_id)},
    )


async def department_named(session: AsyncSession, name: str) -> HealthcareService:
    """By code, name, alias or standard name. Raises `Unusable`: none is guessed."""
    wanted = fold(name)
    for one in await departments(session):
        if wanted and wanted in {fold(text) for text in (one.code, one.name, one.standard, *one.aliases)}:
            return one
    raise Unusable("department", name)


async def practitioner_named(session: AsyncSession, name: str) -> Practitioner:
    """By staff number, or by a name that only one has. Raises `Unusable`."""
    everyone = await practitioners(session)
    found = [one for one in everyone if one.code == name] or [one for one in everyone if one.name == name]
    if len(found) != 1:
        raise Unusable("practitioner", name)
    return found[0]


def moment(day: date | None, at: datetime | None) -> datetime:
    """When a fact is put on the timeline: its own time, else the morning of its day (`records.service.MORNING`)."""
    if at is not None and (day is None or at.astimezone(CHINA).date() == day):
        return at
    assert day is not None
    return datetime.combine(day, MORNING, CHINA)
