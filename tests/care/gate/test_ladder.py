"""The ladder: which way a message goes, and what is kept for whom."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from care.consents import service as consents
from care.consents.models import OptOutLevel, Purpose
from care.gate.rules import parse_purposes
from care.patients.models import Relation
from channels.contacts.models import Contact
from channels.reply import Reply
from tests.care.gate.conftest import BOOKED, Town
from tests.factories.messages import ACCOUNTS, SMS, WECHAT

NOTICE = {"purpose": "service_notice", "reply": BOOKED}


async def test_every_rung_in_its_order(town: Town) -> None:
    who = await town.patient()
    contact, talk = await town.contact(of=who)
    phone, _ = await town.contact(SMS, who)
    await town.window(contact, 5)
    await town.agrees(contact, "visit_long", "long", None)
    await town.agrees(contact, "visit_once", "once", 1)
    whole = ("custom", "subscription_long", "subscription_once", "template", "sms", "call")
    verdict = await town.asks(talk, patient_id=who, **NOTICE)
    assert (verdict.send, verdict.rung, verdict.plan, verdict.notice) == (True, "custom", whole, None)
    tried: list[str] = []
    seen = []
    for rung in whole:
        verdict = await town.asks(talk, patient_id=who, tried=tried, **NOTICE)
        assert verdict.plan == whole[len(tried) :]
        seen.append((verdict.rung, verdict.send, verdict.pass_to, verdict.call))
        if rung in ("subscription_long", "subscription_once", "template"):
            assert verdict.notice is not None
            assert verdict.notice.template_id == {"subscription_long": "visit_long"}.get(
                rung, {"subscription_once": "visit_once"}.get(rung, "visit_template")
            )
            assert "王秀兰" in verdict.notice.fields.values()
        tried.append(rung)
    assert seen == [
        ("custom", True, None, False),
        ("subscription_long", True, None, False),
        ("subscription_once", True, None, False),
        ("template", True, None, False),
        ("sms", False, phone.id, False),
        ("", False, None, True),
    ]
    assert verdict.reason == "no_way_left"


async def test_why_it_goes_another_way_is_told(town: Town) -> None:
    who = await town.patient()
    contact, talk = await town.contact(of=who)
    assert (await town.asks(talk, patient_id=who, **NOTICE)).reason == "allowed", "no ledger: WeChat knows"
    said = []
    for left, lasts in ((0, 48), (2, 48), (5, -1)):
        await town.window(contact, left, timedelta(hours=lasts))
        verdict = await town.asks(talk, patient_id=who, **NOTICE)
        assert verdict.rung == "template"
        said.append(verdict.reason)
    verdict = await town.asks(talk, patient_id=who, tried=["custom"], **NOTICE)
    assert [*said, verdict.reason] == ["quota_used", "quota_kept", "window_closed", "rung_refused"]
    town.passive_only = (ACCOUNTS[WECHAT],)
    await town.window(contact, 5)
    assert (await town.asks(talk, patient_id=who, **NOTICE)).reason == "no_custom"


@pytest.mark.parametrize(
    ("left", "who"),
    [
        (5, {"answer", "late", "service_notice", "staff_reply", "alarm"}),
        (3, {"answer", "late", "service_notice", "staff_reply", "alarm"}),
        (2, {"answer", "staff_reply", "alarm"}),
        (1, {"answer", "alarm"}),
        (0, set()),
    ],
)
async def test_one_is_kept_for_clinicians_and_one_for_emergencies(
    town: Town, left: int, who: set[str]
) -> None:
    contact, talk = await town.contact()
    long_ago = await town.writes(contact)
    town.clock.advance(timedelta(minutes=30))
    asked = await town.writes(contact)
    await town.window(contact, left)
    through = set()
    for name, purpose, priority, inbound_id in (
        ("answer", "reply", 0, asked),
        ("late", "reply", 0, long_ago),
        ("service_notice", "service_notice", 3, long_ago),
        ("staff_reply", "staff_reply", 0, long_ago),
        ("alarm", "reply", -1, asked),
    ):
        verdict = await town.asks(talk, purpose, priority=priority, inbound_id=inbound_id)
        if verdict.rung == "custom":
            through.add(name)
    assert through == who


async def test_a_long_text_takes_several(town: Town) -> None:
    contact, talk = await town.contact()
    await town.window(contact, 5)
    assert (await town.asks(talk, "reply", weight=3)).rung == "custom"
    assert (await town.asks(talk, "reply", weight=4)).reason == "no_way_left"
    assert (await town.asks(talk, "staff_reply", weight=4)).rung == "custom"


async def test_a_window_of_a_minute_keeps_nothing(town: Town) -> None:
    contact, talk = await town.contact()
    await town.window(contact, 1, timedelta(seconds=60))
    assert (await town.asks(talk, "reply")).rung == "custom"
    await town.window(contact, 1, timedelta(seconds=61))
    assert (await town.asks(talk, "reply")).rung == ""
    await town.window(contact, 1, timedelta(seconds=0))
    assert (await town.asks(talk, "reply")).rung == "", "its last moment is over"


async def test_what_was_just_written_or_tapped_is_answered_with_what_is_kept(town: Town) -> None:
    contact, talk = await town.contact()
    tapped = await town.writes(contact, text="确认", option_ref="q:yes")
    clicked = await town.writes(contact, text="", kind="event", event="click", event_key="book")
    typed = await town.writes(contact, text="你好")
    await town.window(contact, 2)
    assert (await town.asks(talk, "reply", inbound_id=tapped)).rung == "custom"
    assert (await town.asks(talk, "reply", inbound_id=clicked)).rung == "custom"
    assert (await town.asks(talk, "reply", inbound_id=typed)).rung == "custom"
    await town.window(contact, 1)
    assert (await town.asks(talk, "reply", inbound_id=typed)).rung == "custom"
    town.clock.advance(timedelta(minutes=10, seconds=1))
    assert (await town.asks(talk, "reply", inbound_id=typed)).rung == "", "an answer that comes late"


async def test_a_batch_does_not_spend_the_same_message_twice(town: Town) -> None:
    who = await town.patient()
    contact, talk = await town.contact(of=who)
    await town.window(contact, 4)
    await town.agrees(contact, "visit_once", "once", 1)
    batch = [await town.message(talk, "service_notice", who, BOOKED) for _ in range(4)]
    rungs = [one.rung for one in await town.check(*batch)]
    assert rungs == ["custom", "custom", "subscription_once", "template"]


async def test_a_refused_subscription_and_an_empty_one_are_none(town: Town) -> None:
    who = await town.patient()
    contact, talk = await town.contact(of=who)
    await town.window(contact, 0)
    await town.agrees(contact, "visit_once", "once", 0)
    await town.agrees(contact, "something_else", "long", None)
    assert (await town.asks(talk, patient_id=who, **NOTICE)).rung == "template"


async def test_only_what_the_patient_set_off_goes_as_a_template(town: Town) -> None:
    who = await town.patient()
    contact, talk = await town.contact(of=who)
    await town.window(contact, 0)
    for purpose, rung in (("service_notice", "template"), ("follow_up", ""), ("marketing", "")):
        assert (await town.asks(talk, purpose, who, reply=BOOKED)).rung == rung
    await town.agrees(contact, "visit_long", "long", None)
    assert (await town.asks(talk, "follow_up", who, reply=BOOKED)).rung == "subscription_long"
    assert (await town.asks(talk, "marketing", who, reply=BOOKED)).rung == "", "no notice may advertise"


async def test_only_a_phone_whose_holder_is_known_carries_on(town: Town) -> None:
    who = await town.patient()
    contact, talk = await town.contact(of=who)
    await town.window(contact, 0)
    hello: dict[str, Any] = {"purpose": "service_notice", "patient_id": who}

    async def goes_to() -> Contact | None:
        verdict = await town.asks(talk, **hello)
        assert not verdict.send
        return next((one for one in phones if one.id == verdict.pass_to), None)

    phones: list[Contact] = []
    for values in (
        {"holder": "unknown"},
        {"holder": "wrong"},
        {"status": "wrong_number"},
        {"status": "stopped"},
        {"muted_until": town.clock.now() + timedelta(days=1)},
    ):
        phone, _ = await town.contact(SMS, who, **values)
        phones.append(phone)
    assert await goes_to() is None
    assert (await town.asks(talk, **hello)).call, "an appointment nobody can be told of is a call"
    son, _ = await town.contact(SMS, who, Relation.MOTHER, holder="family")
    phones.append(son)
    assert await goes_to() == son
    own, _ = await town.contact(SMS, who)
    phones.append(own)
    assert await goes_to() == own, "the patient's own first"
    async with town.database.write() as session:
        await consents.opt_out(session, own.id, OptOutLevel.ALL, channel="sms", now=town.clock.now())
    assert (await town.asks(talk, **hello)).reason == "opted_out", "one person, one wish: on WeChat too"


async def test_what_was_for_the_daughter_goes_to_her_phone_first(town: Town) -> None:
    who = await town.patient()
    contact, talk = await town.contact(of=who, relation=Relation.MOTHER)
    await town.window(contact, 0)
    await town.contact(SMS, who)
    daughter, _ = await town.contact(SMS, who, Relation.MOTHER, holder="family")
    assert (await town.asks(talk, "service_notice", who)).pass_to == daughter.id


async def test_the_phones_own_wish_counts(town: Town) -> None:
    who = await town.patient()
    contact, talk = await town.contact(of=who, relation=Relation.MOTHER)
    await town.window(contact, 0)
    phone, _ = await town.contact(SMS, who)
    assert (await town.asks(talk, "follow_up", who)).pass_to == phone.id
    async with town.database.write() as session:
        await consents.opt_out(session, phone.id, OptOutLevel.CONTENT, channel="sms", now=town.clock.now())
    assert (await town.asks(talk, "follow_up", who)).pass_to is None
    assert (await town.asks(talk, "service_notice", who)).pass_to == phone.id
    async with town.database.write() as session:
        await consents.opt_out(session, phone.id, OptOutLevel.ALL, channel="sms", now=town.clock.now())
    for purpose in ("service_notice", "reply"):
        assert (await town.asks(talk, purpose, who)).pass_to is None
    assert (await town.asks(talk, "reply", who, priority=-1)).pass_to == phone.id


async def test_without_approved_words_the_phone_is_no_way(town: Town) -> None:
    who = await town.patient()
    contact, talk = await town.contact(of=who)
    await town.window(contact, 0)
    await town.contact(SMS, who)
    assert (await town.asks(talk, "service_notice", who)).rung == "sms"
    town.catalogue.use_templates([])
    verdict = await town.asks(talk, "service_notice", who)
    assert (verdict.rung, verdict.call, verdict.plan) == ("", True, ("call",))


async def test_an_answer_about_nobody_goes_to_the_persons_own_phone_only(town: Town) -> None:
    who = await town.patient()
    contact, talk = await town.contact(of=who)
    await town.window(contact, 0)
    await town.contact(SMS, who, Relation.MOTHER, holder="family")
    await town.contact(SMS, who, holder="family")
    assert (await town.asks(talk, "reply")).call
    own, _ = await town.contact(SMS, who)
    assert (await town.asks(talk, "reply")).pass_to == own.id
    other, elsewhere = await town.contact(of=who, relation=Relation.MOTHER)
    await town.window(other, 0)
    assert (await town.asks(elsewhere, "reply")).pass_to is None, (
        "the daughter's question is not the mother's"
    )


async def test_who_has_a_call_and_who_is_dropped(town: Town) -> None:
    who = await town.patient()
    contact, talk = await town.contact(of=who)
    await town.window(contact, 0)
    calls = {
        purpose: (await town.asks(talk, purpose, who)).call
        for purpose in ("service_notice", "reply", "staff_reply", "follow_up", "education", "survey")
    }
    assert [purpose for purpose, call in calls.items() if call] == ["service_notice", "reply", "staff_reply"]
    town.set_rules(call_for=parse_purposes("follow_up"))
    assert (await town.asks(talk, "follow_up", who)).call
    assert not (await town.asks(talk, "service_notice", who)).call
    assert (await town.asks(talk, "reply", who, priority=-1)).call, "an alarm always"


async def test_who_unfollowed_hears_of_appointments_by_phone(town: Town) -> None:
    who = await town.patient()
    contact, talk = await town.contact(of=who, status="unfollowed")
    await town.window(contact, 5)
    verdict = await town.asks(talk, patient_id=who, **NOTICE)
    assert (verdict.call, verdict.plan) == (True, ("call",))
    phone, _ = await town.contact(SMS, who)
    verdict = await town.asks(talk, patient_id=who, **NOTICE)
    assert (verdict.pass_to, verdict.reason, verdict.plan) == (phone.id, "unfollowed", ("sms", "call"))
    assert (await town.asks(talk, "follow_up", who)).reason == "unfollowed"


async def test_an_sms_that_was_refused_is_a_call(town: Town) -> None:
    who = await town.patient(Purpose.SERVICE_NOTICE)
    _, talk = await town.contact(SMS, who)
    verdict = await town.asks(talk, "service_notice", who, reply=Reply("smalltalk.greet"))
    assert (verdict.rung, verdict.plan) == ("sms", ("sms", "call"))
    verdict = await town.asks(talk, "service_notice", who, tried=["sms"])
    assert (verdict.send, verdict.call, verdict.reason) == (False, True, "no_way_left")
