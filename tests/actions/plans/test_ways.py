"""How each kind of step leaves: once a key, in words its channel may carry, and why not where it cannot."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import select

from actions.plans.ways import PlanWays
from actions.services import Services
from care.appointments.models import Slot
from care.followup.models import FollowUpCall
from care.patients.models import Patient
from care.plans import publishing
from care.plans.models import CarePlan, Touch
from care.plans.ports import Left, Never, NotNow, Outcome
from care.questionnaires.models import QuestionnaireResponse
from care.questionnaires.service import publish_shipped
from channels.outbox.models import OutboundMessage
from channels.reply import SENSITIVE, Reply
from content.reading.models import ArticleLink
from server.templates import of_plan
from store.clock import VirtualClock
from store.database import Database
from tests.actions.conftest import Talk, World, catalogue, readable
from tests.care.plans.conftest import plan_of, step
from tests.factories import articles

Talker = Callable[..., Awaitable[Talk]]
WHO = "张伟"


class Touched:
    """A touch that is due now, to be handed over as often as one likes."""

    def __init__(self, services: Services, world: World, kind: str, **more: Any) -> None:
        self.services, self.patient_id = services, world.people[WHO]
        self.plan = plan_of(step("s", 0, kind, **more))

    async def leaves(self) -> Outcome:
        now = self.services.clock.now()
        async with self.services.database.write() as session:
            await publishing.publish(session, self.plan, None, now)
            touch = (await session.scalars(select(Touch))).first()
            if touch is None:
                row = CarePlan(
                    patient_id=self.patient_id, plan="after", version=1, key="k", anchor_date=now.date(), anchors={},
                    status="active", source="nurse", started_at=now, closes_on=now.date(),
                )  # fmt: skip
                session.add(row)
                await session.flush()
                touch = Touch(
                    care_plan_id=row.id, patient_id=self.patient_id, step="s", version=1, kind=self.plan.steps[0].kind,
                    priority=5, planned_for=now, status="sending", attempts=0, pinned=False,
                )  # fmt: skip
                session.add(touch)
                await session.flush()
            patient = await session.get_one(Patient, self.patient_id)
            way = getattr(PlanWays(self.services, "acc"), touch.kind)
            outcome: Outcome = await way(session, touch, self.plan.steps[0], patient, now)
            return outcome


async def messages(database: Database) -> list[OutboundMessage]:
    async with database.read() as session:
        return list(await session.scalars(select(OutboundMessage)))


@pytest.mark.parametrize("channel", ["wechat", "sms"])
@pytest.mark.parametrize("kind", ["message", "reminder"])
async def test_said_once_in_the_plans_own_words_on_both_channels(
    services: Services, database: Database, world: World, talker: Talker, channel: str, kind: str
) -> None:
    await talker(channel, **{WHO: "self"})
    touched = Touched(services, world, kind, content={"text": "每天量血压"})
    first, second = await touched.leaves(), await touched.leaves()
    assert first == second and isinstance(first, Left)
    (message,) = await messages(database)
    assert (message.dedup_key, message.purpose, message.channel) == (first.key, "follow_up", channel)
    assert message.campaign == "plan:after"
    reply, own = Reply.from_json(message.reply), of_plan(touched.plan, catalogue())
    said = catalogue().also(own).render_sms(reply)
    assert said is not None and said.text.startswith(WHO) and "每天量血压。电话0" in said.text
    assert "每天量血压" in catalogue().render_wechat(reply, None).text


async def test_an_article_with_a_link_of_ones_own(
    services: Services, database: Database, world: World, talker: Talker, clock: VirtualClock
) -> None:
    await talker(**{WHO: "self"})
    touched = Touched(services, world, "article")
    assert await touched.leaves() == Never("no_article")
    staff = await articles.people(database)
    async with database.write() as session:
        await articles.published(session, staff, clock, "wound")
    left = await touched.leaves()
    assert isinstance(left, Left)
    (message,) = await messages(database)
    assert (message.purpose, message.content_ref, message.content_revision) == (
        "education",
        "article:wound",
        1,
    )
    async with database.read() as session:
        link = (await session.scalars(select(ArticleLink))).one()
    assert (link.source, link.outbound_key) == ("care_plan", left.key)


async def test_a_questionnaire_is_assigned_for_its_own_job_to_ask(
    services: Services, database: Database, world: World, clock: VirtualClock
) -> None:
    touched = Touched(services, world, "questionnaire")
    assert await touched.leaves() == Never("no_questionnaire")
    async with database.write() as session:
        await publish_shipped(session, clock.now())
    left = await touched.leaves()
    assert left == await touched.leaves()
    async with database.read() as session:
        row = (await session.scalars(select(QuestionnaireResponse))).one()
    assert isinstance(left, Left) and (row.key, row.source, row.name) == (left.key, "plan", "postop-day7")


@pytest.mark.parametrize("channel", ["wechat", "sms"])
async def test_places_are_offered_and_a_sensitive_department_is_called_by_its_place(
    services: Services, database: Database, world: World, talker: Talker, channel: str
) -> None:
    await talker(channel, **{WHO: "self"})
    touched = Touched(services, world, "offer", content={"department": "男科", "within_days": 14})
    assert isinstance(await touched.leaves(), Left)
    (message,) = await messages(database)
    reply = Reply.from_json(message.reply)
    readable(reply, channel)
    assert reply.params[SENSITIVE] is True
    assert ("男科" in reply.params["department"]) == (channel == "wechat")
    assert [one.intent for one in reply.options] == ["book_appointment"] * len(reply.options)


async def test_no_place_free_is_looked_for_again_tomorrow(
    services: Services, database: Database, world: World, talker: Talker, clock: VirtualClock
) -> None:
    await talker(**{WHO: "self"})
    async with database.write() as session:
        for slot in await session.scalars(select(Slot)):
            slot.taken = slot.capacity
    outcome = await Touched(services, world, "offer").leaves()
    assert isinstance(outcome, NotNow) and outcome.reason == "no_slots"
    assert clock.local(outcome.until) == clock.local().replace(hour=10, minute=0) + timedelta(days=1)
    assert isinstance(outcome.until, datetime) and await messages(database) == []


async def test_a_call_for_a_nurse(services: Services, database: Database, world: World) -> None:
    left = await Touched(services, world, "call", content={"script": "问伤口"}).leaves()
    async with database.read() as session:
        call = (await session.scalars(select(FollowUpCall))).one()
        touch: UUID | None = await session.scalar(select(Touch.id))
    assert isinstance(left, Left)
    assert (call.key, call.script, call.touch_id, call.plan) == (left.key, "问伤口", touch, "after")


async def test_who_has_no_wechat_is_written_to_on_the_phone_on_record(
    services: Services, database: Database, world: World
) -> None:
    assert isinstance(await Touched(services, world, "message").leaves(), Left)
    (message,) = await messages(database)
    assert message.channel == "sms"


async def test_a_step_for_wechat_only_goes_nowhere_else(services: Services, world: World) -> None:
    assert await Touched(services, world, "message", channel="wechat").leaves() == Never("no_contact")
