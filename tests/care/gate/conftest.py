"""A gate with the shipped words and notices, and people and messages to put before it."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import update

from care.consents import service as consents
from care.consents.models import Purpose
from care.gate.policy import Gate
from care.gate.ports import Contents, Stops
from care.gate.rules import GateRules
from care.gate.words import CatalogueWords
from care.patients import service as patients
from care.patients.models import Relation
from care.patients.service import PatientData
from channels.contacts.models import Contact, Conversation, SendingWindow
from channels.inbox.service import Inbox
from channels.inbox.spool import Spool
from channels.outbox.models import OutboundMessage
from channels.outbox.ports import Candidate, Verdict
from channels.ports import ChannelName
from channels.reply import Reply
from channels.wechat.models import SubscriptionGrant
from channels.wechat.notices import NoticeBook
from channels.wording.catalogue import Catalogue
from server.wording import WORDING
from store.clock import VirtualClock
from store.database import Database
from tests.factories.messages import SMS, WECHAT, conversation, inbound, say

FACTS = {"hospital": "云江市示范医院", "landline": "0571-00000000"}
HELLO = Reply("smalltalk.greet")
BOOKED = Reply(
    "booking.booked", {"name": "王秀兰", "department": "眼科", "when": "周二上午", "place": "门诊楼3层"}
)
"""The reply for which there are notices of all three kinds."""
_numbers = itertools.count(1)


@dataclass
class Town:
    """People with contacts, and messages to them. Times are the frozen clock's."""

    database: Database
    clock: VirtualClock
    catalogue: Catalogue
    rules: GateRules = field(default_factory=GateRules)
    passive_only: tuple[str, ...] = ()
    contents: Contents | None = None
    stops: Stops | None = None
    asked: list[UUID] = field(default_factory=list)

    @property
    def gate(self) -> Gate:
        words, notices = CatalogueWords(self.catalogue), NoticeBook(WORDING / "notices.yml", FACTS)
        return Gate(  # the demo's names are the ids
            self.rules,
            words,
            notices,
            holder_question=self,
            passive_only=self.passive_only,
            contents=self.contents,
            stops=self.stops,
        )

    async def ask(self, session: Any, contact_ids: Sequence[UUID], now: datetime) -> None:
        """The gate wants to know who holds these numbers."""
        self.asked += contact_ids

    def set_rules(self, **values: Any) -> None:
        self.rules = replace(self.rules, **values)

    def at(self, text: str) -> None:
        """It is now `2026-11-24 20:59` in Shanghai."""
        self.clock.freeze(self.clock.to_utc(datetime.fromisoformat(text)))

    async def patient(self, *granted: Purpose) -> UUID:
        """Somebody who has agreed to `granted` (default: everything)."""
        number = next(_numbers)
        async with self.database.write("a patient") as session:
            data = PatientData(f"G{number:07d}", "王秀兰", "female", phone=f"199{number:08d}")
            made = await patients.create(session, data, self.clock.now())
        for purpose in granted or tuple(Purpose):
            await self.decide(made.id, purpose, True)
        return made.id

    async def decide(
        self, subject_id: UUID, purpose: Purpose, granted: bool, subject: consents.Subject = "patient"
    ) -> None:
        async with self.database.write("a consent") as session:
            await consents.decide(
                session,
                subject=subject,
                subject_id=subject_id,
                purpose=purpose,
                granted=granted,
                text_version="1",
                channel="wechat",
                now=self.clock.now(),
            )

    async def contact(
        self,
        channel: ChannelName = WECHAT,
        of: UUID | None = None,
        relation: Relation = Relation.SELF,
        **values: Any,
    ) -> tuple[Contact, Conversation]:
        """A new address, linked to patient `of`. Phones are the patient's own unless `holder` says otherwise."""
        number = next(_numbers)
        address = f"oGate_{number:022d}" if channel is WECHAT else f"+86199{number:08d}"
        contact, talk = await conversation(self.database, self.clock, channel, address)
        if channel is SMS:
            values.setdefault("holder", "self")
        async with self.database.write("a contact") as session:
            if values:
                await session.execute(update(Contact).where(Contact.id == contact.id).values(**values))
            if of is not None:
                await patients.link_contact(session, of, contact.id, relation, at=self.clock.now())
        return contact, talk

    async def window(self, contact: Contact, remaining: int, lasts: timedelta = timedelta(hours=48)) -> None:
        async with self.database.write("a window") as session:
            end = self.clock.now() + lasts
            await session.merge(SendingWindow(contact_id=contact.id, remaining=remaining, expires_at=end))

    async def agrees(self, contact: Contact, template_id: str, kind: str, remaining: int | None) -> None:
        async with self.database.write("a grant") as session:
            session.add(
                SubscriptionGrant(
                    contact_id=contact.id,
                    template_id=template_id,
                    kind=kind,
                    accepted=True,
                    remaining=remaining,
                    changed_at=self.clock.now(),
                )
            )

    async def writes(self, contact: Contact, **values: Any) -> UUID:
        """The patient does something now; its id."""
        inbox = Inbox(self.database, self.clock, Spool(None), lambda: None)
        message = inbound(channel=ChannelName(contact.channel), address=contact.address, **values)
        [accepted] = await inbox.accept([message])
        return UUID(accepted.inbound_id)

    async def message(
        self,
        talk: Conversation,
        purpose: str,
        patient_id: UUID | None = None,
        reply: Reply = HELLO,
        **values: Any,
    ) -> OutboundMessage:
        """Said now, and claimed: as the gate sees it."""
        [made] = await say(
            self.database, self.clock, talk, reply, purpose=purpose, patient_id=patient_id, **values
        )
        await self.now_is(made, "sending")
        return made

    async def now_is(
        self, message: OutboundMessage, status: str, ago: timedelta | None = None, **values: Any
    ) -> None:
        """What became of it, `ago` before now."""
        done = self.clock.now() - ago if ago is not None else None
        async with self.database.write("a status") as session:
            await session.execute(
                update(OutboundMessage)
                .where(OutboundMessage.id == message.id)
                .values(status=status, finished_at=done, **values)
            )

    async def had(
        self,
        talk: Conversation,
        purpose: str,
        ago: timedelta,
        patient_id: UUID | None = None,
        status: str = "delivered",
        **values: Any,
    ) -> None:
        """Somebody was told something a while ago."""
        made = await self.message(talk, purpose, patient_id, **values)
        await self.now_is(made, status, ago)

    async def check(
        self, *messages: OutboundMessage, tried: Sequence[str] = (), weight: int = 1
    ) -> list[Verdict]:
        async with self.database.write("the gate") as session:
            batch = []
            for message in messages:
                row = await session.get(OutboundMessage, message.id)
                assert row is not None
                contact = await session.get(Contact, row.contact_id)
                assert contact is not None
                batch.append(Candidate(row, contact, frozenset(tried), weight))
            return await self.gate.check(session, batch, self.clock.now())

    async def asks(
        self, talk: Conversation, purpose: str, patient_id: UUID | None = None, **values: Any
    ) -> Verdict:
        """The gate's word on a new message, which is gone again afterwards."""
        tried, weight = values.pop("tried", ()), values.pop("weight", 1)
        made = await self.message(talk, purpose, patient_id, **values)
        [verdict] = await self.check(made, tried=tried, weight=weight)
        await self.now_is(made, "suppressed")
        return verdict


@pytest.fixture
def catalogue() -> Catalogue:
    """The shipped wording, all its templates approved."""
    catalogue = Catalogue(WORDING, FACTS)
    catalogue.use_templates(catalogue.sms_templates())
    return catalogue


@pytest.fixture
def town(database: Database, clock: VirtualClock, catalogue: Catalogue) -> Town:
    """Tuesday 24 November 2026, 10:00: a working day, in everybody's hours."""
    made = Town(database, clock, catalogue)
    made.at("2026-11-24 10:00")
    return made
