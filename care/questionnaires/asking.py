"""Sending out what was assigned: the first question of it, reminders, and a kind word when its time is over.

Responses are leased rows (`store.leases`): each is claimed, then handled in a transaction of its own, guarded by its token. A
process that dies leaves the row due; the outbox's `dedup_key` keeps anything from being said twice.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

import structlog
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from care.desk.models import TaskKind
from care.desk.tasks import open_task
from care.followup.models import CallStatus, FollowUpCall
from care.patients.models import Patient
from care.questionnaires.answering import position
from care.questionnaires.models import QuestionnaireResponse, ResponseStatus
from care.questionnaires.outcomes import Position
from care.questionnaires.responses import expire, is_open
from care.reach import talks
from channels.contacts.models import Contact, Conversation
from channels.outbox import service as outbox
from channels.ports import ChannelName
from channels.reply import Option, Reply
from channels.wording.labels import label
from store import leases
from store.database import Database

log = structlog.get_logger(__name__)

BATCH = 50
IN_HAND = timedelta(minutes=30)
"""So long after an answer nobody is reminded; ours."""
ONE_AFTER_THE_OTHER = timedelta(days=2)
"""So long a questionnaire waits for another that the patient was asked for before; ours."""
AGAIN = timedelta(hours=3)
"""When it is looked again, where something was in the way; ours."""
CALL_WITHIN = timedelta(days=1)
INVITED = "start_questionnaire"


@dataclass(frozen=True, slots=True)
class Chasing:
    """`after`: how long after it was first sent each reminder comes."""

    after: Sequence[timedelta] = field(default=(timedelta(days=1), timedelta(days=3), timedelta(days=7)))


async def ask_due(database: Database, now: datetime, chasing: Chasing) -> int:
    """One round: everything that is due is asked for, reminded of or ended. Returns how many rows were handled."""

    async def claimed(session: AsyncSession) -> tuple[UUID, list[UUID]]:
        open_ones = (QuestionnaireResponse.status == ResponseStatus.IN_PROGRESS,)
        token, rows = await leases.claim(
            session, QuestionnaireResponse, now=now, limit=BATCH, where=open_ones
        )
        return token, [row.id for row in rows]

    token, ids = await database.transact(claimed, "questionnaires-claim")
    for response_id in ids:

        async def one(session: AsyncSession, response_id: UUID = response_id) -> None:
            await _handle(session, response_id, token, now, chasing)

        try:
            await database.transact(one, "questionnaires-ask")
        except Exception as error:  # one broken row must not keep the others from being asked
            log.exception("questionnaires.ask_failed", response=str(response_id))
            await _give_up(database, response_id, token, repr(error))
    return len(ids)


async def _give_up(database: Database, response_id: UUID, token: UUID, why: str) -> None:
    async def work(session: AsyncSession) -> None:
        row = await session.get_one(QuestionnaireResponse, response_id)
        dead = why[:200] if row.attempts >= 3 else None
        await leases.release(session, QuestionnaireResponse, response_id, token, dead_reason=dead)

    await database.transact(work, "questionnaires-give-up")


async def _handle(
    session: AsyncSession, response_id: UUID, token: UUID, now: datetime, chasing: Chasing
) -> None:
    row = await session.get_one(
        QuestionnaireResponse, response_id, with_for_update=True, populate_existing=True
    )
    if row.lease_token != token:
        return
    row.lease_token = row.lease_until = None
    row.attempts = 0
    if not is_open(row) or row.patient_id is None:
        row.due_at = None
        return
    if row.expires_at is not None and row.expires_at <= now:
        await _end(session, row, now)
        return
    wait = await _in_the_way(session, row, now)
    if wait is not None:
        row.due_at = wait if row.expires_at is None else min(wait, row.expires_at)
        return
    await ask(session, row, now)
    row.due_at = _next(row, now, chasing)


def _next(row: QuestionnaireResponse, now: datetime, chasing: Chasing) -> datetime | None:
    """When the next reminder comes, counted from the first message; after the last, when it expires."""
    done = row.chased - 1
    before = chasing.after[done - 1] if 0 < done <= len(chasing.after) else timedelta(0)
    if done < len(chasing.after):
        coming = now + chasing.after[done] - before
        return coming if row.expires_at is None else min(coming, row.expires_at)
    return row.expires_at


async def _in_the_way(session: AsyncSession, row: QuestionnaireResponse, now: datetime) -> datetime | None:
    """When to look again: the patient is answering just now, or another questionnaire comes first."""
    if row.answers and row.paused_at is None and row.updated_at + IN_HAND > now:
        return row.updated_at + IN_HAND
    if row.chased or row.started_at + ONE_AFTER_THE_OTHER <= now:
        return None
    other = await session.scalar(
        select(QuestionnaireResponse.id)
        .where(
            QuestionnaireResponse.patient_id == row.patient_id,
            QuestionnaireResponse.status == ResponseStatus.IN_PROGRESS,
            QuestionnaireResponse.id != row.id,
            QuestionnaireResponse.chased > 0,
            QuestionnaireResponse.expires_at > now,
        )
        .limit(1)
    )
    return now + AGAIN if other is not None else None


async def ask(session: AsyncSession, row: QuestionnaireResponse, now: datetime) -> None:
    """Send the invitation, or the next reminder; a nurse rings up whom nothing reaches."""
    here = await position(session, row)
    row.chased += 1
    row.paused_at = None
    talk = await _talk(session, row, by_phone=row.chased % 2 == 0 and "sms" in here.definition.channels)
    not_there = talk is not None and talk.channel == "sms" and "sms" not in here.definition.channels
    if talk is None or here.item is None or not_there:
        if here.definition.purpose != "survey":  # nobody is rung up to be asked how it was
            await _call(session, row, now, "unreachable")
        return
    patient = await session.get_one(Patient, row.patient_id)
    await outbox.enqueue(
        session,
        talk,
        _invitation(row, here, patient.name),
        dedup_key=f"questionnaire:{row.id}:{row.chased}",
        purpose=here.definition.purpose,
        now=now,
        priority=outbox.NOTICE_PRIORITY,
        patient_id=row.patient_id,
        instance=f"questionnaire:{row.id}",
        expires_at=row.expires_at,
    )


def _invitation(row: QuestionnaireResponse, here: Position, name: str) -> Reply:
    definition, left = here.definition, here.total - here.number + 1
    options = tuple(
        Option(do, label(f"answer_{said}"), INVITED, {"response": row.id.hex, "do": do})
        for do, said in (("now", "go_on" if row.answers else "now"), ("later", "later"), ("no", "never"))
    )
    params = {
        "name": name,
        "title": definition.title,
        "count": here.total,
        "left": left,
        "minutes": definition.minutes,
    }
    if definition.purpose == "survey":
        return Reply(
            "survey.invite", params, (Option("rate", label("answer_now"), INVITED, options[0].params),)
        )
    key = "questionnaire.remind" if row.chased > 1 else "questionnaire.invite"
    return Reply(key if "sms" in definition.channels else f"{key}_here", params, options)


async def _end(session: AsyncSession, row: QuestionnaireResponse, now: datetime) -> None:
    """Expired: a kind word where it had been asked for; a nurse rings up who never answered a follow-up."""
    here = await position(session, row)
    await expire(session, row, now=now)
    if not row.chased or here.definition.purpose == "survey":
        return
    talk = await _talk(session, row, by_phone=False)
    if talk is not None and (talk.channel != "sms" or "sms" in here.definition.channels):
        await outbox.enqueue(
            session,
            talk,
            Reply("questionnaire.expired", {"title": here.definition.title}),
            dedup_key=f"questionnaire:{row.id}:expired",
            purpose=here.definition.purpose,
            now=now,
            priority=outbox.NOTICE_PRIORITY,
            patient_id=row.patient_id,
        )
    if not row.answers and not await _rung_for(session, row):
        await _call(session, row, now, "unanswered")


async def _rung_for(session: AsyncSession, row: QuestionnaireResponse) -> bool:
    """Whether a call of the day's list is, or was, about these questions: a plan's own step rings whom it asked."""
    call = select(FollowUpCall.id).where(
        FollowUpCall.patient_id == row.patient_id,
        FollowUpCall.questionnaire == row.name,
        FollowUpCall.due_on >= row.started_at.date(),
        FollowUpCall.status != CallStatus.DROPPED,
    )
    return await session.scalar(call.limit(1)) is not None


async def _call(session: AsyncSession, row: QuestionnaireResponse, now: datetime, why: str) -> None:
    await open_task(
        session,
        TaskKind.CALL,
        dedup_key=f"questionnaire:{row.id}:call",
        now=now,
        due_at=now + CALL_WITHIN,
        note=label(f"questionnaire_{why}"),
        patient_id=row.patient_id,
    )


async def _talk(session: AsyncSession, row: QuestionnaireResponse, *, by_phone: bool) -> Conversation | None:
    """Whom to ask where: the contact named, else WeChat before a phone (the other way round for every second reminder), the
    patient before the family. The gate takes it further from there."""
    preferred = ChannelName.SMS if by_phone else ChannelName.WECHAT
    before = [talks.first(Contact.channel == preferred)]
    if row.contact_id and not by_phone:
        before.insert(0, talks.first(Contact.id == row.contact_id))
    query = talks.in_order(*before).where(Contact.status == "active")
    return await talks.the_first(session, query, row.patient_id)
