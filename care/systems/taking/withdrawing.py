"""A fact that was told does not hold: a cancelled admission, a diagnosis made by mistake, a report of another patient."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from care.systems.taking import claims, encounters, histories, reports
from care.systems.taking.claims import Source
from care.systems.taking.facts import ListKind, Outcome, Taken, Withdrawable
from care.systems.taking.models import TakenFact

UNDO = {
    "encounter": encounters.withdraw,
    "condition": histories.withdraw,
    "procedure": histories.withdraw,
    "report": reports.withdraw,
}


async def withdraw(
    session: AsyncSession, system: str, kind: Withdrawable, external_id: str, as_of: datetime, now: datetime
) -> Taken:
    """Take a fact back, and with a visit whatever was told with it. One that never came is remembered as withdrawn: told late, it
    stays so. Patients are merged or moved, never withdrawn; appointments are cancelled by `take_appointment`.
    """
    source = Source(system, kind, external_id, as_of, now)
    fact = await claims.known(session, source)
    if claims.is_stale(fact, source):
        return claims.stale(fact)
    if fact is None:
        fact = claims.keep(session, None, source, patient_id=None, row_id=None)
        fact.withdrawn_at = now
        return Taken(Outcome.WITHDRAWN)
    if fact.withdrawn_at is not None:
        return Taken(Outcome.SAME, fact.patient_id)
    if kind == "encounter":
        await _withdraw_parts(session, fact, source)
    await _undo(session, fact, source)
    return Taken(Outcome.WITHDRAWN, fact.patient_id)


async def withdrawn(session: AsyncSession, system: str, kind: Withdrawable, external_id: str) -> bool:
    """Whether the fact was told and taken back."""
    query = select(TakenFact.id).where(
        TakenFact.system == system,
        TakenFact.kind == kind,
        TakenFact.key.in_(claims.keys_of(kind, external_id)),
        TakenFact.withdrawn_at.is_not(None),
    )
    return await session.scalar(query.limit(1)) is not None


async def take_list(
    session: AsyncSession,
    system: str,
    kind: ListKind,
    encounter: str,
    patient_id: UUID,
    as_of: datetime,
    now: datetime,
) -> bool:
    """All diagnoses (operations) of a visit are told at once. False: a newer list is known, this one says nothing."""
    source = Source(system, kind, encounter, as_of, now)
    before = await claims.known(session, source)
    if claims.is_stale(before, source):
        return False
    claims.keep(session, before, source, patient_id=patient_id, row_id=None)
    return True


async def withdraw_others(
    session: AsyncSession,
    system: str,
    kind: Withdrawable,
    encounter: str,
    keep: frozenset[str],
    as_of: datetime,
    now: datetime,
) -> int:
    """Of a visit's facts of a kind only those named `keep` hold: the sender told all there are. How many were taken back."""
    visit = await claims.visit(session, Source(system, "encounter", encounter, as_of, now), encounter)
    if visit is None:
        return 0
    kept = {key for one in keep for key in Source(system, kind, one, as_of, now).keys}
    gone = 0
    for part in await _parts(session, visit):
        source = Source(system, kind, "", as_of, now)
        if part.kind == kind and part.key not in kept and not claims.is_stale(part, source):
            await _undo(session, part, source)
            gone += 1
    return gone


async def _withdraw_parts(session: AsyncSession, visit: TakenFact, source: Source) -> None:
    for part in await _parts(session, visit):
        await _undo(session, part, Source(source.system, part.kind, "", source.as_of, source.now))  # type: ignore[arg-type]


async def _parts(session: AsyncSession, visit: TakenFact) -> list[TakenFact]:
    return list(
        await session.scalars(
            select(TakenFact)
            .where(TakenFact.part_of == visit.id, TakenFact.withdrawn_at.is_(None))
            .order_by(TakenFact.id)
        )
    )


async def _undo(session: AsyncSession, fact: TakenFact, source: Source) -> None:
    if fact.row_id is not None and fact.patient_id is not None:
        await UNDO[fact.kind](session, fact, source)
        claims.told(session, source, fact.patient_id, fact.row_id, Outcome.WITHDRAWN)
    fact.as_of, fact.taken_at, fact.withdrawn_at = source.as_of, source.now, source.now
