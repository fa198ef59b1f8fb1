"""A patient's own say in their plans, from the inbox to the rows, without the engine: which, join, pause, go on, leave; both channels."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import select

from actions.plans.reading import wants
from care.hospital.models import HealthcareService
from care.plans import publishing, service
from care.plans.models import CarePlan, Touch
from care.records.models import Encounter, EncounterKind
from channels.contacts.models import Conversation
from channels.inbox.service import Inbox
from channels.outbox import service as outbox
from channels.outbox.models import OutboundMessage
from channels.ports import ChannelName
from channels.reply import Reply
from store.audit import AuditRow
from store.clock import VirtualClock
from store.database import Database
from tests.actions.conftest import readable
from tests.bot.test_reminders import Make, Talk, bound
from tests.care.plans.conftest import plan_of, step
from tests.factories.engine import EngineSurface
from tests.factories.messages import SMS, WECHAT, said

PLAN = plan_of(step("hello", 4), step("far", 60), name="mine", title="高血压随访", patients_join=True)


def test_what_is_meant() -> None:
    meant = {
        "我想看看随访计划": "plan_list",
        "我在哪个随访计划里？": "plan_list",
        "请暂停随访": "plan_hold",
        "先停一停随访吧": "plan_hold",
        "继续随访": "plan_resume",
        "我要退出随访计划": "plan_leave",
        "不参加随访计划了": "plan_leave",
        "怎么加入随访计划": "plan_join",
    }
    for text, kind in meant.items():
        found = wants(text)
        assert found is not None and found.kind == kind, text
    for other in (
        "退订",
        "取消随访",
        "我的随访",
        "恢复",
        "我想退出",
        "随访计划是什么意思啊我看不懂",
        "要",
        "请",
    ):
        assert wants(other) is None, other


@pytest.mark.parametrize("channel", [WECHAT, SMS])
async def test_joined_paused_gone_on_and_left_by_word(
    inbox: Inbox,
    database: Database,
    clock: VirtualClock,
    worker: Make,
    engine: EngineSurface,
    channel: ChannelName,
) -> None:
    who = await bound(database, clock, channel)
    await engine.down()
    talk = Talk(inbox, worker(), database, channel)
    assert await talk.say("加入随访计划") == "plan.join_none"
    async with database.write() as session:
        await publishing.publish(session, PLAN, None, clock.now())
        day = clock.local().date()
        ward = await session.scalar(select(HealthcareService.id).limit(1))
        assert ward is not None
        session.add(
            Encounter(
                patient_id=who, kind=EncounterKind.INPATIENT, department_id=ward,
                start_date=day - timedelta(days=5), end_date=day,
            )
        )  # fmt: skip
    assert await talk.say("我的随访计划") == "plan.none"
    assert await talk.say("1") == "plan.joined"
    assert await talk.say("我的随访计划") == "plan.mine"

    async def row() -> CarePlan:
        async with database.read() as session:
            return (await session.scalars(select(CarePlan).order_by(CarePlan.id.desc()))).first()  # type: ignore[return-value]

    mine = await row()
    assert (mine.status, mine.source, mine.anchor_date) == ("active", "patient", day)
    talking = (await said(database))[-1]
    async with database.write() as session:
        touch = (await session.scalars(select(Touch).where(Touch.step == "hello"))).one()
        touch.status, touch.outbound_key, touch.due_at = "sent", "plan:waiting", None
        here = await session.get_one(Conversation, talking.conversation_id)
        waiting = Reply("plan.message", {"name": "", "text": ""})
        await outbox.enqueue(
            session,
            here,
            waiting,
            dedup_key="plan:waiting",
            purpose="follow_up",
            now=clock.now(),
            patient_id=who,
        )
    assert await talk.say("暂停随访") == "plan.held"
    mine = await row()
    assert (mine.status, mine.reason) == ("on-hold", "patient_hold")
    assert await _state(database, "plan:waiting") == "suppressed"
    assert await talk.say("继续随访") in ("plan.resumed", "plan.resumed_quiet")
    assert (await row()).status == "active"
    assert await talk.say("继续随访") == "plan.nothing_held"
    assert await talk.say("退出随访计划") == "plan.leave_sure"
    assert await talk.say("3") == "plan.kept"
    assert (await row()).status == "active"
    await talk.say("退出随访计划")
    assert await talk.say("1") == "plan.left"
    mine = await row()
    assert (mine.status, mine.reason) == ("revoked", "patient")
    async with database.read() as session:
        steps = {one.step: one.status for one in await session.scalars(select(Touch))}
        acts = set(
            await session.scalars(select(AuditRow.action).where(AuditRow.actor.startswith("contact:")))
        )
    assert steps["far"] == "cancelled"
    assert {"careplan_started", "careplan_held", "careplan_resumed", "careplan_ended"} <= acts
    for one in await said(database):
        if one.reply["key"].startswith("plan.") and one.dedup_key != "plan:waiting":
            reply = Reply.from_json(one.reply)
            readable(reply, channel)
            assert channel == WECHAT or "高血压" not in str(one.reply), one.reply
    assert await talk.say("加入随访计划") == "plan.joined"


async def test_of_several_plans_one_is_asked_for_and_what_staff_paused_is_theirs(
    inbox: Inbox, database: Database, clock: VirtualClock, worker: Make, engine: EngineSurface
) -> None:
    who = await bound(database, clock)
    await engine.down()
    talk = Talk(inbox, worker(), database, WECHAT)
    async with database.write() as session:
        for name in ("one", "two"):
            await publishing.publish(session, plan_of(step("s", 9), name=name), None, clock.now())
            await service.enrol(
                session, name, who, anchor_date=clock.local().date(), source="nurse", now=clock.now()
            )
    assert await talk.say("退出计划") == "plan.leave_which"
    assert await talk.say("2") == "plan.leave_sure"
    assert await talk.say("1") == "plan.left"
    async with database.write() as session:
        rows = {one.plan: one for one in await session.scalars(select(CarePlan))}
        assert (rows["one"].status, rows["two"].status) == ("active", "revoked")
        await service.hold(session, rows["one"].id, clock.now())
    assert await talk.say("继续随访") == "plan.nothing_held"


async def test_a_plan_that_was_left_and_has_nothing_more_to_say_is_not_joined_again(
    inbox: Inbox, database: Database, clock: VirtualClock, worker: Make, engine: EngineSurface
) -> None:
    who = await bound(database, clock)
    await engine.down()
    talk = Talk(inbox, worker(), database, WECHAT)
    long_ago = clock.local().date() - timedelta(days=900)
    async with database.write() as session:
        await publishing.publish(session, PLAN, None, clock.now())
        ward = await session.scalar(select(HealthcareService.id).limit(1))
        assert ward is not None
        session.add(
            Encounter(
                patient_id=who, kind=EncounterKind.INPATIENT, department_id=ward,
                start_date=long_ago, end_date=long_ago,
            )
        )  # fmt: skip
        row, _ = await service.enrol(
            session, PLAN.name, who, anchor_date=long_ago, source="patient", now=clock.now()
        )
        await service.end(session, row.id, service.PATIENT, clock.now())
    assert await talk.say("加入随访计划") == "plan.join_none"


async def _state(database: Database, key: str) -> str | None:
    async with database.read() as session:
        return await session.scalar(select(OutboundMessage.status).where(OutboundMessage.dedup_key == key))
