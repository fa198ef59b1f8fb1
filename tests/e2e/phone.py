"""A patient with a phone: says something, and sees what came of it on the phone and in the rows."""

from __future__ import annotations

import itertools
import random
import re
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any
from urllib.parse import quote
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from care.alerts.models import Alert
from care.appointments.models import Appointment, BookingDraft, SlotHold
from care.consents.models import OptOut
from care.desk.models import DeskTask, Handoff
from care.patients import service as patients
from care.patients.models import PatientContact, Relation
from care.patients.service import PatientData
from care.questionnaires.models import QuestionnaireResponse
from channels.contacts import service as contacts
from channels.contacts.models import Contact, Conversation
from channels.inbox.models import InboundMessage
from channels.outbox.models import OutboundMessage
from channels.questions.models import OpenQuestion
from channels.reply import Reply, digits
from tests.e2e.installation import SMS, WECHAT, Installation, dump, http

SETTLED = ("accepted", "delivered", "failed", "uncertain", "suppressed")
PATIENCE = 60.0
"""Seconds an answer may take on a busy machine before the test gives up."""
_numbers = itertools.count(random.randrange(1000, 9999) * 10_000)


def _next() -> int:
    """Eight figures nobody had in this run."""
    return next(_numbers)


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody on record. `relation`: what they are to whoever holds the phone."""

    name: str
    sex: str = "female"
    born: date = date(1985, 4, 2)
    relation: str = "self"
    number: str = ""
    phone: str = ""


@dataclass(slots=True)
class Said:
    """One reply of the bot: the row's key and options, and what the phone shows."""

    key: str
    labels: list[str]
    digits: list[int]
    text: str
    params: dict[str, Any]
    status: str


Push = Callable[[AsyncSession, Conversation, datetime], Awaitable[UUID]]
"""Queues something; returns the message's id."""


def _said(reply: Reply, text: str, status: str) -> Said:
    return Said(
        reply.key, [one.label for one in reply.options], digits(reply.options), text, reply.params, status
    )


@dataclass(slots=True)
class Turn:
    """What came of one message."""

    inbound_id: UUID
    status: str
    intent: str
    confidence: float
    resolved: str
    screen: str
    replies: list[Said]

    @property
    def keys(self) -> list[str]:
        return [reply.key for reply in self.replies]

    def __str__(self) -> str:
        head = f"[{self.intent or '-'} {self.confidence:.2f} | {self.resolved or '-'} | {self.screen} | {self.status}]"
        lines = [f"  B {reply.key} {reply.text!r} {reply.labels or ''}" for reply in self.replies]
        return "\n".join([head, *lines])


def new_address(channel: str) -> str:
    number = _next()
    return f"oBanyiTest_{number:017d}" if channel == WECHAT else f"+86198{number:08d}"


def put_on_record(home: Installation, *people: Person) -> list[Person]:
    """Make patients nobody is bound to; record number and phone are filled in."""
    made = [
        Person(
            one.name,
            one.sex,
            one.born,
            one.relation,
            one.number or f"T{_next():09d}",
            one.phone or f"198{_next():08d}",
        )
        for one in people
    ]
    now = home.now()

    async def work(session: AsyncSession) -> None:
        for one in made:
            data = PatientData(one.number, one.name, one.sex, one.born, one.phone)
            await patients.create(session, data, now)

    home.write(work)
    return made


@dataclass
class Phone:
    """One handset. `open` makes it, with the people it speaks for bound already."""

    home: Installation
    channel: str
    address: str
    contact_id: UUID
    conversation_id: UUID
    people: list[Person] = field(default_factory=list)
    seen: int = 0
    last: Turn | None = None
    story: list[str] = field(default_factory=list)
    pushes: list[UUID] = field(default_factory=list)

    @classmethod
    def open(
        cls, home: Installation, channel: str, *people: Person, address: str = "", holder: str = "self"
    ) -> Phone:
        address = address or new_address(channel)
        made = put_on_record(home, *people) if people else []
        now = home.now()

        async def work(session: AsyncSession) -> tuple[UUID, UUID]:
            contact, conversation = await contacts.ensure(
                session, channel, home.account(channel), address, now
            )
            contact.holder = holder if contact.channel == SMS else contact.holder
            for one in made:
                patient = await patients.get_by_record_number(session, one.number)
                assert patient is not None
                await patients.link_contact(session, patient.id, contact.id, Relation(one.relation), at=now)
            return contact.id, conversation.id

        contact_id, conversation_id = home.write(work)
        phone = cls(home, channel, address, contact_id, conversation_id, made)
        if channel == WECHAT:  # has followed for long: no welcome is waiting
            http("POST", f"{phone.base}/_sim/blacklist/{quote(address)}?on=false")
        phone.seen = max([int(event["seq"]) for event in phone.transcript()], default=0)
        return phone

    @property
    def base(self) -> str:
        return self.home.simulator(self.channel)

    @property
    def options(self) -> list[str]:
        """Labels of the last question asked."""
        for reply in reversed(self.last.replies if self.last else []):
            if reply.labels:
                return reply.labels
        return []

    # -- doing

    def say(self, text: str) -> Turn:
        kind = "users" if self.channel == WECHAT else "phones"
        return self._turn(f"/_sim/{kind}/{quote(self.address)}/text", {"text": text}, f"P {text[:80]}")

    def tap(self, which: int | str) -> Turn:
        """Tap an item of the last menu, by number or by what its label contains; on SMS its digit is sent."""
        if isinstance(which, str):
            found = [n for n, label in enumerate(self.options, 1) if re.search(which, label)]
            assert found, f"no option with {which!r} among {self.options}\n{self}"
            which = found[0]
        if self.channel != WECHAT:
            asked = [reply for reply in (self.last.replies if self.last else []) if reply.digits]
            return self.say(str(asked[-1].digits[which - 1] if asked else which))
        menus = [event for event in self.transcript() if event["direction"] == "out" and event.get("menu")]
        assert menus and which <= len(menus[-1]["menu"]), f"nothing to tap as {which}\n{self}"
        item = menus[-1]["menu"][which - 1]
        return self.act("tap", {"id": item["id"]}, f"tap {which} {item['label']}")

    def act(self, action: str, body: dict[str, Any], note: str = "") -> Turn:
        """Any other thing a WeChat user does: `follow`, `menu`, `media`…"""
        return self._turn(f"/_sim/users/{quote(self.address)}/{action}", body, note or f"{action} {body}")

    def send(self, path: str, body: dict[str, Any], timeout: float = 60.0) -> dict[str, Any]:
        """Only hand it to the vendor; how the callback was answered."""
        answer = http("POST", self.base + path, body, timeout=timeout)
        assert answer.status == 200, answer.text
        result: dict[str, Any] = answer.json()
        return result

    def _turn(self, path: str, body: dict[str, Any], note: str) -> Turn:
        self.story.append(note)
        before = self.inbound_seq()
        result = self.send(path, body)
        assert result["status"] == "ok", f"the callback was not taken: {result}\n{self}"
        self.last = self.outcome(before + 1)
        self.story.append(str(self.last))
        return self.last

    # -- seeing

    def inbound_seq(self) -> int:
        with self.home.rows() as session:
            return (
                session.scalar(
                    select(Conversation.inbound_seq).where(Conversation.id == self.conversation_id)
                )
                or 0
            )

    def outcome(self, seq: int, patience: float = PATIENCE) -> Turn:
        """Wait until message number `seq` is handled and every answer to it has left."""
        deadline = time.monotonic() + patience
        while (found := self._look(seq)) is None:
            assert time.monotonic() < deadline, f"no end of message {seq} within {patience:.0f} s\n{self}"
            time.sleep(0.025)
        return found

    def _look(self, seq: int) -> Turn | None:
        with self.home.rows() as session:
            row = session.scalar(
                select(InboundMessage).where(
                    InboundMessage.conversation_id == self.conversation_id, InboundMessage.seq == seq
                )
            )
            if row is None or row.status == "received":
                return None
            out = list(
                session.scalars(
                    select(OutboundMessage)
                    .where(
                        OutboundMessage.inbound_id == row.id,
                        OutboundMessage.conversation_id == self.conversation_id,
                    )
                    .order_by(OutboundMessage.seq)
                )
            )
            if any(one.status not in SETTLED for one in out):
                return None
            replies = [(part, one.status) for one in out for part in Reply.from_json(one.reply).parts()]
            turn = Turn(
                row.id,
                row.status,
                row.intent or "",
                row.confidence or 0.0,
                row.resolved or "",
                row.screen or "",
                [],
            )
        shown = [event["text"] for event in self.transcript(self.seen) if event["direction"] == "out"]
        self.seen = max([int(event["seq"]) for event in self.transcript()], default=self.seen)
        for n, (reply, status) in enumerate(replies):
            text = shown[n] if len(shown) == len(replies) else "\n".join(shown)
            turn.replies.append(_said(reply, text, status))
        return turn

    def push(self, push: Push) -> None:
        """Have the house queue something for this conversation."""
        now = self.home.now()

        async def work(session: AsyncSession) -> UUID:
            conversation = await session.get(Conversation, self.conversation_id)
            assert conversation is not None
            return await push(session, conversation, now)

        self.pushes.append(self.home.write(work))
        self.story.append("push")

    def unasked(self, how: str, patience: float = PATIENCE) -> Said | None:
        """What became of the oldest push not looked at: `sent`, or `waits` with the reason the house gives (None then)."""
        pushed, deadline = self.pushes[0], time.monotonic() + patience
        while True:
            with self.home.rows() as session:
                row = session.get(OutboundMessage, pushed)
                assert row is not None
                reply, status, reason = Reply.from_json(row.reply), row.status, row.reason
            if how == "sent" and status in SETTLED:
                break
            if how != "sent" and status == "queued" and reason == how:
                return None
            assert time.monotonic() < deadline, f"{reply.key} is {status} {reason}\n{self}"
            time.sleep(0.025)
        self.pushes.pop(0)
        shown = [event["text"] for event in self.transcript(self.seen) if event["direction"] == "out"]
        self.seen = max([int(event["seq"]) for event in self.transcript()], default=self.seen)
        said = _said(reply, "\n".join(shown), status)
        if self.last is not None:
            self.last.replies = [said]
        self.story.append(f"  B {said.key} {said.text!r} (unasked)")
        return said

    def transcript(self, after: int = 0) -> list[dict[str, Any]]:
        url = f"{self.base}/_sim/transcript?address={quote(self.address)}&after={after}"
        found: list[dict[str, Any]] = http("GET", url).json()
        return found

    def facts(self) -> dict[str, Any]:
        """The rows that matter to a patient, as plain values."""
        with self.home.rows() as session:
            here = self.conversation_id
            ids = list(
                session.scalars(
                    select(PatientContact.patient_id).where(PatientContact.contact_id == self.contact_id)
                )
            )
            live = select(Appointment).where(Appointment.patient_id.in_(ids), Appointment.status == "booked")
            opened = session.scalars(
                select(OpenQuestion).where(
                    OpenQuestion.conversation_id == here, OpenQuestion.status == "open"
                )
            ).one_or_none()
            response = session.scalars(
                select(QuestionnaireResponse).where(QuestionnaireResponse.conversation_id == here)
            ).all()
            alerts = session.scalars(
                select(Alert).where(Alert.conversation_id == here).order_by(Alert.opened_at)
            ).all()
            return {
                "appointments": len(session.scalars(live).all()),
                "bound": len(ids),
                "holds": len(session.scalars(select(SlotHold).where(SlotHold.conversation_id == here)).all()),
                "drafts": len(
                    session.scalars(select(BookingDraft).where(BookingDraft.conversation_id == here)).all()
                ),
                "tasks": sorted(
                    session.scalars(select(DeskTask.kind).where(DeskTask.conversation_id == here))
                ),
                "alerts": [alert.kind for alert in alerts],
                "false_alarms": sum(alert.false_alarm_at is not None for alert in alerts),
                "opt_out": session.scalar(select(OptOut.level).where(OptOut.contact_id == self.contact_id)),
                "handoff": session.scalar(select(Handoff.state).where(Handoff.conversation_id == here)),
                "question": opened.instance if opened else None,
                "asks": opened.instance.partition(":")[0] if opened else None,
                "answers": [dict(one.answers) for one in response][-1:],
                "survey": [one.status for one in response][-1:],
                "holder": session.scalar(select(Contact.holder).where(Contact.id == self.contact_id)),
                "corrections": len(
                    session.scalars(
                        select(DeskTask).where(
                            DeskTask.contact_id == self.contact_id, DeskTask.kind == "correction"
                        )
                    ).all()
                ),
                "contact": session.scalar(select(Contact.status).where(Contact.id == self.contact_id)),
                "intent": self.last.intent if self.last else None,
                "resolved": self.last.resolved if self.last else None,
                "screen": self.last.screen if self.last else None,
                "status": self.last.status if self.last else None,
            }

    def __str__(self) -> str:
        return "\n".join([f"on {self.channel} {self.address}", *self.story, dump(self.facts())])
