"""The demo's last ninety days of follow-up, played on its own database through the real code; no vendor hears of it.

One process plays, others that start wait (`turns`). Killed half-way, the next start goes on from the moment it had come to: what
happened is on record, and what is sent or asked has its key, so nothing comes twice.
"""

from __future__ import annotations

import random
from collections.abc import Iterable
from dataclasses import replace
from datetime import date, datetime, time, timedelta
from functools import partial
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from actions.followup import inviting
from care.alerts import service as alerts
from care.alerts.models import Alert, Outcome
from care.consents.models import Consent, ConsentNow
from care.demo import cohort
from care.demo.cohort import Followed
from care.desk import tasks
from care.desk.models import DeskTask
from care.followup.lost import Sweep
from care.hospital.seed import demo_id
from care.hospital.words import load
from care.patients import service as patients
from care.patients.models import Patient, Relation
from care.plans import publishing
from care.plans.machine.persona import Persona
from care.plans.sweep import sweep
from care.questionnaires.models import QuestionnaireResponse, ResponseStatus
from care.seed import demo_patients, generated_ids
from channels.contacts import service as contacts
from server.demo import turns
from server.demo.models import DemoPlay
from server.demo.turns import Turn
from server.house import House
from server.timemachine.beginning import Player
from server.timemachine.playing import Playing
from store.clock import VirtualClock
from store.database import Database
from web.signin.models import Role, StaffUser

DAYS = 90
LOST_FROM = 75
"""Days before today at which the nightly look for who is lost begins."""
MORNING, NIGHT, FACTS = time(8), time(3), time(11)
ROUNDS = (time(10, 5), time(16, 20))
"""What is due is played at the next of these moments of a day, a few minutes later: two a day are some hundred and eighty."""
AT_ONCE = 2
"""Rounds of one moment."""
SWEEP_EVERY, LOST_EVERY = timedelta(days=7), timedelta(days=2)
"""How often the record is gone through, and who is lost looked for: each night, in the house."""
LEFT_ALONE = timedelta(days=4)
"""What the nurse has not got round to yet: calls, alerts and tasks of so many days."""
USERNAME = "demo-nurse"
WELL = Persona(said="answers")
ANSWER = 0.7
"""How many of the seed's patients answer what they are asked."""


async def play_follow_up(house: House, days: int = DAYS) -> bool:
    """False where it was played before, or by another process while this one waited."""
    async with house.database.write("demo-play") as session:
        if await session.get(DemoPlay, turns.PLAY) is None:
            if await _is_there(session, cohort.cohort(house.clock.local().date())):
                return False  # a demo from before the play was written down
            await turns.begin(session, house.clock.now())
    turn = await turns.turn(house.database)
    if turn is None:
        return False
    people = cohort.cohort(house.clock.local(turn.begun_at).date())
    database = Database(house.settings.database, threadless=house.database.is_sqlite)
    try:
        played = _Follow(house, database, people, days, turn)
        await played.open()
        await played.play()
        async with house.database.write("demo-play") as session:
            await turn.over(session, house.clock.now())
    finally:
        await database.close()
    return True


async def _is_there(session: AsyncSession, people: Iterable[Followed]) -> bool:
    """They arrive together, in one transaction."""
    always = next(one for one in people if one.lost)
    return await session.get(Patient, always.patient_id) is not None


class _Follow(Playing):
    def __init__(
        self, house: House, database: Database, people: list[Followed], days: int, turn: Turn
    ) -> None:
        clock = VirtualClock(zone=house.settings.time_zone)
        self._end = house.clock.now()
        self._turn = turn
        self._today = house.clock.local(turn.begun_at).date()
        self._start = datetime.combine(self._today - timedelta(days=days), MORNING, clock.zone)
        clock.freeze(turn.come_to or self._start)
        super().__init__(house, database, clock, house.catalogue)
        self._people = {one.patient_id: one for one in people if one.lost or one.day >= self._start.date()}
        facts = sorted((one.day, one.patient_id) for one in self._people.values() if not one.lost)
        self._facts = [one for one in facts if turn.come_to is None or self._at(one[0], FACTS) > turn.come_to]
        self._lost_at = self._at(self._today - timedelta(days=min(LOST_FROM, days)), NIGHT)
        self._sweep_at = self._start + SWEEP_EVERY
        while turn.come_to is not None and self._lost_at <= turn.come_to:
            self._lost_at += LOST_EVERY
        while turn.come_to is not None and self._sweep_at <= turn.come_to:
            self._sweep_at += SWEEP_EVERY
        invite = partial(inviting.invite, self.services, house.settings.sms_account)
        self._lost = Sweep(database, clock, invite)
        self._templates = house.templates.sync
        self._chance = random.Random(load("hospital")["seed"] + 6)
        self._nurse = demo_id("staff", USERNAME)
        self._tends: datetime | None = None

    async def open(self) -> None:
        """The plans are signed, the nurse is there, the people are on record and have agreed."""
        now = self.clock.now()
        async with self.database.write("demo-plans") as session:
            await self._signs(session, now)
        await self._templates()  # what the signed plans say by SMS is approved with them
        async with self.database.write("demo-cohort") as session:
            new = not await _is_there(session, self._people.values())
            for one in self._people.values():
                if new:
                    await cohort.arrive(session, one, now)
                self.players.append(await self._speaks(session, one, now))
            self.players += await self._phones(session)
            self.players += await self._generated(session, now)
            if new:
                session.add_all(_consents(self._people, now))
                session.add(_nurse(self._nurse))
        await self.begin(self._start, self._place_of, self._nurse)
        if self._turn.come_to is not None:
            await self._goes_on(self._turn.come_to)

    async def _goes_on(self, come_to: datetime) -> None:
        """What is asked and not answered was in the memory of the process that died."""
        self.acting.has_happened(come_to)
        asked = QuestionnaireResponse.status == ResponseStatus.IN_PROGRESS
        async with self.database.read("demo-asked") as session:
            rows = await session.execute(
                select(QuestionnaireResponse.id, QuestionnaireResponse.patient_id)
                .where(asked)
                .order_by(QuestionnaireResponse.id)
            )
            for response_id, patient_id in rows:
                if patient_id is not None:
                    self.acting.asked(response_id, patient_id)

    async def _signs(self, session: AsyncSession, now: datetime) -> None:
        for name, who in load("history")["signed"].items():
            plan = await publishing.current(session, name)
            if plan is not None and not plan.signed_by:
                await publishing.publish(session, replace(plan, signed_by=who), None, now)

    async def _speaks(self, session: AsyncSession, one: Followed, now: datetime) -> Player:
        player = Player(one.persona, one.patient_id, one.openid, one.phone, begins=one.day)
        ways = (("wechat", self.accounts[0], one.openid), ("sms", self.accounts[1], one.phone))
        for channel, account, address in ways:
            if address:
                contact, _ = await contacts.ensure(session, channel, account, address, now)
                contact.holder = "self"
                await patients.link_contact(session, one.patient_id, contact.id, Relation.SELF, at=now)
                player.contacts.append(contact.id)
        return player

    async def _phones(self, session: AsyncSession) -> list[Player]:
        """The people of the phones page who speak for themselves: they answer what a plan asks."""
        found = []
        for one in demo_patients():
            own = {
                channel: address for channel, address, relation in one.contacts if relation == Relation.SELF
            }
            for address in (address for channel, address, _ in one.contacts if channel == "wechat"):
                self.phones.wechat.follow(address)
            if set(own) == {"wechat", "sms"}:
                linked = (await patients.contacts_of_patients(session, [one.patient_id]))[one.patient_id]
                ids = [each.contact_id for each in linked]
                found.append(Player(WELL, one.patient_id, own["wechat"], own["sms"], ids))
        return found

    async def _generated(self, session: AsyncSession, now: datetime) -> list[Player]:
        """The seed's other patients answer their own phones, most of them also what they are asked."""
        rows = await session.scalars(
            select(Patient).where(Patient.id.in_(generated_ids())).order_by(Patient.id)
        )
        found = []
        for one in list(rows):
            if not one.phone:
                continue
            contact, _ = await contacts.ensure(session, "sms", self.accounts[1], one.phone, now)
            contact.holder = "self"
            await patients.link_contact(session, one.id, contact.id, Relation.SELF, at=now)
            answers = self._chance.random() < ANSWER
            said = Persona(said="", answers=answers)
            found.append(Player(said, one.id, "", one.phone, [contact.id]))
        return found

    async def _place_of(self, session: AsyncSession, player: Player) -> UUID:
        return self._people[player.patient_id].department_id

    async def play(self) -> None:
        """From one moment at which anything is due to the next, up to now."""
        while True:
            self.acting.rings = self.clock.now() < self._end - LEFT_ALONE
            await self._happens()
            await self._nightly()
            for _ in range(AT_ONCE):  # what comes of that is seen to at the next moment
                if not await self.round():
                    break
            await self._tend()
            following = await self._following()
            if following is None or following > self._end:
                return
            self.clock.freeze(following)

    async def _following(self) -> datetime | None:
        waits = [await self.next(), self._lost_at, self._sweep_at, self._tends]
        if self._facts:
            waits.append(self._at(self._facts[0][0], FACTS))
        found = min((one for one in waits if one is not None and one > self.clock.now()), default=None)
        if found is None:
            return None
        day = found.astimezone(self.clock.zone).date()
        ahead = (self._at(day + timedelta(days=more), one) for more in (0, 1) for one in ROUNDS)
        return next(one for one in ahead if one >= found) + timedelta(seconds=self._chance.randint(0, 500))

    def _at(self, day: date, when: time) -> datetime:
        return datetime.combine(day, when, self.clock.zone)

    async def _happens(self) -> None:
        """Facts whose day has come."""
        now, due = self.clock.now(), list[UUID]()
        while self._facts and self._at(self._facts[0][0], FACTS) <= now:
            due.append(self._facts.pop(0)[1])
        async with self.database.write("demo-facts") as session:
            for one in due:
                await cohort.happens(session, self._people[one], now)
            await self._turn.comes_to(session, now)

    async def _nightly(self) -> None:
        """As the house does: who is lost is looked for, and the record is gone through for what came without an event."""
        now = self.clock.now()
        if now >= self._sweep_at:
            self._sweep_at += SWEEP_EVERY
            await sweep(self.database, self.clock, self.ports)
        if now < self._lost_at:
            return
        self._lost_at += LOST_EVERY
        await self._lost.run()
        async with self.database.write("demo-tasks") as session:
            old = now - LEFT_ALONE
            rows = select(DeskTask.id).where(DeskTask.status != "done", DeskTask.created_at < old)
            for one in list(await session.scalars(rows)):
                await tasks.finish_task(session, one, staff_id=self._nurse, now=now)

    async def _tend(self) -> None:
        """Alerts are seen, and closed when looked at again; those of today are left to whoever opens the page."""
        self._tends, now = None, self.clock.now()
        if now > self._end - timedelta(days=1):
            return
        async with self.database.write("demo-alerts") as session:
            rows = list(await session.scalars(select(Alert).where(Alert.status != "closed")))
            for one in rows:
                if one.status == "open":
                    await alerts.acknowledge(session, one.id, staff_id=self._nurse, now=now)
                    self._tends = now + timedelta(minutes=20)
                else:
                    await alerts.close(
                        session, one.id, staff_id=self._nurse, now=now, note=load("history")["note"], outcome=Outcome.DOCTOR
                    )  # fmt: skip


def _nurse(staff_id: UUID) -> StaffUser:
    """Who made the calls; nobody signs in as her."""
    return StaffUser(
        id=staff_id,
        username=USERNAME,
        display_name=load("history")["nurse"],
        password_hash="",
        roles=[Role.NURSE.value],
        active=False,
        failed_tries=0,
    )


def _consents(people: Iterable[UUID], now: datetime) -> list[Consent | ConsentNow]:
    rows: list[Consent | ConsentNow] = []
    version = load("hospital")["consent_text_version"]
    for whose in people:
        for purpose in cohort.AGREED:
            given = Consent(
                subject="patient",
                subject_id=whose,
                purpose=purpose,
                granted=True,
                text_version=version,
                channel="front_desk",
                at=now,
            )
            rows += [
                given,
                ConsentNow(subject_id=whose, purpose=purpose, granted=True, consent_id=given.id, at=now),
            ]
    return rows
