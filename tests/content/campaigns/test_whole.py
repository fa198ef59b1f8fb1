"""A campaign from its draft to what became of its messages."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from sqlalchemy import select

from content.campaigns import service, workflow
from content.campaigns.errors import CampaignError
from content.campaigns.models import CampaignStep
from content.reading import links
from store.audit import AuditRow
from tests.content.campaigns.ward import Ward


async def test_from_draft_to_settled(ward: Ward) -> None:
    on_wechat, on_phone = await ward.patient(), await ward.patient(channel="sms")
    nowhere = await ward.patient(channel=None)
    await ward.patient("I10.x00")
    asked_not_to = await ward.patient(purposes=("education",))
    no_consent = await ward.patient(purposes=("personal",))
    campaign_id = await ward.launched(await ward.plan())
    await ward.run()
    await ward.deliver()
    await ward.run()
    states = {one.patient_id: (one.state, one.reason) for one in await ward.recipients(campaign_id)}
    assert states == {
        on_wechat: ("sent", None),
        on_phone: ("sent", None),
        nowhere: ("skipped", "no_contact"),
        asked_not_to: ("skipped", "personal_off"),
        no_consent: ("suppressed", "never_granted"),
    }
    [(_, said, _)] = ward.wechat.got
    assert "新确诊糖尿病先弄懂这几件事" in said.text
    token = re.search(r"https://banyi\.example/r/(\S+)", said.text)
    async with ward.database.read() as session:
        link = await links.find(session, token[1] if token else "")
    assert link is not None
    assert (link.patient_id, link.campaign_id, link.arm, link.revision) == (on_wechat, campaign_id, "a", 1)
    assert len(ward.sms.got) == 1
    row = await ward.campaign(campaign_id)
    assert row.state == "done"
    assert row.counts == {"sent": 2, "skipped": 2, "suppressed": 1}
    async with ward.database.read() as session:
        steps = select(CampaignStep.action).order_by(CampaignStep.at, CampaignStep.id)
        done = list(await session.scalars(steps))
        trail = select(AuditRow.action).where(AuditRow.subject == f"campaign:{campaign_id}")
        kept = list(await session.scalars(trail.order_by(AuditRow.id)))
    assert done == ["create", "submit", "approve", "launch", "finish"]
    assert kept == [f"campaign_{one}" for one in done]


async def test_a_message_is_as_the_house_expects_it(ward: Ward) -> None:
    patient = await ward.patient()
    campaign_id = await ward.launched(await ward.plan())
    await ward.run()
    [message] = await ward.messages(campaign_id)
    assert message.dedup_key == f"campaign:{campaign_id}:{patient}:1"
    assert (message.purpose, message.priority) == ("education", 9)
    assert (message.content_ref, message.content_revision) == ("article:t2dm-first", 1)
    assert message.expires_at == message.created_at + timedelta(days=7)


async def test_nobody_approves_their_own(ward: Ward) -> None:
    plan = await ward.plan()
    async with ward.database.write() as session:
        row = await service.create(session, plan, staff=ward.staff["reviewer"], now=ward.clock.now())
    await ward.act(workflow.submit, row.id, "reviewer", contents=ward.contents)
    for who, code in (("reviewer", "own_campaign"), ("editor2", "may_not_approve")):
        with pytest.raises(CampaignError) as refused:
            await ward.act(workflow.approve, row.id, who, contents=ward.contents, seen=1)
        assert refused.value.code == code
    approved = await ward.act(workflow.approve, row.id, "admin", contents=ward.contents, seen=1)
    assert (approved.state, approved.approved_by) == ("approved", ward.staff["admin"].id)
