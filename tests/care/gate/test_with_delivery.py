"""The gate and the delivery together: down the ladder, and what staff read of it afterwards."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import select

from care.desk.models import DeskTask
from care.gate.explain import explain
from channels.outbox.delivery import Delivery
from channels.outbox.models import OutboundMessage
from channels.ports import Outcome, SendResult
from server.people import CareDesk
from tests.care.gate.conftest import BOOKED, Town
from tests.factories.messages import ACCOUNTS, SMS, WECHAT, said, say
from tests.factories.vendor import Vendor

NEXT = SendResult(Outcome.REFUSED, code="43101", next_rung=True)


def _delivery(town: Town, wechat: Vendor, sms: Vendor) -> Delivery:
    senders = {("wechat", ACCOUNTS[WECHAT]): wechat, ("sms", ACCOUNTS[SMS]): sms}
    return Delivery(town.database, town.clock, town.catalogue, senders, town.gate, CareDesk())


async def _drain(delivery: Delivery) -> None:
    while await delivery.run_once():
        pass


async def _notice(town: Town, phone: bool) -> OutboundMessage:
    who = await town.patient()
    contact, talk = await town.contact(of=who)
    if phone:
        await town.contact(SMS, who)
    await town.window(contact, 0)
    await town.agrees(contact, "visit_long", "long", None)
    [message] = await say(
        town.database, town.clock, talk, BOOKED, purpose="service_notice", patient_id=who, priority=3
    )
    return message


async def test_down_the_ladder_to_the_phone(town: Town) -> None:
    wechat, sms = Vendor(), Vendor()
    wechat.answers = [NEXT, NEXT]
    message = await _notice(town, phone=True)
    await _drain(_delivery(town, wechat, sms))
    assert [one[1].rung for one in wechat.got] == ["subscription_long", "template"]
    assert len(sms.got) == 1
    rows = await said(town.database)
    assert sorted(row.status for row in rows) == ["accepted", "passed_on"]
    async with town.database.read() as session:
        told = await explain(session, message.id)
    assert [(one.verdict, one.rung) for one in told] == [
        ("refused", "subscription_long"),
        ("refused", "template"),
        ("passed_on", "sms"),
    ]
    assert told[-1].sentence == "微信客服消息的条数已用完，改走其他途径"


async def test_without_a_phone_a_nurse_calls(town: Town) -> None:
    wechat = Vendor()
    wechat.answers = [NEXT, NEXT]
    message = await _notice(town, phone=False)
    await _drain(_delivery(town, wechat, Vendor()))
    async with town.database.read() as session:
        row = await session.get_one(OutboundMessage, message.id)
        tasks = list(await session.scalars(select(DeskTask)))
        told = await explain(session, message.id)
    assert (row.status, [task.kind for task in tasks]) == ("failed", ["call"])
    assert told[-1].sentence == "现有途径都联系不上患者"


async def test_held_in_the_night_and_sent_in_the_morning(town: Town) -> None:
    """Asked once at night, once in the morning: nobody looks every minute."""
    town.at("2026-11-24 23:00")
    sms = Vendor()
    delivery = _delivery(town, Vendor(), sms)
    who = await town.patient()
    _, phone = await town.contact(SMS, who)
    [message] = await say(town.database, town.clock, phone, BOOKED, purpose="service_notice", patient_id=who)
    await _drain(delivery)
    town.clock.advance(timedelta(hours=8, minutes=59))
    await _drain(delivery)
    assert sms.got == []
    town.clock.advance(timedelta(minutes=1))
    await _drain(delivery)
    assert len(sms.got) == 1
    async with town.database.read() as session:
        told = await explain(session, message.id)
    assert [(one.verdict, one.sentence) for one in told] == [
        ("held", "现在是免打扰时段，到时再发"),
        ("accepted", ""),
    ]
