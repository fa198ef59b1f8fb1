"""What the played people do, each by the service its real way ends in: answers, words that stop, what happens to them, calls."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, time, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from care.consents import service as consents
from care.consents.models import OptOutLevel, Purpose
from care.followup import calling
from care.followup.calling import Redial
from care.followup.models import LIVE, CallOutcome, FollowUpCall
from care.patients import service as patients
from care.patients.models import PatientStatus
from care.plans.machine.words import words
from care.questionnaires import answering
from care.questionnaires.definition import Definition, Item
from care.questionnaires.flags import raised
from care.questionnaires.items import NUMBERS
from care.questionnaires.models import QuestionnaireResponse, ResponseStatus
from care.questionnaires.outcomes import Accepted, By, Value
from channels.contacts.models import Conversation
from channels.inbox.models import InboundMessage
from channels.inbox.service import Inbox
from channels.ports import ChannelName, Inbound
from server.timemachine import beginning
from server.timemachine.beginning import Player
from server.timemachine.handsets import Phones
from store.clock import Clock
from store.database import Database
from store.ids import new_id

PlaceOf = Callable[[AsyncSession, Player], Awaitable[UUID]]
"""The department a player is treated in."""
ANSWERS_AFTER = timedelta(hours=2)
NOON = time(12)
ACTOR = "time-machine"
USUAL = {"Cel": 36.6, "mm[Hg]": 124, "mmol/L": 6.2, "/min": 72, "kg": 62}
"""What somebody well measures, by UCUM unit."""


@dataclass(order=True, slots=True)
class Act:
    """`kind`: answer (with the response's id), or one of `persona.ACTS`."""

    at: datetime
    number: int
    kind: str = field(compare=False)
    response_id: UUID | None = field(compare=False, default=None)


class Acting:
    """The people of one run. `done` is what they did: (when, which player, act). `rings`: whether the nurse makes her calls."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        place_of: PlaceOf,
        players: Sequence[Player],
        phones: Phones,
        inbox: Inbox,
        redial: Redial,
        accounts: tuple[str, str],
        nurse: UUID | None = None,
    ) -> None:
        self._database, self._clock, self._place_of, self._players = database, clock, place_of, players
        self._phones, self._inbox, self._redial, self._accounts = phones, inbox, redial, accounts
        self._nurse = nurse or new_id()
        self.rings = True
        self._coming: list[Act] = []
        self._written = 0
        self._promised: set[UUID] = set()
        self.done: list[tuple[datetime, int, str]] = []

    def script(self, anchor: datetime) -> None:
        """What the personas do on which day, counted from their own or from `anchor`."""
        for number, player in enumerate(self._players):
            first = player.begins or anchor.date()
            for kind, day in player.persona.acts:
                at = datetime.combine(first + timedelta(days=day), NOON, anchor.tzinfo)
                self._coming.append(Act(at, number, kind))
        self._coming.sort()

    def has_happened(self, until: datetime) -> None:
        """What is scripted up to then was done before, by a process that is gone."""
        self._coming = [one for one in self._coming if one.at > until]

    async def bind(self) -> None:
        """Who is on WeChat has just written, as one does to be bound: the window is open for two days."""
        for player in self._players:
            if player.openid:
                await self._writes(player)

    def next(self) -> datetime | None:
        return self._coming[0].at if self._coming else None

    def asked(self, response_id: UUID, patient_id: UUID) -> None:
        """A questionnaire reached its patient: who answers does so in two hours, once."""
        number = next((n for n, one in enumerate(self._players) if one.patient_id == patient_id), None)
        if number is None or response_id in self._promised or not self._players[number].persona.answers:
            return
        self._promised.add(response_id)
        self._coming.append(Act(self._clock.now() + ANSWERS_AFTER, number, "answer", response_id))
        self._coming.sort()

    async def act(self) -> int:
        """Everything that is to be done by now; how much it was."""
        count = 0
        while self._coming and self._coming[0].at <= self._clock.now():
            one = self._coming.pop(0)
            count += 1
            if one.kind == "answer":
                await self._answer(one)
            else:
                await self._happen(one)
                self.done.append((self._clock.now(), one.number, one.kind))
        return count + await self._call()

    async def _happen(self, one: Act) -> None:
        player, now = self._players[one.number], self._clock.now()
        day = self._clock.local().date()
        async with self._database.write(one.kind) as session:
            match one.kind:
                case "opts-out" if player.contacts:
                    await consents.opt_out(
                        session, player.contacts[0], OptOutLevel.CONTENT, channel="wechat", now=now
                    )
                case "dies":
                    patient = await beginning.patient_of(session, player)
                    await patients.set_status(session, patient, PatientStatus.DIED, at=now, actor=ACTOR)
                case "readmitted":
                    await beginning.admitted(session, player, await self._place_of(session, player), day, now)
                case "visits":
                    await beginning.visit(session, player, await self._place_of(session, player), day, now)
                case "withdraws":
                    await consents.decide(
                        session, subject="patient", subject_id=player.patient_id, purpose=Purpose.FOLLOW_UP,
                        granted=False, text_version=ACTOR, channel="wechat", now=now,
                    )  # fmt: skip

    # --- questionnaires ---

    async def _answer(self, one: Act) -> None:
        player = self._players[one.number]
        await self._writes(player)
        async with self._database.write("answer") as session:
            assert one.response_id is not None
            await self._fill(
                session, one.response_id, player.persona.unwell, "wechat" if player.openid else "sms"
            )

    async def _writes(self, player: Player) -> None:
        """The message the answer comes in: it opens WeChat's window as any other does."""
        self._written += 1
        wechat = bool(player.openid)
        said = Inbound(
            channel=ChannelName.WECHAT if wechat else ChannelName.SMS,
            account_id=self._accounts[0 if wechat else 1],
            address=player.openid or player.phone,
            vendor_key=f"{ACTOR}:{int(self._clock.now().timestamp())}:{self._written}",
            kind="text",
            text="1",
            sent_at=self._clock.now(),
        )
        await self._inbox.accept([said])
        if wechat:
            self._phones.speaks(player.openid)
        async with self._database.write("handled") as session:  # answered right here, not by the engine
            await session.execute(
                update(Conversation)
                .where(Conversation.contact_id.in_(player.contacts))
                .values(handled_seq=Conversation.inbound_seq, due_at=None)
            )
            await session.execute(
                update(InboundMessage)
                .where(InboundMessage.contact_id.in_(player.contacts), InboundMessage.status == "received")
                .values(status="handled")
            )

    async def _fill(self, session: AsyncSession, response_id: UUID, unwell: bool, channel: Any) -> None:
        response = await session.get_one(QuestionnaireResponse, response_id)
        by, now = By(channel), self._clock.now()
        while response.status == ResponseStatus.IN_PROGRESS:
            here = await answering.position(session, response)
            if here.item is None:
                return
            value = chosen(here.definition, here.item, dict(here.answers), unwell)
            given = Value(value, sure=True)
            outcome = await answering.answer(session, response, here.item.link_id, given, now=now, by=by)
            if not isinstance(outcome, Accepted):
                return

    # --- the nurse's telephone ---

    async def _call(self) -> int:
        """Calls that are due: picked up by who answers, else not. What follows is carried out a minute later."""
        now = self._clock.now()
        async with self._database.read("calls due") as session:
            settles = await calling.due(session, now)
            if not self.rings and not settles:
                return 0
            waiting = select(FollowUpCall.id, FollowUpCall.patient_id).where(
                FollowUpCall.status.in_(LIVE), FollowUpCall.next_at <= now
            )
            due = (await session.execute(waiting.order_by(FollowUpCall.id))).all()
        if settles:
            async with self._database.write("call outcomes") as session:
                await calling.settle(session, redial=self._redial, now=now)
        answers = {one.patient_id: one.persona.answers for one in self._players}
        for call_id, patient_id in due if self.rings else ():
            outcome = CallOutcome.CONNECTED if answers.get(patient_id) else CallOutcome.NO_ANSWER
            async with self._database.write("call") as session:
                await calling.ended(
                    session, call_id, outcome, "", by=self._nurse, clock=self._clock, redial=self._redial
                )
        return settles + (len(due) if self.rings else 0)


def chosen(definition: Definition, item: Item, answers: dict[str, Any], unwell: bool) -> Any:
    """An answer that raises no red flag; `unwell`: one that does, where there is one."""
    options = _candidates(item)
    flagged = [one for one in options if raised(definition, {**answers, item.link_id: one}, finished=False)]
    fitting = flagged if unwell else [one for one in options if one not in flagged]
    return (fitting or options)[0]


def _candidates(item: Item) -> list[Any]:
    if item.choices:
        codes = [one.code for one in item.choices]
        return [[one] for one in codes] if item.repeats else codes
    if item.type == "boolean":
        return [False, True]
    if item.type in NUMBERS:
        low, high = item.minimum, item.maximum
        found = [
            USUAL.get(item.unit_code or ""),
            low,
            (low + high) / 2 if low is not None and high is not None else None,
            high,
            0,
        ]
        numbers = [one for one in found if one is not None]
        return [int(one) if item.type == "integer" else one for one in numbers]
    if item.type == "date":
        return ["2026-01-01"]
    return [words("answers", "fine")]
