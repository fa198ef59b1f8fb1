"""Carrying out a round: batches of patients in the order of their ids, each batch one transaction. Killed anywhere, the next goes on;
what was said under a key is never said again. Nothing here commits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from uuid import UUID

from sqlalchemy import Select, and_, exists, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from care.consents.models import ConsentNow
from care.greetings.models import GreetingRound
from care.greetings.rules import Said
from care.patients.models import Condition, Patient, PatientStatus
from care.reach import talks
from care.rows import add_new
from channels.outbox import bulk
from channels.reply import Reply
from store.database import Database

BATCH = 500
WORTH = timedelta(hours=12)
"""A greeting of yesterday is none, and neither is a warning; ours."""


async def carry_out(database: Database, said: Said, now: datetime) -> int:
    """The whole round; how many messages were queued. None are where it was carried out before."""
    queued, more = 0, True
    while more:
        number, more = await database.transact(lambda session: _batch(session, said, now), "greetings")
        queued += number
    return queued


async def _batch(session: AsyncSession, said: Said, now: datetime) -> tuple[int, bool]:
    """Queued, and whether there may be more."""
    await add_new(session, GreetingRound(key=said.round, begun_at=now))
    state = await session.get_one(GreetingRound, said.round, with_for_update=True, populate_existing=True)
    if state.done_at is not None:
        return 0, False
    people = (await session.scalars(_agreed(said, state.last_id, now.date()).limit(BATCH))).all()
    if len(people) < BATCH:
        state.done_at = now
    if not people:
        return 0, False
    state.last_id = people[-1].id
    chosen = [one for one in people if said.birthday is None or _born_on(one, said.birthday)]
    await _queue(session, said, chosen, now)
    return len(chosen), len(people) == BATCH


def _agreed(said: Said, after: UUID | None, today: date) -> Select[Patient]:
    """Who agreed to such messages and is concerned. The gate looks at consent again when it sends."""
    found = (
        select(Patient)
        .join(ConsentNow, and_(ConsentNow.subject_id == Patient.id, ConsentNow.purpose == said.purpose))
        .where(ConsentNow.granted, Patient.status == PatientStatus.ACTIVE)
        .order_by(Patient.id)
    )
    if after is not None:
        found = found.where(Patient.id > after)
    if said.born_by is not None:
        found = found.where(Patient.birth_year <= said.born_by)
    if said.codes:
        coded = or_(*(and_(Condition.code >= one, Condition.code < f"{one}\uffff") for one in said.codes))
        present = or_(Condition.ended_date.is_(None), Condition.ended_date > today)
        found = found.where(exists().where(Condition.patient_id == Patient.id, coded, present))
    return found


def _born_on(patient: Patient, day: date) -> bool:
    """Somebody born on 29 February is greeted on the 28th in other years."""
    if patient.birth_date_sealed is None:
        return False
    born = date.fromisoformat(patient.birth_date)
    if (born.month, born.day) == (2, 29) and (day + timedelta(days=1)).day == 1 and day.month == 2:
        return True
    return (born.month, born.day) == (day.month, day.day)


async def _queue(session: AsyncSession, said: Said, people: Sequence[Patient], now: datetime) -> None:
    """One message a contact: who speaks for three patients is wished a good festival once."""
    found = await talks.of_patients(session, [one.id for one in people])
    pushes: Mapping[UUID, bulk.Push] = {
        talk.contact_id: bulk.Push(
            contact_id=talk.contact_id,
            patient_id=one.id,
            dedup_key=f"greeting:{said.round}:{one.id if said.birthday else talk.contact_id}",
            reply=Reply(said.key, {**said.params, "name": one.name} if said.birthday else dict(said.params)),
            content_ref=said.key,
            content_revision=1,
        )
        for one in people
        if (talk := found.get(one.id)) is not None
    }
    await bulk.enqueue_all(
        session,
        list(pushes.values()),
        purpose=said.purpose,
        campaign=f"greeting:{said.round}"[:40],
        now=now,
        expires_at=now + WORTH,
    )
