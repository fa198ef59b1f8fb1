"""Pause, resume, abort, taking a start back, and what happens to messages that wait."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest
from sqlalchemy import select, update

from care.consents import service as consents
from care.consents.models import ConsentNow, Purpose
from channels.outbox.models import DeliveryHold
from content.articles import recall
from content.articles.models import Article
from content.audiences import rules
from content.audiences import service as audiences
from content.audiences.models import Audience
from content.campaigns import service, workflow
from content.campaigns.errors import CampaignError
from content.campaigns.kinds import Kind, Late
from content.campaigns.models import CampaignLaunch
from content.campaigns.turn import SLOW
from tests.content.campaigns.ward import EVERYONE, Ward


async def test_paused_nothing_is_queued_or_sent_and_resumed_it_goes_on(ward: Ward) -> None:
    await ward.patients(4)
    campaign_id = await ward.launched(await ward.plan())
    await ward.run()
    await ward.patients(2)
    await ward.act(workflow.pause, campaign_id, "admin", note="错别字")
    await ward.deliver()
    await ward.run()
    assert (await ward.states(campaign_id), ward.wechat.got) == ({"queued": 4}, [])
    await ward.act(workflow.resume, campaign_id)
    await ward.deliver()
    await ward.run()
    assert await ward.states(campaign_id) == {"sent": 4}
    async with ward.database.read() as session:
        hold = (await session.scalars(select(DeliveryHold))).one()
    assert (hold.reason, hold.lifted_by) == ("错别字", ward.staff["editor"].id)


async def test_paused_before_anything_is_queued_nobody_is_written_to(ward: Ward) -> None:
    await ward.patients(3)
    campaign_id = await ward.launched(await ward.plan())
    await ward.runner().round()
    await ward.act(workflow.pause, campaign_id, note="")
    ward.clock.advance(timedelta(minutes=5))
    await ward.run()
    assert (await ward.states(campaign_id), await ward.messages(campaign_id)) == ({"planned": 3}, [])


async def test_aborted_what_is_planned_or_queued_is_given_up(ward: Ward) -> None:
    await ward.patients(3)
    campaign_id = await ward.launched(await ward.plan(late=Late.CATCH_UP, late_days=5))
    await ward.run()
    await ward.patients(2)
    ward.clock.advance(timedelta(hours=6))
    await ward.runner().round()
    assert await ward.states(campaign_id) == {"queued": 5}
    await ward.patients(1)
    ward.clock.advance(timedelta(hours=6, seconds=1))
    with pytest.raises(CampaignError, match="原因"):
        await ward.act(workflow.abort, campaign_id, note=" ")
    await ward.act(workflow.abort, campaign_id, note="内容有误")
    await ward.run()
    await ward.deliver()
    assert (await ward.states(campaign_id), ward.wechat.got) == ({"aborted": 5}, [])
    row = await ward.campaign(campaign_id)
    assert (row.state, row.counts) == ("aborted", {"aborted": 5})
    with pytest.raises(CampaignError):
        await ward.act(workflow.resume, campaign_id)


async def test_a_start_is_taken_back_until_something_is_queued(ward: Ward) -> None:
    await ward.patients(3)
    campaign_id = await ward.launched(await ward.plan())
    await ward.runner().round()
    assert await ward.states(campaign_id) == {"planned": 3}
    await ward.act(workflow.undo_launch, campaign_id)
    with pytest.raises(CampaignError) as refused:
        await ward.act(workflow.launch, campaign_id, contents=ward.contents)
    assert refused.value.code == "clearing"
    await ward.run()
    assert await ward.recipients(campaign_id) == []
    await ward.act(workflow.launch, campaign_id, contents=ward.contents)
    await ward.run()
    assert await ward.states(campaign_id) == {"queued": 3}
    with pytest.raises(CampaignError) as begun:
        await ward.act(workflow.undo_launch, campaign_id)
    assert begun.value.code == "begun"


async def test_an_article_recalled_while_queued_is_not_sent(ward: Ward) -> None:
    await ward.patients(2)
    campaign_id = await ward.launched(await ward.plan())
    await ward.run()
    async with ward.database.write() as session:
        article = await session.get_one(Article, ward.articles["t2dm-first"].id)
        now = ward.clock.now()
        await recall.recall(session, article, reason="剂量写错", staff=ward.staff["reviewer"], now=now)
    await ward.deliver()
    await ward.run()
    told = {(one.state, one.reason) for one in await ward.recipients(campaign_id)}
    assert (told, ward.wechat.got) == ({("suppressed", "content_recalled")}, [])


async def test_consent_withdrawn_while_queued_is_respected(ward: Ward) -> None:
    [one, other] = await ward.patients(2)
    campaign_id = await ward.launched(await ward.plan())
    await ward.run()
    async with ward.database.write() as session:
        await consents.decide(
            session,
            subject="patient",
            subject_id=one,
            purpose=Purpose.EDUCATION,
            granted=False,
            text_version="1",
            channel="wechat",
            now=ward.clock.now(),
        )
    await ward.deliver()
    await ward.run()
    told = {row.patient_id: (row.state, row.reason) for row in await ward.recipients(campaign_id)}
    assert told == {one: ("suppressed", "withdrawn"), other: ("sent", None)}


async def test_who_switches_recommendations_off_before_it_is_queued_is_left_out(ward: Ward) -> None:
    [one, other] = await ward.patients(2)
    campaign_id = await ward.launched(await ward.plan())
    await ward.runner().round()
    async with ward.database.write() as session:
        gone = (ConsentNow.subject_id == one, ConsentNow.purpose == Purpose.PERSONAL)
        await session.execute(update(ConsentNow).where(*gone).values(granted=False))
    await ward.run()
    told = {row.patient_id: (row.state, row.reason) for row in await ward.recipients(campaign_id)}
    assert told == {one: ("skipped", "personal_off"), other: ("queued", None)}


async def test_who_switches_recommendations_off_while_queued_is_not_sent_to(ward: Ward) -> None:
    [one, other] = await ward.patients(2)
    campaign_id = await ward.launched(await ward.plan())
    await ward.run()
    assert {row.state for row in await ward.recipients(campaign_id)} == {"queued"}
    async with ward.database.write() as session:
        gone = (ConsentNow.subject_id == one, ConsentNow.purpose == Purpose.PERSONAL)
        await session.execute(update(ConsentNow).where(*gone).values(granted=False))
    ward.clock.advance(2 * SLOW)
    await ward.run()
    await ward.deliver()
    await ward.run()
    told = {row.patient_id: (row.state, row.reason) for row in await ward.recipients(campaign_id)}
    assert told == {one: ("suppressed", "personal_off"), other: ("sent", None)}


async def test_a_rule_changed_while_running_counts_from_when_somebody_takes_it(ward: Ward) -> None:
    """Recurring: the first two occurrences by the first version, the third by the one that was taken."""
    [diabetic] = await ward.patients(1)
    other = await ward.patient("I10.x00")
    plan = await ward.plan(
        kind=Kind.RECURRING, start_at=ward.clock.now(), every=1, unit="day", at_time="10:00", late=Late.NEXT
    )
    campaign_id = await ward.launched(plan)
    ward.at("2026-11-22T10:01")
    await ward.run()
    async with ward.database.write() as session:
        row = await service.get(session, campaign_id)
        audience = await session.get_one(Audience, row.audience_id)
        rule = rules.read(EVERYONE)
        now = ward.clock.now()
        newer = await audiences.change(
            session, audience, seen=1, name="大家", note="", rule=rule, now=now, staff_id=None
        )
    ward.at("2026-11-23T10:01")
    await ward.run()
    assert {one.patient_id for one in await ward.recipients(campaign_id)} == {diabetic}
    async with ward.database.read() as session:
        newest = await service.newer_version(session, await service.get(session, campaign_id))
    assert newest is not None
    await ward.act(workflow.take_newer_audience, campaign_id, version_id=newest.id)
    ward.at("2026-11-24T10:01")
    await ward.run()
    of_third = {one.patient_id for one in await ward.recipients(campaign_id) if one.occurrence == 3}
    assert of_third == {diabetic, other}
    async with ward.database.read() as session:
        launches = select(CampaignLaunch).order_by(CampaignLaunch.occurrence)
        versions = [one.audience_version_id for one in await session.scalars(launches)]
        steps = await service.steps(session, campaign_id)
    assert versions == [plan.audience_version_id, plan.audience_version_id, newest.id]
    assert [one.detail["after"] for one in steps if one.action == "audience"] == [str(newest.id)]
    assert newer is not None


async def test_two_runners_at_once_write_to_nobody_twice(ward: Ward) -> None:
    await ward.patients(30)
    campaign_id = await ward.launched(await ward.plan())
    ward.clock.advance(timedelta(seconds=16))
    runners = [ward.runner(lease=timedelta(seconds=-1)) for _ in range(2)]  # a lease that never holds
    for _ in range(3):
        await asyncio.gather(*(one.round() for one in runners))
        ward.clock.advance(timedelta(seconds=3))
    await ward.deliver()
    await ward.run()
    assert await ward.states(campaign_id) == {"sent": 30}
    assert len(ward.wechat.got) == len({address for address, _, _ in ward.wechat.got}) == 30
