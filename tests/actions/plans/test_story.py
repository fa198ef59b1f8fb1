"""The shipped plan from discharge to its end, in the hospital's time: read, asked, alarmed, silent, chased, called, booked, over."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import select

from actions.plans.ways import PlanWays
from actions.services import Services
from care.alerts.models import Alert
from care.appointments.slots import generate_slots
from care.consents import service as consents
from care.consents.models import Purpose
from care.followup.models import FollowUpCall
from care.hospital.models import HealthcareService
from care.plans import publishing
from care.plans.models import CarePlan, Touch
from care.plans.ports import Ports
from care.plans.tick import tick
from care.questionnaires.answering import answer
from care.questionnaires.asking import Chasing, ask_due
from care.questionnaires.models import QuestionnaireResponse
from care.questionnaires.outcomes import By
from care.questionnaires.service import publish_shipped
from care.records.models import Encounter, EncounterKind
from care.records.service import events_of
from channels.outbox.models import OutboundMessage
from channels.reply import Reply
from store import events
from store.clock import VirtualClock
from store.database import Database
from tests.actions.conftest import Talk, World, readable
from tests.factories import articles

Talker = Callable[..., Awaitable[Talk]]


class Play:
    """Days of one patient's life, with everything that runs of its own accord."""

    def __init__(self, services: Services, patient_id: UUID) -> None:
        self.database, self.patient_id = services.database, patient_id
        self.clock = services.clock
        assert isinstance(self.clock, VirtualClock)
        self.first = self.clock.local().date()
        self.ports = Ports(PlanWays(services, "acc"))
        self.heard: list[str] = []

    async def until(self, day: int) -> list[str]:
        """Live on to 11:00 of `day`; the keys of what was said since, each delivered as it comes."""
        assert isinstance(self.clock, VirtualClock)
        before = len(self.heard)
        while (self.clock.local().date() - self.first).days < day:
            at = datetime.combine(self.clock.local().date() + timedelta(days=1), datetime.min.time())
            self.clock.freeze(self.clock.to_utc(at + timedelta(hours=11)))
            await tick(self.database, self.clock, self.ports)
            await ask_due(self.database, self.clock.now(), Chasing())
            await self._deliver()
            await tick(self.database, self.clock, self.ports)
        return self.heard[before:]

    async def _deliver(self) -> None:
        async with self.database.write() as session:
            rows = await session.scalars(
                select(OutboundMessage).where(OutboundMessage.status == "queued").order_by(OutboundMessage.id)
            )
            for one in rows:
                self.heard.append(one.reply["key"])
                readable(Reply.from_json(one.reply), one.channel)
                one.status, one.finished_at, one.due_at = "delivered", self.clock.now(), None

    async def states(self) -> dict[str, str]:
        async with self.database.read() as session:
            rows = await session.scalars(select(Touch).order_by(Touch.planned_for))
            return {one.step: f"{one.status}:{one.reason}" if one.reason else one.status for one in rows}


async def test_from_discharge_to_the_booked_return_visit(
    services: Services, database: Database, world: World, clock: VirtualClock, talker: Talker
) -> None:
    talk = await talker(王秀兰="self")
    patient_id = world.people["王秀兰"]
    staff = await articles.people(database)
    async with database.write() as session:
        await publish_shipped(session, clock.now())
        await publishing.publish_shipped(session, clock.now())
        await articles.published(session, staff, clock, "surgery-wound-care", topic="surgery")
        ward = await session.get_one(HealthcareService, world.departments["眼科"])
        ward.standard = "普通外科"
        await consents.decide(
            session, subject="patient", subject_id=patient_id, purpose=Purpose.FOLLOW_UP, granted=True,
            text_version="t", channel="wechat", now=clock.now(),
        )  # fmt: skip
        stay = Encounter(
            patient_id=patient_id, kind=EncounterKind.INPATIENT, department_id=ward.id,
            start_date=clock.local().date() - timedelta(days=5), end_date=clock.local().date(),
        )  # fmt: skip
        session.add(stay)
        session.add_all(events_of(stay))
    play = Play(services, patient_id)
    await tick(database, clock, play.ports)

    assert await play.until(1) == ["plan.message"]
    assert await play.until(6) == ["education.push"]
    assert await play.until(8) == ["questionnaire.invite"], "the 29th is a Sunday"
    async with database.write() as session:
        response = (await session.scalars(select(QuestionnaireResponse))).one()
        await answer(session, response, "temperature", "39.2", now=clock.now(), by=By("wechat"))
    async with database.read() as session:
        assert (await session.scalars(select(Alert.patient_id))).all() == [patient_id], "fever"
        response = await session.get_one(QuestionnaireResponse, response.id)
    assert (await play.states())["day7"] == "sent"

    heard = await play.until(35)
    async with database.write() as session:
        await generate_slots(session, clock, days=14)
    heard += await play.until(37)
    assert heard.count("questionnaire.remind") >= 2, "chased"
    assert "plan.offer" in heard
    async with database.read() as session:
        assert (await session.scalars(select(FollowUpCall))).all() == []
        offer = (
            await session.scalars(
                select(OutboundMessage).where(OutboundMessage.dedup_key.contains(":revisit:"))
            )
        ).one()
    await play.until(38)
    async with database.read() as session:
        (call,) = (await session.scalars(select(FollowUpCall))).all()
        assert (call.patient_id, call.questionnaire) == (patient_id, "postop-day30")

    slot = Reply.from_json(offer.reply).options[1]
    assert (await talk.tap(slot.intent, **slot.params)) == ["booking.confirm"], "held, and asked for the yes"
    assert await talk.say("1") == ["booking.booked"]
    async with database.write() as session:
        events.emit(
            session,
            patient_id,
            "followup.called",
            clock.now(),
            touch_id=str(call.touch_id),
            outcome="connected",
        )
    await play.until(39)
    async with database.read() as session:
        plan = (await session.scalars(select(CarePlan))).one()
        assert (plan.status, plan.reason) == ("active", None), "the last questionnaire is still open"
    await play.until(45)
    assert await play.states() == {
        "day1": "done",
        "day3": "done",
        "day7": "done:expired",
        "day30": "done:expired",
        "revisit": "answered:booked",
        "call": "answered:connected",
    }
    async with database.read() as session:
        plan = (await session.scalars(select(CarePlan))).one()
        assert (plan.status, plan.reason) == ("completed", "all_done")
