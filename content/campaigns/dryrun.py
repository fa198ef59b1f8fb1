"""A dry run: who would get what by which way, who would not and why. Nothing is written, nobody is asked anything.

Everybody is counted by the gate's lasting rules in one statement (`reach`); a sample is put before the gate itself, with its hours,
caps and windows, as the messages would be.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Select, func, select, union
from sqlalchemy.ext.asyncio import AsyncSession

from care.consents.models import Purpose
from care.gate.ports import SmsWords
from care.gate.rules import GateRules
from care.patients.models import Patient, PatientContact
from channels.contacts.models import Contact
from channels.outbox.models import OutboundMessage
from channels.outbox.ports import Candidate, Rung, SendPolicy, Verdict
from channels.outbox.service import BULK_PRIORITY
from content.articles.sendable import ArticleContents
from content.audiences import service as audiences
from content.audiences.day import Day
from content.audiences.rules import Group
from content.campaigns import addresses, launching, reach, service
from content.campaigns.dice import PRIME, Dice, arm_of
from content.campaigns.dispatch import NO_CONTACT
from content.campaigns.kinds import Anchor, Kind, key_of
from content.campaigns.launching import HOLDOUT, Drawing
from content.campaigns.models import Campaign
from content.campaigns.occasions import dated
from content.campaigns.personal import OFF, switched_off
from content.campaigns.texts import Text, texts_of
from store.clock import Clock
from store.ids import new_id

SAMPLE = 40
WEEK = 7
"""Of a campaign by a date in the record, so many coming days are looked at."""


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """What a dry run works with: `gate` one that asks nobody anything; `sms_accounts` and `passive_only` by account id."""

    gate: SendPolicy
    rules: GateRules
    words: SmsWords
    sms_accounts: Sequence[str]
    passive_only: Sequence[str]
    clock: Clock


@dataclass(frozen=True, slots=True)
class Sampled:
    """One of the sample. `outcome`: goes, waits, never, held_out, left_out. `way`: the rung; `reason` a code of the gate or ours;
    `until`: when it may go, where it waits."""

    patient_id: UUID
    outcome: str
    arm: str = ""
    way: str = ""
    reason: str = ""
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class DryRun:
    """`total` of the audience (of a date in the record: due within the coming week). `held_out`, `personal_off` and those of `ways` and
    `refused` add up to it. `by_arm`: shares. `sample` as the gate says now; `blocked`: arms whose text may not be sent, and why."""

    total: int
    held_out: int
    personal_off: int
    ways: Mapping[str, int]
    refused: Mapping[str, int]
    by_arm: Mapping[str, float]
    sample: Sequence[Sampled]
    blocked: Mapping[str, str]
    at: datetime

    @property
    def reached(self) -> int:
        return sum(self.ways.values())

    @property
    def now(self) -> Mapping[str, int]:
        """Of the sample, how many by outcome."""
        return Counter(one.outcome for one in self.sample)


async def run(session: AsyncSession, campaign_id: UUID, with_: Rehearsal, *, size: int = SAMPLE) -> DryRun:
    """Raises `CampaignError`. The caller records the sample's patients as read."""
    row = await service.get(session, campaign_id)
    draw, rule = await launching.drawing(session, row, row.audience_version_id)
    texts = await texts_of(session, row.id)
    now, day = with_.clock.now(), Day.of(with_.clock)
    chosen = await _population(session, row, rule, with_.clock)
    total = await _many(session, chosen)
    left = chosen.where(~switched_off(Patient.id)) if draw.by_profile else chosen
    asked = await _many(session, left) if draw.by_profile else total
    told = left
    if share := row.holdout_percent / 100:
        told = left.where(~Dice.of(row.id, HOLDOUT).below(Patient.id, share))
    frame = reach.Frame(
        purpose=Purpose(row.purpose),
        rules=with_.rules,
        accounts=[
            one
            for one in with_.sms_accounts
            if all(with_.words.can_say(one, text.reply("")) for text in texts.values())
        ],
        passive_only=with_.passive_only,
        topics=sorted({text.topic for text in texts.values()}),
        now=now,
    )
    found = await reach.count(session, told, frame)
    rungs = {rung.value for rung in Rung}
    people = await _sample(session, row, chosen, rule, day, total, size)
    return DryRun(
        total=total,
        held_out=asked - sum(found.values()),
        personal_off=total - asked,
        ways={key: number for key, number in found.items() if key in rungs},
        refused={key: number for key, number in found.items() if key not in rungs},
        by_arm=dict(zip(draw.arms, draw.shares, strict=True)),
        sample=await _put_before_the_gate(session, draw, texts, people, with_, now),
        blocked=await service.not_sendable(session, row, ArticleContents(with_.clock)),
        at=now,
    )


async def _population(session: AsyncSession, row: Campaign, rule: Group, clock: Clock) -> Select[Any]:
    chosen = await audiences.selecting(session, rule, Day.of(clock))
    if row.kind != Kind.RELATIVE or row.anchor is None:
        return chosen
    today = clock.local().date()
    days = [today + timedelta(days=ahead - row.offset_days) for ahead in range(WEEK)]
    due = union(*(dated(Anchor(row.anchor), one, row.codes) for one in days))
    return chosen.where(Patient.id.in_(due))


async def _many(session: AsyncSession, chosen: Select[Any]) -> int:
    return await session.scalar(chosen.with_only_columns(func.count())) or 0


async def _sample(
    session: AsyncSession, row: Campaign, chosen: Select[Any], rule: Group, day: Day, total: int, size: int
) -> Sequence[UUID]:
    if row.kind == Kind.RELATIVE:
        return (await session.scalars(chosen.limit(size))).all()
    share = total / max(1, await audiences.in_care(session))
    people = await audiences.sample(session, rule, day, seed=str(row.id), share=share, size=size)
    return [one.id for one in people]


async def _put_before_the_gate(
    session: AsyncSession,
    draw: Drawing,
    texts: Mapping[str, Text],
    people: Sequence[UUID],
    with_: Rehearsal,
    now: datetime,
) -> list[Sampled]:
    row = draw.campaign
    best = addresses.best(PatientContact.patient_id.in_(people))
    chosen = await session.execute(
        select(best.c.patient_id, Contact).join(Contact, Contact.id == best.c.contact_id)
    )
    contacts = {each[0]: each[1] for each in chosen}
    off = set()
    if draw.by_profile:
        off = set(
            await session.scalars(select(Patient.id).where(Patient.id.in_(people), switched_off(Patient.id)))
        )
    held = Dice.of(row.id, HOLDOUT)
    limit = round(row.holdout_percent / 100 * PRIME)
    found: dict[UUID, Sampled] = {}
    asked: list[tuple[str, Candidate]] = []
    for one in people:
        if one in off:
            found[one] = Sampled(one, "left_out", reason=OFF)
        elif held.roll(one) < limit:
            found[one] = Sampled(one, "held_out", HOLDOUT, reason="held_out")
        elif one not in contacts:
            found[one] = Sampled(one, "never", reason=NO_CONTACT)
        else:
            arm = arm_of(Dice.of(row.id, "arm"), one, draw.arms, draw.shares)
            asked.append((arm, _candidate(row, texts[arm], one, contacts[one], now)))
    verdicts = await with_.gate.check(session, [candidate for _, candidate in asked], now)
    for (arm, candidate), verdict in zip(asked, verdicts, strict=True):
        patient_id = candidate.message.patient_id
        assert patient_id is not None
        found[patient_id] = _said(patient_id, arm, verdict)
    return [found[one] for one in people]


def _candidate(row: Campaign, text: Text, patient_id: UUID, contact: Contact, now: datetime) -> Candidate:
    """The message as it would be, stored nowhere."""
    message = OutboundMessage(
        dedup_key="",
        conversation_id=new_id(),
        contact_id=contact.id,
        channel=contact.channel,
        account_id=contact.account_id,
        patient_id=patient_id,
        seq=0,
        purpose=row.purpose,
        priority=BULK_PRIORITY,
        campaign=key_of(row.id),
        expires_at=now + timedelta(days=row.valid_days),
        content_ref=text.ref,
        content_revision=text.revision,
        reply=text.reply("").to_json(),
        created_at=now,
    )
    return Candidate(message, contact)


def _said(patient_id: UUID, arm: str, verdict: Verdict) -> Sampled:
    if verdict.send or verdict.pass_to is not None:
        return Sampled(patient_id, "goes", arm, verdict.rung, verdict.reason)
    if verdict.until is not None:
        way = verdict.plan[0] if verdict.plan else ""
        return Sampled(patient_id, "waits", arm, way, verdict.reason, verdict.until)
    return Sampled(patient_id, "never", arm, reason=verdict.reason)
