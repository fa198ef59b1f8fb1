"""From planned recipients to queued messages: a batch in one transaction, as far ahead as the outbox takes them.

Recipients are locked while they are queued, the campaign's row is under a lock that a pause or an abort waits for, and the message's
key is the person's and the occurrence's: whatever dies, nobody is written to twice.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Integer, bindparam, literal_column, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from care.patients.models import Patient, PatientContact
from channels.outbox import bulk, letters
from content.campaigns import addresses, personal
from content.campaigns.dice import Dice, arm_of
from content.campaigns.kinds import State, key_of
from content.campaigns.models import Campaign, CampaignRecipient, CampaignVariant
from content.campaigns.texts import Text, texts_of
from content.campaigns.workflow import UNDO_FOR
from content.reading import links
from content.reading.links import LinkFor
from store import sets
from store.base import UtcDateTime

BATCH = 500
NO_CONTACT = "no_contact"
_ROW: Any = CampaignRecipient.__table__
_IS_PLANNED: ColumnElement[str] = literal_column("'planned'")
"""Said in words, not as a parameter, so that both databases know the index of what is planned will do."""
_PLANNED = (
    select(_ROW.c.occurrence, _ROW.c.patient_id, _ROW.c.arm)
    .where(
        _ROW.c.campaign_id == bindparam("campaign"),
        _ROW.c.state == _IS_PLANNED,
        _ROW.c.planned_at <= bindparam("now", type_=UtcDateTime()),
    )
    .order_by(_ROW.c.planned_at, _ROW.c.patient_id)
    .limit(bindparam("most", type_=Integer))
    .with_for_update(skip_locked=True)
)
_BEST = addresses.best(sets.among(PatientContact.patient_id, "patients"))
_CONTACTS = select(_BEST.c.patient_id, _BEST.c.contact_id, _BEST.c.channel)
_OFF = select(Patient.id).where(sets.among(Patient.id, "patients"), personal.switched_off(Patient.id))
_MINE = (
    _ROW.c.campaign_id == bindparam("campaign"),
    _ROW.c.occurrence == bindparam("of_occurrence"),
    _ROW.c.state == "planned",
)
_SKIP = (
    update(_ROW)
    .where(*_MINE, sets.among(_ROW.c.patient_id, "patients"))
    .values(state="skipped", reason=bindparam("why"), settled_at=bindparam("at", type_=UtcDateTime()))
)


@cache
def _queue(sqlite: bool) -> Any:
    """Those whose message is queued now; by patient, the message's key."""
    patient, key = sets.pairs(sqlite)
    return (
        update(_ROW)
        .where(*_MINE, _ROW.c.patient_id == patient)
        .values(
            state="queued",
            outbound_key=key,
            arm=bindparam("of_arm"),
            channel=bindparam("of_channel"),
        )
    )


@dataclass(frozen=True, slots=True)
class _One:
    """A planned recipient with the contact it goes to and the text it gets."""

    occurrence: int
    patient_id: UUID
    contact_id: UUID
    channel: str
    text: Text
    key: str


async def once(session: AsyncSession, row: Campaign, base: str, now: datetime) -> int:
    """Queue up to a batch; how many recipients were dealt with. 0: nothing is due, there is no room, or it does not run.

    `base`: how the world reaches us. `row` is locked by the caller: a pause or an abort waits for this batch, and stops what it has queued.
    """
    if row.state != State.RUNNING or row.started_at is None or now < row.started_at + UNDO_FOR:
        return 0
    room = min(BATCH, await letters.room(session, key_of(row.id)))
    if room <= 0:
        return 0
    given = {"campaign": row.id, "now": now, "most": room}
    planned = (await session.execute(_PLANNED, given)).all()
    if not planned:
        return 0
    found = await session.execute(_CONTACTS, {"patients": [one.patient_id for one in planned]})
    contacts = {one.patient_id: one for one in found}
    off = await _switched_off(session, row, [one.patient_id for one in planned])
    left_out: defaultdict[tuple[int, str], list[UUID]] = defaultdict(list)
    for one in planned:
        if one.patient_id in off:
            left_out[one.occurrence, personal.OFF].append(one.patient_id)
            contacts.pop(one.patient_id, None)
        elif one.patient_id not in contacts:
            left_out[one.occurrence, NO_CONTACT].append(one.patient_id)
    for (occurrence, why), patients in left_out.items():
        values = {"campaign": row.id, "of_occurrence": occurrence, "patients": patients, "why": why}
        await session.execute(_SKIP, {**values, "at": now})
    chosen = await _choose(session, row, planned, contacts)
    await _say(session, row, chosen, base, now)
    await _mark(session, row, chosen)
    return len(chosen) + sum(map(len, left_out.values()))


async def _switched_off(session: AsyncSession, row: Campaign, patients: Sequence[UUID]) -> set[UUID]:
    """Who took back, since they were written down, that articles are chosen by their record."""
    if not await personal.asks(session, row):
        return set()
    return set(await session.scalars(_OFF, {"patients": patients}))


async def _choose(
    session: AsyncSession, row: Campaign, planned: Sequence[Any], contacts: Mapping[UUID, Any]
) -> list[_One]:
    """At most one a contact: who shares a phone with another comes with the next batch."""
    texts = await texts_of(session, row.id)
    variants = await session.scalars(
        select(CampaignVariant).where(CampaignVariant.campaign_id == row.id).order_by(CampaignVariant.arm)
    )
    shares = {one.arm: one.share for one in variants}
    taken: set[UUID] = set()
    found: list[_One] = []
    for one in planned:
        contact = contacts.get(one.patient_id)
        if contact is None or contact.contact_id in taken:
            continue
        taken.add(contact.contact_id)
        dice = Dice.of(row.id, f"arm:{one.occurrence}")
        arm = one.arm or arm_of(dice, one.patient_id, list(shares), list(shares.values()))
        key = f"{key_of(row.id)}:{one.patient_id}:{one.occurrence}"
        found.append(
            _One(one.occurrence, one.patient_id, contact.contact_id, contact.channel, texts[arm], key)
        )
    return found


async def _say(
    session: AsyncSession, row: Campaign, chosen: Sequence[_One], base: str, now: datetime
) -> None:
    wanted = [
        LinkFor(
            patient_id=one.patient_id,
            article_id=one.text.article_id,
            revision=one.text.revision,
            topic=one.text.topic,
            source="campaign",
            outbound_key=one.key,
            campaign_id=row.id,
            arm=one.text.arm,
        )
        for one in chosen
    ]
    paths = await links.issue(session, wanted, now)
    pushes = [
        bulk.Push(
            one.contact_id,
            one.patient_id,
            one.key,
            one.text.reply(f"{base}{path}"),
            one.text.ref,
            one.text.revision,
        )
        for one, path in zip(chosen, paths, strict=True)
    ]
    await bulk.enqueue_all(
        session,
        pushes,
        purpose=row.purpose,
        campaign=key_of(row.id),
        now=now,
        expires_at=min(filter(None, (now + timedelta(days=row.valid_days), row.end_at))),
    )


async def _mark(session: AsyncSession, row: Campaign, chosen: Sequence[_One]) -> None:
    groups: defaultdict[tuple[int, str, str], dict[UUID, str]] = defaultdict(dict)
    for one in chosen:
        groups[one.occurrence, one.text.arm, one.channel][one.patient_id] = one.key
    statement = _queue(session.get_bind().dialect.name == "sqlite")
    for (occurrence, arm, channel), keys in groups.items():
        values = {"campaign": row.id, "of_occurrence": occurrence, "of_arm": arm, "of_channel": channel}
        await session.execute(statement, {**values, sets.PAIRS: keys})
