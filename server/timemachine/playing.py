"""Played people and everything the house's workers do for them, on one database under one clock: moment by moment, no vendor told."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import datetime, time, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased

from care.followup.calling import Redial
from care.followup.models import LIVE as LIVE_CALLS
from care.followup.models import FollowUpCall
from care.plans.models import LIVE, CarePlan, Touch
from care.plans.ports import Ports
from care.plans.tick import tick
from care.questionnaires.asking import Chasing, ask_due
from care.questionnaires.models import QuestionnaireResponse, ResponseStatus
from channels.inbox.service import Inbox
from channels.inbox.spool import Spool
from channels.outbox.models import OutboundMessage
from channels.outbox.rates import Rates
from channels.wording.catalogue import Catalogue
from server.house import House
from server.outbound import Outbound, make_outbound
from server.people import CareDesk
from server.plans import make_ports
from server.timemachine.acting import Acting, PlaceOf
from server.timemachine.beginning import Player
from server.timemachine.handsets import Phones, SmsHandset, WeChatHandset
from store.clock import VirtualClock
from store.database import Database

SETTLED = 40
"""Rounds of one moment at most: more would be something going round in circles."""
QUESTIONNAIRE = "questionnaire:"
"""How the keys of messages begin that ask for one (`care.questionnaires.asking`)."""
Work = Callable[[], Awaitable[None]]


class Playing:
    """`house` is wired anew over `database` and `clock`, its vendors replaced by handsets. `catalogue`: with what SMS
    may say there. `players` may grow until `begin`.
    """

    def __init__(self, house: House, database: Database, clock: VirtualClock, catalogue: Catalogue) -> None:
        settings = house.settings
        self.database, self.clock, self.players = database, clock, list[Player]()
        self.phones = Phones(clock)
        accounts = house.vendors.accounts
        self.accounts = (house.vendors.wechat.account_id, settings.sms_account)
        senders: dict[tuple[str, str], Any] = {
            ("wechat", one): WeChatHandset(self.phones) for one in accounts.wechat
        }
        senders |= {("sms", one): SmsHandset(self.phones, settings.sms_sign) for one in accounts.sms}
        self.services = replace(house.services, database=database, clock=clock)
        vendors = replace(house.vendors, senders=senders, rates=Rates())
        desk = CareDesk(self.services.due_at)
        self._outbound: Outbound = make_outbound(settings, database, clock, catalogue, vendors, desk)
        self.ports: Ports = make_ports(settings, self.services)
        after = settings.questionnaire_chase_days.split(",")
        self._chasing = Chasing(tuple(timedelta(days=float(one)) for one in after))
        self._redial = Redial(settings.follow_up_call_tries, settings.sms_account)
        folder = Path(database.url.database or ".").parent if database.is_sqlite else settings.var_dir
        self._inbox = Inbox(database, clock, Spool(folder / "spool"))
        self._asked: set[str] = set()
        self.acting: Acting

    async def begin(self, start: datetime, place_of: PlaceOf, nurse: UUID | None = None) -> None:
        """The people begin to act; who has no day of their own counts from `start`."""
        for player in self.players:
            if player.openid:
                self.phones.wechat.follow(player.openid)
        self.acting = Acting(
            self.database,
            self.clock,
            place_of,
            self.players,
            self.phones,
            self._inbox,
            self._redial,
            self.accounts,
            nurse,
        )
        self.acting.script(start)
        await self.acting.bind()

    async def moment(self, before_tick: Work | None = None) -> None:
        """Everything that is to be done now, until there is nothing left. Raises `RuntimeError` when that never is."""
        for _ in range(SETTLED):
            if not await self.round(before_tick):
                return
        raise RuntimeError(f"what is played does not come to rest at {self.clock.now()}")

    async def round(self, before_tick: Work | None = None) -> int:
        """What people do now and what comes of it, once; how much it was."""
        done = await self.acting.act()
        if before_tick is not None:
            await before_tick()
        done += (await tick(self.database, self.clock, self.ports)).any
        done += await ask_due(self.database, self.clock.now(), self._chasing)
        return done + await self._deliver()

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

    async def next(self) -> datetime | None:
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
