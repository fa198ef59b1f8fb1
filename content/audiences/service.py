"""Saving audiences and their versions, counting, and a sample."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import ColumnElement, Select, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from care.patients.models import Patient, PatientStatus
from content.audiences import compile as sql
from content.audiences import leads
from content.audiences.day import Day
from content.audiences.models import Audience, AudienceVersion
from content.audiences.rules import Group, Rule, dump, read
from store import crypto, sets

SAMPLE = 8
FEW = 0.0005
"""The share from which on the first people in any order hold a sample."""


class NameTaken(ValueError):
    """Another audience has this name."""


@dataclass(frozen=True, slots=True)
class Changed:
    """Nothing was saved: somebody saved `newest` since the page was opened."""

    newest: AudienceVersion


async def count(session: AsyncSession, rule: Rule, day: Day) -> int:
    """How many patients are in."""
    return await session.scalar(sql.counting(rule, day, await leads.found(session, rule, day))) or 0


async def selecting(session: AsyncSession, rule: Rule, day: Day) -> Select[UUID]:
    """The ids of who is in, as a statement to read or to insert from."""
    return sql.patients(rule, day, await leads.found(session, rule, day))


async def holding(session: AsyncSession, rule: Rule, day: Day) -> Select[UUID]:
    """The ids of all it holds for, in care or not: for whoever says why somebody is left out."""
    return select(Patient.id).where(sql.matching(rule, day, await leads.found(session, rule, day)))


async def sample(
    session: AsyncSession, rule: Rule, day: Day, *, seed: str, share: float, size: int = SAMPLE
) -> Sequence[Patient]:
    """Some of those who are in, others for another `seed`; `share`: of all patients, how many are in. The caller records the reads.

    Record numbers are stored as hashes, which scatter people: the sample begins at the hash of `seed` and goes around the end.
    Where many are in, enough people in that order are taken first and asked then; where few are, all of them are put in order.
    """
    start, order = crypto.lookup(seed, "sample"), Patient.record_number_hash
    found: list[Patient] = []
    if share >= FEW:
        among = (sets.among(Patient.id, "some"), sql.matching(rule, day))
        for here in (order >= start, order < start):
            # Two statements: in one, a planner may weigh the rule's tables against each other and take them all.
            some = await session.scalars(
                select(Patient.id).where(here).order_by(order).limit(round(4 * size / share))
            )
            found += await _first(session, size - len(found), *among, some=some.all())
        if len(found) >= size:
            return found
    one_of = Patient.id.in_(await selecting(session, rule, day))
    found = await _first(session, size, one_of, order >= start)
    return found + await _first(session, size - len(found), one_of, order < start)


async def _first(
    session: AsyncSession, size: int, *where: ColumnElement[bool], some: Sequence[UUID] | None = None
) -> list[Patient]:
    """The first of these in the order of the hashes."""
    if size <= 0:
        return []
    wanted = select(Patient).where(Patient.status == PatientStatus.ACTIVE, *where)
    rows = await session.scalars(
        wanted.order_by(Patient.record_number_hash).limit(size), {} if some is None else {"some": some}
    )
    return list(rows)


async def create(
    session: AsyncSession, *, name: str, note: str, rule: Group, now: datetime, staff_id: UUID | None
) -> AudienceVersion:
    """A new audience with its first version. Raises `NameTaken`."""
    if await session.scalar(select(Audience.id).where(Audience.name == name)) is not None:
        raise NameTaken(name)
    row = Audience(name=name, note=note, version=1, created_at=now, created_by=staff_id, changed_at=now)
    session.add(row)
    await session.flush()
    return await _add_version(session, row, rule, now, staff_id)


async def change(
    session: AsyncSession,
    audience: Audience,
    *,
    seen: int,
    name: str,
    note: str,
    rule: Group,
    now: datetime,
    staff_id: UUID | None,
) -> AudienceVersion | Changed:
    """Save what was made of version `seen`: another rule is a new version, the same one is not. Raises `NameTaken`."""
    newest = await version(session, audience.id)
    assert newest is not None
    same = newest.rule == dump(rule)
    if audience.version != seen and not same:
        return Changed(newest)
    taken = select(Audience.id).where(Audience.name == name, Audience.id != audience.id)
    if await session.scalar(taken) is not None:
        raise NameTaken(name)
    audience.name, audience.note, audience.changed_at = name, note, now
    if same:
        return newest
    audience.version += 1
    return await _add_version(session, audience, rule, now, staff_id)


async def _add_version(
    session: AsyncSession, audience: Audience, rule: Group, now: datetime, staff_id: UUID | None
) -> AudienceVersion:
    made = AudienceVersion(
        audience_id=audience.id, number=audience.version, rule=dump(rule), created_at=now, created_by=staff_id
    )
    session.add(made)
    await session.flush()
    return made


async def get(session: AsyncSession, audience_id: UUID) -> Audience | None:
    return await session.get(Audience, audience_id)


async def version(
    session: AsyncSession, audience_id: UUID, number: int | None = None
) -> AudienceVersion | None:
    """The version `number`, or the newest."""
    wanted = select(AudienceVersion).where(AudienceVersion.audience_id == audience_id)
    if number is not None:
        wanted = wanted.where(AudienceVersion.number == number)
    return (await session.scalars(wanted.order_by(AudienceVersion.number.desc()).limit(1))).first()


async def versions(session: AsyncSession, audience_id: UUID) -> Sequence[AudienceVersion]:
    """Newest first."""
    wanted = select(AudienceVersion).where(AudienceVersion.audience_id == audience_id)
    return (await session.scalars(wanted.order_by(AudienceVersion.number.desc()))).all()


async def rule_named(session: AsyncSession, name: str) -> Group | None:
    """The rule of the newest version of the audience called so; None when there is none, or it is archived."""
    newest = (
        select(AudienceVersion.id)
        .join(Audience, Audience.id == AudienceVersion.audience_id)
        .where(
            Audience.name == name,
            Audience.archived_at.is_(None),
            AudienceVersion.number == Audience.version,
        )
    )
    found = await session.scalar(newest)
    return None if found is None else await rule_of(session, found)


async def rule_of(session: AsyncSession, version_id: UUID) -> Group | None:
    """The rule of a version, for whoever sends by it."""
    row = await session.get(AudienceVersion, version_id)
    return None if row is None else read(row.rule)


async def listed(
    session: AsyncSession, *, archived: bool = False
) -> Sequence[tuple[Audience, AudienceVersion]]:
    """Audiences with their newest versions, the last changed first."""
    newest = (AudienceVersion.audience_id == Audience.id) & (AudienceVersion.number == Audience.version)
    shown = Audience.archived_at.is_not(None) if archived else Audience.archived_at.is_(None)
    rows = await session.execute(
        select(Audience, AudienceVersion)
        .join(AudienceVersion, newest)
        .where(shown)
        .order_by(Audience.changed_at.desc(), Audience.id)
    )
    return [(one, its) for one, its in rows]


async def in_care(session: AsyncSession) -> int:
    """How many patients any audience is taken from."""
    active = select(func.count()).select_from(Patient).where(Patient.status == PatientStatus.ACTIVE)
    return await session.scalar(active) or 0
