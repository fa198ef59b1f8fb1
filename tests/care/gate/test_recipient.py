"""Whom nothing reaches, and what they have agreed to."""

from __future__ import annotations

from datetime import timedelta
from uuid import uuid4

import pytest
from sqlalchemy import update

from care.consents import service as consents
from care.consents.models import OptOutLevel, Purpose
from care.gate.rules import PUSHED
from care.patients.models import Patient, PatientStatus, Relation
from channels.reply import Reply
from tests.care.gate.conftest import Town
from tests.factories.messages import SMS

ALL = (*PUSHED, "reply", "staff_reply", "code")


@pytest.mark.parametrize(
    ("status", "passes"),
    [
        ("active", set(ALL)),
        ("stopped", {"reply", "staff_reply", "code"}),
        ("wrong_number", set()),
        ("unfollowed", set()),
    ],
)
async def test_the_contacts_status(town: Town, status: str, passes: set[str]) -> None:
    who = await town.patient()
    _, talk = await town.contact(SMS, who, status=status)
    for purpose in ALL:
        verdict = await town.asks(talk, purpose, None if purpose == "service_notice" else who)
        assert verdict.send == (purpose in passes), purpose
        assert verdict.until is None
        if not verdict.send:
            assert verdict.reason == status


async def test_who_writes_from_a_wrong_number_is_answered_and_an_alarm_goes_too(town: Town) -> None:
    contact, talk = await town.contact(SMS, status="wrong_number", holder="wrong")
    assert (await town.asks(talk, "reply")).reason == "wrong_number"
    assert (await town.asks(talk, "reply", priority=-1)).reason == "emergency"
    asked = await town.writes(contact, text="你们打错了")
    assert (await town.asks(talk, "reply", inbound_id=asked)).reason == "answer"


async def test_a_number_of_an_unknown_holder_gets_nothing_personal_and_is_asked(town: Town) -> None:
    who = await town.patient()
    contact, talk = await town.contact(SMS, who, holder="unknown")
    for purpose in ("service_notice", "follow_up", "education"):
        held = await town.asks(talk, purpose, who)
        assert held.reason == "holder_unknown"
        assert held.until == town.clock.now() + town.rules.holder_wait
    assert set(town.asked) == {contact.id}
    town.asked.clear()
    assert (await town.asks(talk, "service_notice")).send, "about nobody"
    assert (await town.asks(talk, "reply", who)).send
    assert (await town.asks(talk, "code", who)).send
    assert town.asked == []
    _, wechat = await town.contact(of=who, holder="unknown")
    assert (await town.asks(wechat, "service_notice", who)).send, "an account is a person's own"


@pytest.mark.parametrize("holder", ["self", "family"])
async def test_who_said_who_they_are_gets_the_notices(town: Town, holder: str) -> None:
    who = await town.patient()
    _, talk = await town.contact(SMS, who, holder=holder)
    assert (await town.asks(talk, "service_notice", who)).send


async def test_nobody_answers_for_the_number_for_days(town: Town) -> None:
    who = await town.patient()
    _, talk = await town.contact(SMS, who, holder="unknown")
    waiting = await town.message(talk, "service_notice", who)
    town.clock.advance(town.rules.holder_wait - timedelta(seconds=1))
    [verdict] = await town.check(waiting)
    assert verdict.until is not None
    town.clock.advance(timedelta(seconds=1))
    [verdict] = await town.check(waiting)
    assert (verdict.reason, verdict.until) == ("holder_unknown", None)


@pytest.mark.parametrize(
    ("status", "reason"),
    [(PatientStatus.DIED, "patient_died"), (PatientStatus.MOVED, "patient_moved"), (None, "patient_deleted")],
)
async def test_the_dead_the_gone_and_the_deleted(
    town: Town, status: PatientStatus | None, reason: str
) -> None:
    who = await town.patient()
    contact, talk = await town.contact()
    if status is None:
        who = uuid4()
    else:
        async with town.database.write() as session:
            await session.execute(update(Patient).where(Patient.id == who).values(status=status))
    for purpose in PUSHED:
        assert (await town.asks(talk, purpose, who)).reason == reason
    assert (await town.asks(talk, "staff_reply", who)).send, "the family is answered"
    asked = await town.writes(contact)
    assert (await town.asks(talk, "reply", who, inbound_id=asked)).send


async def test_consent_is_asked_for_each_purpose(town: Town) -> None:
    who = await town.patient(Purpose.EDUCATION)
    contact, talk = await town.contact(of=who)
    said = {purpose: (await town.asks(talk, purpose, who)).reason for purpose in PUSHED}
    assert said == {
        "service_notice": "allowed",
        "education": "allowed",
        "follow_up": "never_granted",
        "survey": "never_granted",
        "marketing": "never_granted",
    }
    await town.decide(who, Purpose.EDUCATION, False)
    assert (await town.asks(talk, "education", who)).reason == "withdrawn"
    asked = await town.writes(contact)
    assert (await town.asks(talk, "education", who, inbound_id=asked)).reason == "withdrawn", (
        "an answer or not"
    )


@pytest.mark.parametrize(
    ("level", "stopped"),
    [
        (OptOutLevel.CONTENT, {"follow_up", "survey", "education", "marketing"}),
        (OptOutLevel.ALL, {"service_notice", "follow_up", "survey", "education", "marketing"}),
    ],
)
async def test_notices_stop_only_on_everything(town: Town, level: OptOutLevel, stopped: set[str]) -> None:
    who = await town.patient()
    contact, talk = await town.contact(SMS, who)
    async with town.database.write() as session:
        await consents.opt_out(session, contact.id, level, channel="sms", now=town.clock.now())
    for purpose in ALL:
        verdict = await town.asks(talk, purpose, who, reply=Reply("survey.done"))
        assert (verdict.reason == "opted_out") == (purpose in stopped), purpose
    assert (await town.asks(talk, "service_notice", who, priority=-1)).send, "an alarm is told all the same"
    async with town.database.write() as session:
        await consents.opt_in(session, contact.id, channel="sms", now=town.clock.now())
    assert (await town.asks(talk, "service_notice", who)).send


async def test_a_family_member_stops_only_their_own(town: Town) -> None:
    who = await town.patient()
    daughter, hers = await town.contact(of=who, relation=Relation.MOTHER)
    _, own = await town.contact(of=who)
    async with town.database.write() as session:
        await consents.opt_out(session, daughter.id, OptOutLevel.ALL, channel="wechat", now=town.clock.now())
    assert (await town.asks(hers, "service_notice", who)).reason == "opted_out"
    assert (await town.asks(own, "service_notice", who)).send


async def test_sms_says_only_what_is_approved(town: Town) -> None:
    who = await town.patient()
    _, talk = await town.contact(SMS, who)
    assert (await town.asks(talk, "education", who)).send
    town.catalogue.use_templates(one for one in town.catalogue.sms_templates() if one.key == "common.call_us")
    for purpose in ("follow_up", "survey", "education", "marketing"):
        dropped = await town.asks(talk, purpose, who)
        assert (dropped.reason, dropped.until, dropped.call) == ("no_template", None, False)
    for purpose in ("service_notice", "reply", "staff_reply"):
        assert (await town.asks(talk, purpose, who)).send, "the delivery says 请致电, and somebody rings up"


async def test_an_unknown_purpose_is_not_sent(town: Town) -> None:
    _, talk = await town.contact()
    verdict = await town.asks(talk, "nonsense")
    assert (verdict.send, verdict.reason, verdict.call) == (False, "unknown_purpose", False)
