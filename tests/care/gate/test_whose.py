"""Nothing of a patient goes to whom it was not meant for: links that ended, relatives' phones, questions nobody saw."""

from __future__ import annotations

from care.binding import service as binding
from care.patients.models import Relation
from tests.care.gate.conftest import Town
from tests.factories.messages import SMS


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
    assert (await town.asks(talk, "staff_reply", who)).pass_to == own.id
