"""Deleting what may go: planned from the book, shown before it is done, done in one transaction, and nothing comes back.

PIPL art. 47: on request what is no longer needed is deleted; where a law sets a time of keeping that is not over, what it covers is
stored and nothing else is done with it. The laws are named per table in `data/seed/holdings.yml`.
"""

from __future__ import annotations

import uuid
from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import delete, exists, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from care.binding import service as binding
from care.consents.models import OptOut
from care.desk.models import DeskTask
from care.gate.reasons import Reason
from care.privacy import withdrawal
from care.privacy.holdings import Holding, Whose, book, count, rows_of
from care.privacy.models import Tombstone
from channels.contacts import service as contacts
from channels.contacts.models import Contact, Conversation
from channels.media import service as media
from channels.outbox.models import OutboundMessage
from channels.questions.models import OpenQuestion
from store import audit, crypto
from store.database import insert_new

ERASED = "erased"
"""The status of a contact whose address is gone (`channels.inbox` gives it back to whoever writes anew)."""
PURPOSES = (
    "reply",
    "staff_reply",
    "code",
    "service_notice",
    "follow_up",
    "survey",
    "education",
    "marketing",
)
_QUIET = {"synchronize_session": False}


@dataclass(frozen=True, slots=True)
class Item:
    """One kind of data with its number of rows; `law` (a code) says why it stays, empty where it goes."""

    kind: str
    number: int
    law: str = ""


@dataclass(frozen=True, slots=True)
class Plan:
    """What goes and what stays, by kind, as patients and staff read it."""

    goes: tuple[Item, ...]
    stays: tuple[Item, ...]


async def plan(session: AsyncSession, who: Whose) -> Plan:
    """What a deletion would do now."""
    goes: Counter[str] = Counter()
    stays: Counter[tuple[str, str]] = Counter()
    for held in await count(session, who):
        one = held.holding
        if one.act_for(stranger=who.stranger) == "keep":
            stays[one.kind, one.law] += held.number
        else:
            goes[one.kind] += held.number
    return Plan(
        tuple(Item(kind, goes[kind]) for kind in book().kinds if goes[kind]),
        tuple(
            Item(kind, number, law)
            for kind in book().kinds
            for (k, law), number in stays.items()
            if k == kind
        ),
    )


async def delete_person(
    session: AsyncSession, who: Whose, *, request_id: UUID, actor: str, now: datetime
) -> dict[str, int]:
    """Delete and blank what may go, in the caller's transaction. Returns rows by table.

    The address stays until `erase_address`, so that the answer can still reach the person.
    """
    done: Counter[str] = Counter()
    done["outbound_message"] += await withdrawal.suppress(session, who, PURPOSES, Reason.PATIENT_DELETED, now)
    for contact_id in who.contacts:
        for patient_id in who.patients + who.others:
            done["patient_contact"] += await binding.unbind(
                session, contact_id=contact_id, patient_id=patient_id, actor=actor, now=now
            )
        await media.forget(session, contact_id, now)
    for holding in book().holdings:
        if holding.of and (number := await _apply(session, holding, who, now)):
            done[holding.table] += number
    subjects = [("patient", one) for one in who.patients] + [("contact", one) for one in who.contacts]
    for subject, subject_id in subjects:
        stone = {"subject_id": subject_id, "subject": subject, "request_id": request_id, "at": now}
        await insert_new(session, Tombstone, stone)
        audit.record(
            session,
            actor=actor,
            action="privacy.erased",
            subject=audit.subject_of(subject, subject_id),
            at=now,
            detail={"request": str(request_id), "rows": dict(done)},
        )
    return {table: number for table, number in done.items() if number}


async def _apply(session: AsyncSession, holding: Holding, who: Whose, now: datetime) -> int:
    act = holding.act_for(stranger=who.stranger)
    theirs = rows_of(holding, who)
    if act == "delete":
        gone = await session.execute(delete(holding.rows).where(theirs).execution_options(**_QUIET))
        return int(getattr(gone, "rowcount", 0))
    if act != "blank":
        return 0
    if holding.table == "desk_task":  # nobody is left to do it for
        await session.execute(
            update(DeskTask)
            .where(theirs, DeskTask.status != "done")
            .values(status="done", done_at=now)
            .execution_options(**_QUIET)
        )
    empty = dict.fromkeys(holding.blank)
    blanked = await session.execute(
        update(holding.rows).where(theirs).values(empty).execution_options(**_QUIET)
    )
    return int(getattr(blanked, "rowcount", 0))


async def waits(session: AsyncSession, conversation_id: UUID) -> bool:
    """Whether something is still on its way to the person."""
    open_ones = exists().where(
        OutboundMessage.conversation_id == conversation_id,
        OutboundMessage.status.in_(("queued", "sending")),
    )
    return bool(await session.scalar(select(open_ones)))


async def erase_address(session: AsyncSession, contact_ids: tuple[UUID, ...], now: datetime) -> None:
    """The last step: the openid or number goes. What the law keeps stays under a contact that leads nowhere; in its old place
    stands an empty one that only knows the address's keyed hash, so that a callback delivered again finds its message known and
    brings nothing back, and a stop that was asked for holds."""
    for contact_id in contact_ids:
        contact = await session.get(Contact, contact_id)
        if contact is None or contact.status == ERASED:
            continue
        kept_hash = contact.address_hash
        contact.address = ""
        contact.address_hash = crypto.lookup(f"erased:{contact_id}:{uuid.uuid4()}", "contact.address")
        contact.status, contact.holder, contact.muted_until = ERASED, "unknown", None
        await session.execute(
            update(Conversation)
            .where(Conversation.contact_id == contact_id)
            .values(engine_id=uuid.uuid4())
            .execution_options(**_QUIET)
        )
        await session.execute(
            delete(OpenQuestion)
            .where(
                OpenQuestion.conversation_id.in_(
                    select(Conversation.id).where(Conversation.contact_id == contact_id)
                )
            )
            .execution_options(**_QUIET)
        )
        await session.flush()
        stone = await contacts.empty(session, contact, kept_hash, status=ERASED, now=now)
        await session.execute(
            update(OptOut)
            .where(OptOut.contact_id == contact_id)
            .values(contact_id=stone)
            .execution_options(**_QUIET)
        )
