"""A campaign from its draft to what became of its messages."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from sqlalchemy import select

from care.patients.models import PatientContact
from channels.contacts import service as contacts
from channels.contacts.models import SendingWindow
from channels.outbox.receipts import Receipts
from channels.ports import ChannelName, Receipt
from content.campaigns import service, workflow
from content.campaigns.errors import CampaignError
from content.campaigns.models import CampaignStep
from content.reading import links
from store.audit import AuditRow
from tests.content.campaigns.ward import SMS_TEXT, Ward


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


async def test_what_went_on_to_the_phone_counts_as_what_became_of_it(ward: Ward) -> None:
    """WeChat's window is closed: the phone gets it, and its report is the recipient's."""
    patient, now = await ward.patient(), ward.clock.now()
    async with ward.database.write("a phone") as session:
        wechat = await session.scalar(select(PatientContact.contact_id))
        session.add(SendingWindow(contact_id=wechat, remaining=0, expires_at=now))
        phone, _ = await contacts.ensure(session, "sms", "aliyun", "+8619912345678", now)
        phone.holder = "self"
        link = PatientContact(patient_id=patient, contact_id=phone.id, relation="self", confirmed_at=now)
        session.add(link)
    campaign_id = await ward.launched(await ward.plan())
    await ward.run()
    await ward.deliver()
    await ward.run()
    [one] = await ward.recipients(campaign_id)
    assert (one.state, one.channel, ward.wechat.got) == ("sent", "sms", [])
    [(_, said, ref)] = ward.sms.got
    assert said.text == SMS_TEXT
    report = Receipt(ChannelName.SMS, "aliyun", f"v-{ref}", ref, ok=True, code="DELIVERED")
    await Receipts(ward.database, ward.clock).record([report])
    ward.clock.advance(timedelta(minutes=2))
    await ward.run()
    [one] = await ward.recipients(campaign_id)
    assert (one.state, (await ward.campaign(campaign_id)).counts) == ("delivered", {"delivered": 1})
