"""While a person has the conversation the bot is silent, whatever of it was queued; an emergency's words and receipts still go."""

from __future__ import annotations

from datetime import timedelta

import pytest

from care.desk import service as desk
from channels.outbox.service import URGENT_PRIORITY
from channels.reply import Reply
from store.ids import new_id
from tests.care.gate.conftest import BOOKED, Town

NURSE = new_id()


async def test_what_the_bot_wanted_to_say_is_left_unsaid(town: Town) -> None:
    town.at("2026-11-24 10:00")
    _, talk = await town.contact(of=await town.patient())
    queued = await town.message(talk, "reply")
    async with town.database.write() as session:
        await desk.take(session, talk.id, staff_id=NURSE, now=town.clock.now())
    [verdict] = await town.check(queued)
    assert (verdict.send, verdict.until, verdict.call, verdict.reason) == (
        False,
        None,
        False,
        "person_answers",
    )
    urgent = await town.asks(talk, "reply", priority=URGENT_PRIORITY)
    receipt = await town.asks(talk, "reply", reply=Reply("consent.content"))
    hers = await town.asks(talk, "staff_reply", reply=Reply("desk.reply", {"text": "您好"}))
    assert [one.send for one in (urgent, receipt, hers)] == [True, True, True]
    async with town.database.write() as session:
        await desk.hand_back(session, talk.id, staff_id=NURSE, now=town.clock.now())
    assert (await town.asks(talk, "reply")).send


@pytest.mark.parametrize("purpose", ["follow_up", "survey", "education"])
async def test_what_is_pushed_waits_until_they_have_talked(town: Town, purpose: str) -> None:
    town.at("2026-11-24 10:00")
    who = await town.patient()
    _, talk = await town.contact(of=who)
    async with town.database.write() as session:
        await desk.take(session, talk.id, staff_id=NURSE, now=town.clock.now())
    verdict = await town.asks(talk, purpose, who)
    assert (verdict.send, verdict.reason) == (False, "person_talks")
    assert verdict.until == town.clock.now() + timedelta(minutes=10)
    assert (await town.asks(talk, "service_notice", who, reply=BOOKED)).send, (
        "a closed clinic is told at once"
    )
