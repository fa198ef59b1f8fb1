"""Nothing of a patient goes to whom it was not meant for: links that ended, relatives' phones, questions nobody saw."""

from __future__ import annotations

from care.binding import service as binding
from care.patients.models import Relation
from channels.outbox import passing
from channels.reply import SENSITIVE, Option, Reply
from channels.wechat.notices import NoticeBook
from server.wording import WORDING
from tests.care.gate.conftest import BOOKED, FACTS, Town
from tests.factories.messages import SMS, said


async def test_what_was_queued_before_the_link_ended_does_not_leave(town: Town) -> None:
    who = await town.patient()
    contact, talk = await town.contact(of=who)
    waiting = await town.message(talk, "service_notice", who)
    assert (await town.check(waiting))[0].send
    async with town.database.write("unbinding") as session:
        await binding.unbind(
            session, contact_id=contact.id, patient_id=who, actor="staff:x", now=town.clock.now()
        )
    [verdict] = await town.check(waiting)
    assert not verdict.send


async def test_a_nurses_words_to_the_patient_do_not_go_to_a_relatives_phone(town: Town) -> None:
    who = await town.patient()
    contact, talk = await town.contact(of=who)
    await town.window(contact, 0)
    await town.contact(SMS, who, Relation.SPOUSE, holder="family")
    for purpose in ("staff_reply", "reply"):
        verdict = await town.asks(talk, purpose, who)
        assert (verdict.pass_to, verdict.call) == (None, True)
    own, _ = await town.contact(SMS, who)
    assert (await town.asks(talk, "reply", who)).pass_to == own.id


async def test_what_was_worded_for_wechat_alone_does_not_become_an_sms(town: Town) -> None:
    who = await town.patient()
    contact, talk = await town.contact(of=who)
    await town.window(contact, 0)
    own, _ = await town.contact(SMS, who)
    written = Reply("desk.reply", {"text": "您的化验结果出来了"})
    step = Reply("booking.department_suggest", {}, (Option("a", "精神心理科"), Option("b", "眼科")))
    for purpose, reply in (("staff_reply", written), ("reply", step)):
        verdict = await town.asks(talk, purpose, who, reply=reply)
        assert (verdict.pass_to, verdict.call) == (None, True)
        assert (await town.asks(talk, purpose, who, reply=reply, priority=-1)).pass_to == own.id


async def test_a_sensitive_department_is_called_by_its_place_on_the_phone_and_in_notices(town: Town) -> None:
    params = {**BOOKED.params, "department": "精神心理科", "place": "门诊楼3层"}
    for sensitive in (False, True):
        reply = Reply(BOOKED.key, {**params, **({SENSITIVE: True} if sensitive else {})})
        who = await town.patient()
        _, talk = await town.contact(of=who)
        phone, there = await town.contact(SMS, who)
        message = await town.message(talk, "service_notice", who, reply)
        offers = NoticeBook(WORDING / "notices.yml", FACTS).offers("hospital", reply, "service_notice")
        assert len(offers) == 3
        assert all(("精神" in str(one.fields)) is not sensitive for one in offers.values())
        async with town.database.write() as session:
            assert await passing.on_to(session, message, phone.id, town.clock.now())
        passed = next(one for one in await said(town.database) if one.conversation_id == there.id)
        assert passed.reply["params"]["department"] == ("门诊楼3层" if sensitive else "精神心理科")
