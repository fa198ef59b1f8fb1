"""One run: the clock jumps from one due moment to the next, and at each everything the house's workers would do is done."""

from __future__ import annotations

import asyncio
import time as stopwatch
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased

from care.appointments.slots import generate_slots
from care.followup.calling import Redial
from care.followup.models import LIVE as LIVE_CALLS
from care.followup.models import FollowUpCall
from care.plans import publishing
from care.plans.definition import Plan
from care.plans.machine.journal import Journal
from care.plans.machine.persona import Persona
from care.plans.models import LIVE, CarePlan, Touch
from care.plans.ports import Ports
from care.plans.tick import tick
from care.questionnaires.asking import Chasing, ask_due
from care.questionnaires.models import QuestionnaireResponse, ResponseStatus
from channels.inbox.service import Inbox
from channels.inbox.spool import Spool
from channels.outbox.models import OutboundMessage
from channels.outbox.rates import Rates
from server.house import House
from server.outbound import Outbound, make_outbound
from server.people import CareDesk
from server.plans import make_ports
from server.templates import of_plan
from server.timemachine import beginning
from server.timemachine.acting import Acting
from server.timemachine.beginning import Player
from server.timemachine.ground import Furniture, Ground
from server.timemachine.handsets import Phones, SmsHandset, WeChatHandset
from server.timemachine.reading import read_journal
from store.clock import VirtualClock
from store.database import Database

SIGNED = "time-machine"
"""Who signs a template in the scratch database, so that it runs there."""
MORNING = time(8)
SETTLED = 40
"""Rounds of one moment at most: more would be something going round in circles."""
SLOTS_EVERY = timedelta(days=7)
QUESTIONNAIRE = "questionnaire:"
"""How the keys of messages begin that ask for one (`care.questionnaires.asking`)."""
Progress = Callable[[int], None]
"""Hears which day is being played."""


class TimeMachine:
    """`house`: the installation played with; nothing of it is written to."""

    def __init__(self, house: House) -> None:
        self._house = house
        self._ground = Ground(house.database)

    def close(self) -> None:
        self._ground.close()

    async def play(
        self,
        plan: Plan,
        personas: Sequence[Persona],
        *,
        anchor: date,
        days: int = 90,
        progress: Progress | None = None,
    ) -> Journal:
        """Play `plan` for `days` days from `anchor` for a cohort. The same every time for the same hospital.

        In a thread with a loop of its own: nobody who is served meanwhile waits for it.
        """
        begun = stopwatch.perf_counter()
        signed = replace(plan, signed_by=plan.signed_by or SIGNED)
        furniture = await self._ground.prepare(signed)
        hears = progress or (lambda day: None)

        def alone() -> Journal:
            return asyncio.run(self._play(signed, furniture, personas, anchor, days, hears))

        journal = await asyncio.to_thread(alone)
        return replace(journal, seconds=stopwatch.perf_counter() - begun)

    async def _play(
        self,
        plan: Plan,
        furniture: Furniture,
        personas: Sequence[Persona],
        anchor: date,
        days: int,
        progress: Progress,
    ) -> Journal:
        async with self._ground.database(furniture) as database:
            run = _Run(self._house, database, plan, anchor, days, progress)
            await run.begin(personas)
            await run.play()
            return await read_journal(
                database, run.clock, plan, run.players, run.acting, run.phones, anchor, days
            )


class _Run:
    def __init__(
        self, house: House, database: Database, plan: Plan, anchor: date, days: int, progress: Progress
    ) -> None:
        settings = house.settings
        self.database, self.plan, self.players = database, plan, list[Player]()
        self.clock = VirtualClock(zone=settings.time_zone)
        self._start = datetime.combine(anchor, MORNING, self.clock.zone)
        self._end = self._start + timedelta(days=days)
        self.clock.freeze(self._start)
        self._progress = progress
        self.phones = Phones(self.clock)
        accounts = house.vendors.accounts
        self._accounts = (house.vendors.wechat.account_id, settings.sms_account)
        senders: dict[tuple[str, str], Any] = {
            ("wechat", one): WeChatHandset(self.phones) for one in accounts.wechat
        }
        senders |= {("sms", one): SmsHandset(self.phones, settings.sms_sign) for one in accounts.sms}
        services = replace(house.services, database=database, clock=self.clock)
        vendors = replace(house.vendors, senders=senders, rates=Rates())
        desk = CareDesk(services.due_at)
        catalogue = house.catalogue.also(
            of_plan(plan, house.catalogue)
        )  # a draft's words are not approved yet
        self._outbound: Outbound = make_outbound(settings, database, self.clock, catalogue, vendors, desk)
        self._ports: Ports = make_ports(settings, services)
        after = settings.questionnaire_chase_days.split(",")
        self._chasing = Chasing(tuple(timedelta(days=float(one)) for one in after))
        self._redial = Redial(settings.follow_up_call_tries, settings.sms_account)
        folder = Path(database.url.database or ".").parent
        self._inbox = Inbox(database, self.clock, Spool(folder / "spool"))
        self._slots_until = self._start
        self._asked: set[str] = set()
        self.acting: Acting

    async def begin(self, personas: Sequence[Persona]) -> None:
        """The hospital opens, the patients are there, and what the plan counts from happens."""
        now = self.clock.now()
        async with self.database.write("begin") as session:
            await publishing.publish(session, self.plan, None, now)
            for number, persona in enumerate(personas, 1):
                player = await beginning.arrive(session, self.plan, persona, number, self._accounts, now)
                if player.openid:
                    self.phones.wechat.follow(player.openid)
                self.players.append(player)
            for player in self.players:
                await beginning.happens(session, self.plan, player, self._start.date(), now)
        self.acting = Acting(
            self.database,
            self.clock,
            self.plan,
            self.players,
            self.phones,
            self._inbox,
            self._redial,
            self._accounts,
        )
        self.acting.script(self._start)
        await self.acting.bind()

    async def play(self) -> None:
        while True:
            self._progress((self.clock.local().date() - self._start.date()).days)
            await self._moment()
            following = await self._next()
            if following is None or following > self._end:
                return
            self.clock.freeze(max(following, self.clock.now() + timedelta(seconds=1)))

    async def _moment(self) -> None:
        """Everything that is to be done now, until there is nothing left."""
        for _ in range(SETTLED):
            done = await self.acting.act()
            await self._open_clinics()
            done += (await tick(self.database, self.clock, self._ports)).any
            done += await ask_due(self.database, self.clock.now(), self._chasing)
            done += await self._deliver()
            if not done:
                return
        raise RuntimeError(f"the plan {self.plan.name} does not come to rest at {self.clock.now()}")

    async def _deliver(self) -> int:
        sent = 0
        while count := await self._outbound.delivery.run_once():
            sent += count
        if sent:
            await self._arrived()
        return sent

    async def _arrived(self) -> None:
        """Questionnaires that reached somebody just now, by whichever way they went on."""
        new = [UUID(ref) for ref in self.phones.heard if ref not in self._asked]
        self._asked.update(str(one) for one in new)
        first = aliased(OutboundMessage)
        key = func.coalesce(first.dedup_key, OutboundMessage.dedup_key)
        async with self.database.read("what arrived") as session:
            rows = await session.execute(
                select(key, OutboundMessage.patient_id)
                .outerjoin(first, first.id == OutboundMessage.continues)
                .where(OutboundMessage.id.in_(new), key.startswith(QUESTIONNAIRE))
                .order_by(OutboundMessage.id)
            )
            for dedup_key, patient_id in rows:
                response_id = UUID(dedup_key.split(":")[1])
                if patient_id is not None:
                    self.acting.asked(response_id, patient_id)

    async def _open_clinics(self) -> None:
        """Places of the weeks ahead, as the house makes them every hour."""
        if self.clock.now() < self._slots_until or not any(one.kind == "offer" for one in self.plan.steps):
            return
        async with self.database.write("slots") as session:
            await generate_slots(session, self.clock)
        self._slots_until = self.clock.now() + SLOTS_EVERY

    async def _next(self) -> datetime | None:
        """The next moment at which anything is due, of all the house's leased rows and of what the people do."""
        now = self.clock.now()
        open_ones = QuestionnaireResponse.status == ResponseStatus.IN_PROGRESS
        waits = (
            select(func.min(Touch.due_at)).where(Touch.due_at > now),
            select(func.min(OutboundMessage.due_at)).where(OutboundMessage.due_at > now),
            select(func.min(QuestionnaireResponse.due_at)).where(
                QuestionnaireResponse.due_at > now, open_ones
            ),
            select(func.min(FollowUpCall.next_at)).where(
                FollowUpCall.next_at > now, FollowUpCall.status.in_(LIVE_CALLS)
            ),
            select(func.min(FollowUpCall.undo_until)).where(FollowUpCall.undo_until > now),
        )
        async with self.database.read("next moment") as session:
            each = select(*(one.scalar_subquery() for one in waits))
            found: list[datetime | None] = list((await session.execute(each)).one())
            found.append(await self._closing(session))
        found.append(self.acting.next())
        return min((one for one in found if one is not None and one > now), default=None)

    async def _closing(self, session: AsyncSession) -> datetime | None:
        """The morning after a plan's last day."""
        last = await session.scalar(select(func.min(CarePlan.closes_on)).where(CarePlan.status.in_(LIVE)))
        return (
            None if last is None else datetime.combine(last + timedelta(days=1), time(0, 5), self.clock.zone)
        )
