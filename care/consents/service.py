"""Granting, withdrawing, opting out, and asking whether something may be sent.

A purpose is allowed when the contact has not opted out of it, nobody concerned has withdrawn it, and it was
granted by the patient or the contact. Service notices (the appointment one made oneself) need no grant, only
no opt-out.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from uuid import UUID

from sqlalchemy import bindparam, delete, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from care.consents.models import Consent, ConsentNow, OptOut, OptOutLevel, Purpose
from care.patients.service import own_contacts
from care.plans import stopping
from care.rows import add_new, chunks, padded
from store import events, sets

Subject = Literal["patient", "contact"]

# Allowed without an explicit grant: what carries out a thing the person asked for.
WITHOUT_GRANT = frozenset({Purpose.SERVICE_NOTICE})
STOPPED_BY: dict[OptOutLevel, frozenset[Purpose]] = {
    OptOutLevel.NONE: frozenset(),
    OptOutLevel.CONTENT: frozenset(Purpose) - WITHOUT_GRANT,
    OptOutLevel.ALL: frozenset(Purpose),
}


@dataclass(frozen=True, slots=True)
class Verdict:
    """`reason`: `granted`, `not_needed`, `opted_out`, `withdrawn`, `never_granted`."""

    allowed: bool
    reason: str


GRANTED, NOT_NEEDED = Verdict(True, "granted"), Verdict(True, "not_needed")
OPTED_OUT, WITHDRAWN = Verdict(False, "opted_out"), Verdict(False, "withdrawn")
NEVER_GRANTED = Verdict(False, "never_granted")


@dataclass(frozen=True, slots=True)
class Recipient:
    """Who would receive: the contact, and the patient it is about (None: nobody bound)."""

    contact_id: UUID
    patient_id: UUID | None = None


async def decide(
    session: AsyncSession,
    *,
    subject: Subject,
    subject_id: UUID,
    purpose: Purpose,
    granted: bool,
    text_version: str,
    channel: str,
    now: datetime,
    proof: str | None = None,
    given_by: UUID | None = None,
    guardian: str | None = None,
) -> Consent:
    """Write a decision into the ledger and make it the one that holds.

    A patient's emits `consent.granted|withdrawn`; without their consent to follow-up their plans end at once.
    """
    row = Consent(
        subject=subject,
        subject_id=subject_id,
        purpose=purpose,
        granted=granted,
        text_version=text_version,
        channel=channel,
        proof=proof,
        given_by=given_by,
        guardian=guardian,
        at=now,
    )
    session.add(row)
    holds = ConsentNow(subject_id=subject_id, purpose=purpose, granted=granted, consent_id=row.id, at=now)
    if not await add_new(session, holds):
        await session.execute(
            update(ConsentNow)
            .where(ConsentNow.subject_id == subject_id, ConsentNow.purpose == purpose)
            .values(granted=granted, consent_id=row.id, at=now)
        )
    if subject == "patient":
        kind = "consent.granted" if granted else "consent.withdrawn"
        events.emit(session, subject_id, kind, now, purpose=purpose.value, text_version=text_version)
        if purpose is Purpose.FOLLOW_UP and not granted:
            await stopping.end_of_patient(session, subject_id, "withdrawn", now)
    return row


async def opt_out(
    session: AsyncSession, contact_id: UUID, level: OptOutLevel, *, channel: str, now: datetime
) -> list[UUID]:
    """Stop `level` for the person: on this contact and on their other own ones. Returns the contacts touched.

    "退订" is `CONTENT`, "全部退订" is `ALL`; a later, milder word does not restore anything (`ALL` stays
    `ALL`).
    """
    touched = await own_contacts(session, contact_id)
    for one in touched:
        row = OptOut(contact_id=one, level=level, channel=channel, at=now)
        if not await add_new(session, row):
            milder = [OptOutLevel.NONE.value, OptOutLevel.CONTENT.value]
            await session.execute(
                update(OptOut)
                .where(OptOut.contact_id == one, OptOut.level.in_(milder))
                .values(level=level, channel=channel, at=now)
            )
    await _into_ledger(session, touched, granted=False, level=level, channel=channel, now=now)
    await stopping.opted_out(session, touched, now)
    return touched


async def opt_in(session: AsyncSession, contact_id: UUID, *, channel: str, now: datetime) -> list[UUID]:
    """ "恢复": everything the person had stopped is as it was before.

    Grants nothing that never was granted.
    """
    touched = await own_contacts(session, contact_id)
    gone = await session.execute(
        delete(OptOut).where(OptOut.contact_id.in_(touched)).returning(OptOut.contact_id, OptOut.level)
    )
    before = {row[0]: OptOutLevel(row[1]) for row in gone}
    for one, level in before.items():
        await _into_ledger(session, [one], granted=True, level=level, channel=channel, now=now)
    await stopping.opted_in(session, touched, now)
    return touched


async def _into_ledger(
    session: AsyncSession,
    contacts: Sequence[UUID],
    *,
    granted: bool,
    level: OptOutLevel,
    channel: str,
    now: datetime,
) -> None:
    """The word itself is evidence.

    One ledger row per contact, purpose `opt:<level>`, which decides nothing.
    """
    for one in contacts:
        session.add(
            Consent(
                subject="contact",
                subject_id=one,
                purpose=f"opt:{level}",
                granted=granted,
                text_version="keyword",
                channel=channel,
                at=now,
            )
        )


async def opt_out_level(session: AsyncSession, contact_id: UUID) -> OptOutLevel:
    level = await session.scalar(select(OptOut.level).where(OptOut.contact_id == contact_id))
    return OptOutLevel(level) if level else OptOutLevel.NONE


async def allows(
    session: AsyncSession, purpose: Purpose, *, contact_id: UUID, patient_id: UUID | None = None
) -> Verdict:
    """Whether `purpose` may be sent to this contact, about this patient."""
    recipient = Recipient(contact_id, patient_id)
    return (await verdicts(session, purpose, [recipient]))[recipient]


async def verdicts(
    session: AsyncSession, purpose: Purpose, recipients: Sequence[Recipient]
) -> dict[Recipient, Verdict]:
    """`allows` for a whole set, in a handful of queries whatever its size."""
    held = await standing(session, recipients, [purpose])
    return {one: held.verdict(purpose, one) for one in recipients}


@dataclass(frozen=True, slots=True)
class Standing:
    """What a set of people has stopped and decided: opt-out levels by contact, decisions by subject and purpose."""

    levels: Mapping[UUID, OptOutLevel]
    decisions: Mapping[tuple[UUID, str], bool]

    def level(self, contact_id: UUID) -> OptOutLevel:
        return self.levels.get(contact_id, OptOutLevel.NONE)

    def verdict(self, purpose: Purpose, who: Recipient) -> Verdict:
        if purpose in STOPPED_BY[self.level(who.contact_id)]:
            return OPTED_OUT
        asked = (who.contact_id, who.patient_id) if who.patient_id else (who.contact_id,)
        said = [self.decisions[one, purpose] for one in asked if (one, purpose) in self.decisions]
        if not all(said):
            return WITHDRAWN
        if said:
            return GRANTED
        return NOT_NEEDED if purpose in WITHOUT_GRANT else NEVER_GRANTED


_LEVELS = select(OptOut.contact_id, OptOut.level).where(sets.among(OptOut.contact_id, "contacts"))
_DECISIONS = select(ConsentNow.subject_id, ConsentNow.purpose, ConsentNow.granted).where(
    sets.among(ConsentNow.subject_id, "subjects"),
    ConsentNow.purpose.in_(bindparam("purposes", expanding=True)),
)


async def standing(
    session: AsyncSession, recipients: Iterable[Recipient], purposes: Sequence[Purpose]
) -> Standing:
    """Everything `Standing.verdict` needs for these recipients and purposes, in two queries."""
    contacts = list({one.contact_id for one in recipients})
    subjects = list({*contacts, *(one.patient_id for one in recipients if one.patient_id)})
    levels: dict[UUID, OptOutLevel] = {}
    if contacts:
        stopped = await session.execute(_LEVELS, {"contacts": contacts})
        levels.update({row[0]: OptOutLevel(row[1]) for row in stopped})
    decisions: dict[tuple[UUID, str], bool] = {}
    if subjects and purposes:
        values = {"subjects": subjects, "purposes": padded(sorted(purposes))}
        decisions.update({(row[0], row[1]): row[2] for row in await session.execute(_DECISIONS, values)})
    return Standing(levels, decisions)


async def ledger(session: AsyncSession, subject_ids: Sequence[UUID]) -> list[Consent]:
    """Every decision of these subjects, newest first ("你们有我哪些信息")."""
    rows: list[Consent] = []
    for part in chunks(list(subject_ids)):
        rows += await session.scalars(select(Consent).where(Consent.subject_id.in_(part)))
    return sorted(rows, key=lambda row: row.at, reverse=True)
