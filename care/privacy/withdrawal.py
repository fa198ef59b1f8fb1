"""Taking a consent back: from the next moment on nothing is done under it, what is queued and half answered included.

PIPL art. 15: withdrawal is as easy as consent, and what was done before stays lawful; art. 47 (3): what was kept under it is deleted.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import ColumnElement, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from care.binding import service as binding
from care.consents import service as ledger
from care.consents.models import ConsentNow, Purpose
from care.gate.reasons import Reason
from care.privacy.consents import AT_BINDING
from care.privacy.holdings import Whose
from care.privacy.texts import text_of, texts
from care.questionnaires import responses
from care.questionnaires.models import QuestionnaireResponse, ResponseStatus
from channels.outbox.dropping import drop
from channels.outbox.models import OutboundMessage
from store.base import Base

SENT_UNDER = frozenset({Purpose.FOLLOW_UP, Purpose.SURVEY, Purpose.EDUCATION, Purpose.MARKETING})
"""Purposes that messages are queued for."""


@dataclass(frozen=True, slots=True)
class Withdrawn:
    """What it stopped: messages that had not left, questionnaires nobody will ask on, planned recipients of campaigns."""

    messages: int
    questionnaires: int
    recipients: int
    unbound: int


async def granted(session: AsyncSession, who: Whose) -> tuple[Purpose, ...]:
    """What holds now for this person, in the order of the wordings."""
    rows = await session.scalars(
        select(ConsentNow.purpose).where(
            ConsentNow.subject_id.in_([*who.patients, *who.contacts]), ConsentNow.granted.is_(True)
        )
    )
    said = set(rows)
    return tuple(purpose for purpose in texts() if purpose in said)


async def withdraw(
    session: AsyncSession,
    who: Whose,
    purposes: Collection[Purpose],
    *,
    by: UUID,
    channel: str,
    proof: str,
    now: datetime,
) -> Withdrawn:
    """Write it into the ledger for the person's records and contacts, and stop what is under way, in the caller's transaction.

    Without knowing who somebody is, or without their health information, nothing personal can be done: withdrawing one of
    `AT_BINDING` ends the binding of all that are theirs, and everything else with it.
    """
    wanted = set(texts()) if set(AT_BINDING) & set(purposes) else set(purposes)
    for purpose in (one for one in texts() if one in wanted):
        for subject, ids in (("patient", who.patients), ("contact", who.contacts)):
            for subject_id in await _holding(session, ids, purpose):
                await ledger.decide(
                    session,
                    subject="patient" if subject == "patient" else "contact",
                    subject_id=subject_id,
                    purpose=purpose,
                    granted=False,
                    text_version=text_of(purpose).version,
                    channel=channel,
                    now=now,
                    proof=proof,
                    given_by=by,
                )
    if Purpose.TRACKING in wanted:
        reads = Base.metadata.tables["article_read"]
        await session.execute(reads.delete().where(reads.c.patient_id.in_(who.patients)))
    sent = sorted(wanted & SENT_UNDER)
    return Withdrawn(
        messages=await suppress(session, who, sent, Reason.WITHDRAWN, now),
        questionnaires=await _stop(session, who, wanted, now),
        recipients=await _skip(session, who, now) if Purpose.EDUCATION in wanted else 0,
        unbound=await _unbind(session, who, now) if set(AT_BINDING) & wanted else 0,
    )


async def _holding(session: AsyncSession, ids: Sequence[UUID], purpose: Purpose) -> Sequence[UUID]:
    """Who of these ever decided on it: only they have something to take back."""
    return (
        await session.scalars(
            select(ConsentNow.subject_id).where(
                ConsentNow.subject_id.in_(ids), ConsentNow.purpose == purpose, ConsentNow.granted.is_(True)
            )
        )
    ).all()


async def suppress(
    session: AsyncSession, who: Whose, purposes: Collection[str], reason: str, now: datetime
) -> int:
    """What waits to be sent under these purposes does not leave any more."""
    theirs: list[ColumnElement[bool]] = [OutboundMessage.patient_id.in_(who.patients)]
    about_nobody_else = or_(
        OutboundMessage.patient_id.is_(None), OutboundMessage.patient_id.not_in(who.others)
    )
    theirs.append(OutboundMessage.contact_id.in_(who.contacts) & about_nobody_else)
    which = or_(*theirs) & OutboundMessage.purpose.in_(sorted(purposes))
    return await drop(session, which, reason=reason, now=now)


async def _stop(session: AsyncSession, who: Whose, purposes: Collection[Purpose], now: datetime) -> int:
    """Open questionnaires of the purposes; a purpose of health information stops them all."""
    open_ones = await session.scalars(
        select(QuestionnaireResponse).where(
            QuestionnaireResponse.patient_id.in_(who.patients),
            QuestionnaireResponse.status == ResponseStatus.IN_PROGRESS,
        )
    )
    stopped = 0
    for one in open_ones:
        definition = await responses.definition_of(session, one)
        if Purpose(definition.purpose) in purposes:
            stopped += await responses.stop(session, one, now=now, reason="withdrawn")
    return stopped


async def _skip(session: AsyncSession, who: Whose, now: datetime) -> int:
    """Recipients of campaigns that are planned and not queued yet (the room of campaigns is above this one)."""
    recipients = Base.metadata.tables["campaign_recipient"]
    done = await session.execute(
        recipients.update()
        .where(recipients.c.patient_id.in_(who.patients), recipients.c.state == "planned")
        .values(state="skipped", reason=Reason.WITHDRAWN.value, settled_at=now)
    )
    return int(getattr(done, "rowcount", 0))


async def _unbind(session: AsyncSession, who: Whose, now: datetime) -> int:
    gone = 0
    for contact_id in who.contacts:
        for patient_id in who.patients:
            actor = f"contact:{contact_id}"
            gone += await binding.unbind(
                session, contact_id=contact_id, patient_id=patient_id, actor=actor, now=now
            )
    return gone
