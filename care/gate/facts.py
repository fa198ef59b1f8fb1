"""What the gate knows of a batch: read in sets, in a handful of statements whatever its size.

`read` goes in two steps, because whom else to ask about (the phones of those WeChat cannot reach) is known after the first.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from care.consents.models import Purpose
from care.consents.service import Recipient, Standing, standing
from care.desk.models import Handoff
from care.gate.case import Case
from care.gate.ports import ContentRef, Contents, Piece, Stops
from care.gate.reasons import Reason
from care.gate.sent import Sent, read_sent
from care.patients.models import Patient, PatientContact, Relation
from channels.contacts.models import Contact, Conversation, SendingWindow
from channels.inbox.models import InboundMessage
from channels.ports import ChannelName
from channels.wechat.models import SubscriptionGrant
from store import sets


@dataclass(slots=True)
class Window:
    """What is left of WeChat's customer messages, this batch's own ones taken off."""

    remaining: int
    expires_at: datetime | None


@dataclass(slots=True)
class Grant:
    """A subscription the person agreed to. `remaining` None: as many as one likes."""

    template_id: str
    kind: str
    remaining: int | None


@dataclass(frozen=True, slots=True)
class Phone:
    """A phone that may act for a patient."""

    contact_id: UUID
    account_id: str
    relation: str
    status: str
    holder: str
    muted_until: datetime | None


@dataclass(slots=True)
class Facts:
    """By id. What is not in `patients` does not exist any more; `phones` by patient, `own_phones` by WeChat contact.

    `further` are the ids of messages whose ways beside the customer message were looked up."""

    now: datetime
    sent: Sent
    further: set[UUID] = field(default_factory=set)
    taken: set[UUID] = field(default_factory=set)
    """Conversations a person has in hand."""
    patients: dict[UUID, str] = field(default_factory=dict)
    last_inbound: dict[UUID, datetime] = field(default_factory=dict)
    acts: dict[UUID, datetime] = field(default_factory=dict)
    windows: dict[UUID, Window] = field(default_factory=dict)
    grants: dict[UUID, list[Grant]] = field(default_factory=dict)
    phones: dict[UUID, list[Phone]] = field(default_factory=dict)
    own_phones: dict[UUID, list[Phone]] = field(default_factory=dict)
    relations: dict[tuple[UUID, UUID], str] = field(default_factory=dict)
    standing: Standing = field(default_factory=lambda: Standing({}, {}))
    refused: Mapping[ContentRef, Reason] = field(default_factory=dict)
    stopped: Collection[Piece] = ()


_PATIENTS = select(Patient.id, Patient.status).where(sets.among(Patient.id, "ids"))
_LAST = select(Conversation.id, Conversation.last_inbound_at).where(sets.among(Conversation.id, "ids"))
_ACTS = select(InboundMessage.id, InboundMessage.received_at).where(sets.among(InboundMessage.id, "ids"))
_TAKEN = select(Handoff.conversation_id).where(
    sets.among(Handoff.conversation_id, "ids"), Handoff.state == "taken"
)
_WINDOWS = select(SendingWindow.contact_id, SendingWindow.remaining, SendingWindow.expires_at).where(
    sets.among(SendingWindow.contact_id, "ids")
)
_GRANTS = (
    select(
        SubscriptionGrant.contact_id,
        SubscriptionGrant.template_id,
        SubscriptionGrant.kind,
        SubscriptionGrant.remaining,
    )
    .where(
        sets.among(SubscriptionGrant.contact_id, "ids"),
        SubscriptionGrant.accepted.is_(True),
    )
    .order_by(SubscriptionGrant.template_id)
)
_PHONE = (
    Contact.id,
    Contact.account_id,
    PatientContact.relation,
    Contact.status,
    Contact.holder,
    Contact.muted_until,
)
_LINKS = (
    select(PatientContact.patient_id, Contact.channel, *_PHONE)
    .join(Contact, Contact.id == PatientContact.contact_id)
    .where(sets.among(PatientContact.patient_id, "ids"))
    .order_by(PatientContact.confirmed_at, PatientContact.id)
)
_MINE = PatientContact.__table__.alias("mine")
_OWN_PHONES = (
    select(_MINE.c.contact_id, *_PHONE)
    .join(PatientContact, PatientContact.patient_id == _MINE.c.patient_id)
    .join(Contact, Contact.id == PatientContact.contact_id)
    .where(
        sets.among(_MINE.c.contact_id, "ids"),
        _MINE.c.relation == Relation.SELF.value,
        PatientContact.relation == Relation.SELF.value,
        Contact.channel == ChannelName.SMS.value,
    )
    .order_by(PatientContact.confirmed_at, PatientContact.id)
)


async def read_first(session: AsyncSession, cases: Sequence[Case], now: datetime) -> Facts:
    """Everything but the ways around WeChat's window."""
    facts = Facts(now, sent=await read_sent(session, cases, now))
    for row in await _rows(session, _PATIENTS, (case.patient_id for case in cases)):
        facts.patients[row[0]] = row[1]
    answering = [case for case in cases if case.answers]
    for row in await _rows(session, _LAST, (case.conversation_id for case in answering)):
        if row[1] is not None:
            facts.last_inbound[row[0]] = row[1]
    for row in await _rows(session, _ACTS, (case.message.inbound_id for case in answering)):
        facts.acts[row[0]] = row[1]
    yielding = (case.conversation_id for case in cases if case.yields)
    facts.taken = {row[0] for row in await _rows(session, _TAKEN, yielding)}
    on_wechat = (case.contact_id for case in cases if case.on_wechat)
    for row in await _rows(session, _WINDOWS, on_wechat):
        facts.windows[row[0]] = Window(row[1], row[2])
    return facts


async def read_ways(session: AsyncSession, facts: Facts, cases: Sequence[Case]) -> None:
    """The other ways to reach those of `cases` (all on WeChat): subscriptions, and phones of the same person."""
    facts.further = {case.id for case in cases}
    grants: defaultdict[UUID, list[Grant]] = defaultdict(list)
    for row in await _rows(session, _GRANTS, (case.contact_id for case in cases)):
        grants[row[0]].append(Grant(row[1], row[2], row[3]))
    facts.grants = dict(grants)
    phones: defaultdict[UUID, list[Phone]] = defaultdict(list)
    for row in await _rows(session, _LINKS, (case.patient_id for case in cases)):
        facts.relations[row[0], row[2]] = row[4]
        if row[1] == ChannelName.SMS:
            phones[row[0]].append(Phone(*row[2:]))
    facts.phones = dict(phones)
    own: defaultdict[UUID, list[Phone]] = defaultdict(list)
    for row in await _rows(session, _OWN_PHONES, (c.contact_id for c in cases if c.patient_id is None)):
        own[row[0]].append(Phone(*row[1:]))
    facts.own_phones = dict(own)


async def read_standing(session: AsyncSession, facts: Facts, cases: Sequence[Case]) -> None:
    """Opt-outs and consents of everybody a message of `cases` may reach, phones included."""
    asked = [Recipient(case.contact_id, case.patient_id) for case in cases if case.needs_consent]
    for patient_id, phones in facts.phones.items():
        asked += [Recipient(phone.contact_id, patient_id) for phone in phones]
    for phones in facts.own_phones.values():
        asked += [Recipient(phone.contact_id) for phone in phones]
    if asked:
        purposes = {Purpose(case.purpose) for case in cases if case.needs_consent}
        facts.standing = await standing(session, asked, sorted(purposes))


async def read_contents(
    session: AsyncSession,
    facts: Facts,
    cases: Sequence[Case],
    contents: Contents | None,
    stops: Stops | None,
) -> None:
    """Which texts that `cases` carry must not go out any more, and which their patients want nothing more of."""
    refs = {case.content for case in cases if case.content[0]}
    if contents is not None and refs:
        facts.refused = await contents.refused(session, refs)
    pieces = {piece for case in cases if (piece := case.teaches) is not None}
    if stops is not None and pieces:
        facts.stopped = set(await stops.stopped(session, pieces))


async def _rows(session: AsyncSession, statement: Any, ids: Iterable[UUID | None]) -> Iterable[Any]:
    wanted = [one for one in dict.fromkeys(ids) if one is not None]
    return await session.execute(statement, {"ids": wanted}) if wanted else ()
