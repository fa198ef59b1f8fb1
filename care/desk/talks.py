"""The conversations at the desk: who waits, who has what, what was just handed back."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import func, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from care.access import service as access
from care.desk.models import DeskSeen, DeskTask, Handoff, TaskKind
from care.patients.models import Patient, PatientContact, Relation
from care.rows import chunks
from channels.contacts.models import Contact, Conversation
from store.database import insert_new

RECENT = timedelta(days=2)
MOST = 200
RECENT_SHOWN = 20


@dataclass(frozen=True, slots=True)
class Spoken:
    """A patient the contact speaks for; `relation`: what the patient is to them."""

    patient: Patient
    relation: Relation


@dataclass(frozen=True, slots=True)
class Talk:
    """A conversation in a list. `why`: what the patient said when a person was asked for. `hidden`: about a confidential patient
    who is not in the reader's charge: neither names nor words are shown. `unread`: something came in that nobody of the staff, or
    not the one who has it, has seen."""

    handoff: Handoff
    conversation: Conversation
    contact: Contact
    people: tuple[Spoken, ...]
    why: str
    hidden: bool
    unread: bool

    @property
    def id(self) -> UUID:
        return self.conversation.id

    @property
    def passed(self) -> bool:
        """Passed on, and not yet taken."""
        return self.handoff.state == "taken" and self.handoff.staff_id is None


@dataclass(frozen=True, slots=True)
class Talks:
    """`waiting` by promised time; `passed` to the reader, or to a group; `mine`; `owned`: begun by the reader, now elsewhere."""

    waiting: list[Talk]
    passed: list[Talk]
    mine: list[Talk]
    others: list[Talk]
    owned: list[Talk]
    recent: list[Talk]

    @property
    def calling(self) -> int:
        """How many the reader should look at: waiting for anybody, or with something new for the reader."""
        return len(self.waiting) + len(self.passed) + sum(one.unread for one in (*self.mine, *self.owned))

    @property
    def everything(self) -> list[Talk]:
        return [*self.waiting, *self.passed, *self.mine, *self.others, *self.recent]


async def talks(session: AsyncSession, staff_id: UUID, now: datetime) -> Talks:
    """Every conversation that is not the bot's, and those handed back lately, as `staff_id` sees them."""
    rows = select(Handoff, Conversation, Contact).join(
        Conversation, Conversation.id == Handoff.conversation_id
    )
    rows = rows.join(Contact, Contact.id == Conversation.contact_id)
    held = await session.execute(
        rows.where(Handoff.state.in_(("waiting", "taken")))
        .order_by(Handoff.due_at, Handoff.id)
        .limit(MOST)
        .execution_options(populate_existing=True)
    )
    back = await session.execute(
        rows.where(Handoff.state == "back", Handoff.back_at > now - RECENT)
        .order_by(Handoff.back_at.desc())
        .limit(RECENT_SHOWN)
        .execution_options(populate_existing=True)
    )
    found = await _told(session, [(row[0], row[1], row[2]) for row in (*held, *back)], staff_id, now)
    open_ = [one for one in found if one.handoff.state != "back"]
    taken = [one for one in open_ if one.handoff.state == "taken"]
    return Talks(
        waiting=[one for one in open_ if one.handoff.state == "waiting"],
        passed=[one for one in taken if one.passed],
        mine=[one for one in taken if one.handoff.staff_id == staff_id],
        others=[one for one in taken if one.handoff.staff_id not in (None, staff_id)],
        owned=[one for one in open_ if one.handoff.owner_id == staff_id and one.handoff.staff_id != staff_id],
        recent=[one for one in found if one.handoff.state == "back"],
    )


async def talk_of(session: AsyncSession, conversation_id: UUID, staff_id: UUID, now: datetime) -> Talk | None:
    """One conversation, whoever has it; None where there is none. The bot's own has a hand-off row that says `back`."""
    talk = await session.get(Conversation, conversation_id, populate_existing=True)
    contact = await session.get(Contact, talk.contact_id) if talk is not None else None
    if talk is None or contact is None:
        return None
    handoff = await session.scalar(
        select(Handoff)
        .where(Handoff.conversation_id == conversation_id)
        .execution_options(populate_existing=True)
    )
    if handoff is None:
        handoff = Handoff(conversation_id=talk.id, state="back", requested_at=now, due_at=now)
    return (await _told(session, [(handoff, talk, contact)], staff_id, now))[0]


async def _told(
    session: AsyncSession,
    rows: Sequence[tuple[Handoff, Conversation, Contact]],
    staff_id: UUID,
    now: datetime,
) -> list[Talk]:
    people = await spoken_for(session, [contact.id for _, _, contact in rows])
    everybody = {one.patient.id: one.patient for group in people.values() for one in group}
    hidden = await access.hidden(session, staff_id, everybody.values(), now=now)
    ids = [talk.id for _, talk, _ in rows]
    seen = {
        row.conversation_id: row.seen_at
        for row in await session.scalars(
            select(DeskSeen).where(DeskSeen.staff_id == staff_id, DeskSeen.conversation_id.in_(ids))
        )
    }
    why: dict[UUID, str] = {}
    asked = select(DeskTask).where(
        DeskTask.conversation_id.in_(ids), DeskTask.kind == TaskKind.HUMAN_REQUEST, DeskTask.status != "done"
    )
    for task in await session.scalars(asked.order_by(DeskTask.created_at)):
        if task.conversation_id is not None:
            why[task.conversation_id] = task.note or why.get(task.conversation_id, "")
    found = []
    for handoff, talk, contact in rows:
        group = tuple(people.get(contact.id, ()))
        secret = any(one.patient.id in hidden for one in group)
        news = max(
            (at for at in (talk.last_inbound_at, handoff.requested_at if handoff.owner_id else None) if at),
            default=None,
        )
        unread = news is not None and (talk.id not in seen or seen[talk.id] < news)
        found.append(
            Talk(handoff, talk, contact, group, "" if secret else why.get(talk.id, ""), secret, unread)
        )
    return found


async def spoken_for(session: AsyncSession, contact_ids: Sequence[UUID]) -> dict[UUID, list[Spoken]]:
    """Whom each contact speaks for: oneself first."""
    found: defaultdict[UUID, list[Spoken]] = defaultdict(list)
    for part in chunks(list(contact_ids)):
        rows = await session.execute(
            select(PatientContact, Patient)
            .join(Patient, Patient.id == PatientContact.patient_id)
            .where(PatientContact.contact_id.in_(part))
            .order_by(PatientContact.confirmed_at, PatientContact.id)
        )
        for link, patient in rows:
            found[link.contact_id].append(Spoken(patient, Relation(link.relation)))
    return {one: sorted(group, key=lambda s: s.relation != Relation.SELF) for one, group in found.items()}


async def calling(session: AsyncSession, staff_id: UUID) -> int:
    """As `Talks.calling`, counted by the database."""
    unseen = or_(
        DeskSeen.seen_at.is_(None),
        DeskSeen.seen_at < Conversation.last_inbound_at,
        (Handoff.owner_id == staff_id) & (DeskSeen.seen_at < Handoff.requested_at),
    )
    mine = or_(Handoff.staff_id == staff_id, Handoff.owner_id == staff_id)
    counted = (
        select(func.count())
        .select_from(Handoff)
        .join(Conversation, Conversation.id == Handoff.conversation_id)
        .outerjoin(
            DeskSeen, (DeskSeen.conversation_id == Handoff.conversation_id) & (DeskSeen.staff_id == staff_id)
        )
        .where(
            or_(
                Handoff.state == "waiting",
                (Handoff.state == "taken") & (Handoff.staff_id.is_(None) | (mine & unseen)),
            )
        )
    )
    return await session.scalar(counted) or 0


async def seen(session: AsyncSession, staff_id: UUID, conversation_id: UUID, now: datetime) -> None:
    """The member of staff has the conversation before them, now."""
    key = {"staff_id": staff_id, "conversation_id": conversation_id}
    if await insert_new(session, DeskSeen, {**key, "seen_at": now}):
        return
    row = await session.get(DeskSeen, (staff_id, conversation_id), populate_existing=True)
    if row is not None and row.seen_at < now:
        row.seen_at = now
