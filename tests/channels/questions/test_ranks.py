"""One numbered question a conversation: what is pushed waits for its turn, and asks when it leaves."""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

import pytest

from channels.contacts.models import Conversation
from channels.outbox import service as outbox
from channels.outbox.models import OutboundMessage
from channels.questions import service as questions
from channels.questions.models import OpenQuestion
from channels.questions.ranks import (
    BETWEEN_CONFIRMATIONS,
    HURRIED,
    IN_HAND,
    LIFETIME,
    SHOWN,
    Rank,
    kept,
    rank_of,
)
from channels.reply import Option, Reply
from store.clock import VirtualClock
from store.database import Database
from tests.factories.messages import SMS, YES_NO, conversation


@pytest.mark.parametrize(
    ("instance", "rank"),
    [
        ("alert:018f", Rank.SAFETY),
        ("holder.ask", Rank.HOLDER),
        ("reminder:018f", Rank.CONFIRMATION),
        ("cancel.sure", Rank.CONFIRMATION),
        ("plan.leave_sure", Rank.CONFIRMATION),
        ("booking.when", Rank.DIALOGUE),
        ("survey.item", Rank.SURVEY),
        ("plan:7", Rank.SURVEY),
    ],
)
def test_what_asked_says_its_rank(instance: str, rank: Rank) -> None:
    assert rank_of(instance) is rank


@pytest.mark.parametrize(
    ("standing", "coming", "time"),
    [
        (Rank.CONFIRMATION, Rank.SURVEY, LIFETIME),
        (Rank.CONFIRMATION, Rank.DIALOGUE, LIFETIME),
        (Rank.CONFIRMATION, Rank.CONFIRMATION, BETWEEN_CONFIRMATIONS),
        (Rank.CONFIRMATION, Rank.HOLDER, timedelta(0)),
        (Rank.HOLDER, Rank.CONFIRMATION, LIFETIME),
        (Rank.HOLDER, Rank.SAFETY, timedelta(0)),
        (Rank.SAFETY, Rank.CONFIRMATION, BETWEEN_CONFIRMATIONS),
        (Rank.DIALOGUE, Rank.CONFIRMATION, IN_HAND),
        (Rank.DIALOGUE, Rank.SURVEY, IN_HAND),
        (Rank.SURVEY, Rank.CONFIRMATION, IN_HAND),
        (Rank.SURVEY, Rank.SURVEY, LIFETIME),
    ],
)
def test_how_long_a_question_is_left_alone(standing: Rank, coming: Rank, time: timedelta) -> None:
    assert kept(standing, coming) == time


async def push(
    database: Database,
    clock: VirtualClock,
    talk: Conversation,
    instance: str,
    due: datetime | None = None,
    expires: datetime | None = None,
    key: str = "",
) -> OutboundMessage:
    async with database.write() as session:
        row = await outbox.enqueue(
            session,
            talk,
            Reply("a.ask", {}, YES_NO),
            dedup_key=key or instance,
            purpose="survey" if instance.startswith("survey") else "service_notice",
            now=clock.now(),
            due_at=due,
            instance=instance,
            expires_at=expires,
        )
    assert row is not None
    return row


async def send(database: Database, clock: VirtualClock, *rows: OutboundMessage) -> dict[UUID, datetime]:
    async with database.write() as session:
        found = [await session.get(OutboundMessage, row.id) for row in rows]
        return await questions.on_sending(session, [row for row in found if row is not None], clock.now())


async def current(database: Database, clock: VirtualClock, talk: Conversation) -> OpenQuestion | None:
    async with database.read() as session:
        return await questions.current(session, talk.id, clock.now())


async def instance(database: Database, clock: VirtualClock, talk: Conversation) -> str | None:
    found = await current(database, clock, talk)
    return found.instance if found else None


async def test_a_push_dated_ahead_asks_when_it_is_sent(database: Database, clock: VirtualClock) -> None:
    _, talk = await conversation(database, clock, SMS)
    row = await push(database, clock, talk, "reminder:1", clock.now() + timedelta(days=3))
    assert await current(database, clock, talk) is None
    clock.advance(timedelta(days=3))
    assert await send(database, clock, row) == {}
    asked = await current(database, clock, talk)
    assert asked is not None
    assert (asked.id, asked.opened_at, asked.expires_at) == (
        row.question_id,
        clock.now(),
        clock.now() + LIFETIME,
    )
    assert await send(database, clock, row) == {}, "tried again, it is open already"


async def test_a_survey_does_not_displace_a_confirmation(database: Database, clock: VirtualClock) -> None:
    _, talk = await conversation(database, clock, SMS)
    reminder, survey = [await push(database, clock, talk, one) for one in ("reminder:1", "survey:1")]
    await send(database, clock, reminder)
    asked = await current(database, clock, talk)
    assert asked is not None
    clock.advance(timedelta(hours=30))
    assert await send(database, clock, survey) == {survey.id: asked.expires_at}
    assert await instance(database, clock, talk) == "reminder:1"
    async with database.write() as session:  # as the claim does
        held = await session.get(OutboundMessage, survey.id)
        assert held is not None
        held.due_at, held.reason = asked.expires_at, questions.WAITS
    async with database.write() as session:
        await questions.close(session, asked.id, clock.now())
    async with database.read() as session:
        held = await session.get(OutboundMessage, survey.id)
    assert held is not None
    assert held.due_at == clock.now(), "due as soon as the confirmation is answered"
    assert await send(database, clock, survey) == {}
    assert await instance(database, clock, talk) == "survey:1"


async def test_two_confirmations_come_one_after_the_other(database: Database, clock: VirtualClock) -> None:
    _, talk = await conversation(database, clock, SMS)
    first, second = [await push(database, clock, talk, one) for one in ("reminder:1", "reminder:2")]
    later = await send(database, clock, first, second)
    assert later == {second.id: clock.now() + BETWEEN_CONFIRMATIONS}
    clock.advance(BETWEEN_CONFIRMATIONS)
    assert await send(database, clock, second) == {}
    assert await instance(database, clock, talk) == "reminder:2"
    async with database.read() as session:
        before = await questions.latest(session, talk.id, "reminder:1")
    assert before is not None
    assert before.status == "superseded"


@pytest.mark.parametrize("what", ["questionnaire:1", "reminder:1"])
async def test_a_reminder_does_not_wait_for_what_it_reminds_of(
    database: Database, clock: VirtualClock, what: str
) -> None:
    _, talk = await conversation(database, clock, SMS)
    invitation = await push(database, clock, talk, what)
    assert await send(database, clock, invitation) == {}
    clock.advance(timedelta(minutes=5))
    reminder = await push(database, clock, talk, what, key="reminder")
    assert await send(database, clock, reminder) == {}
    asked = await current(database, clock, talk)
    assert asked is not None
    assert (asked.id, asked.opened_at, asked.resumes) == (reminder.question_id, clock.now(), None)


async def test_two_things_of_one_kind_are_not_one_asked_again(
    database: Database, clock: VirtualClock
) -> None:
    _, talk = await conversation(database, clock, SMS)
    first, second = [await push(database, clock, talk, "survey", key=key) for key in ("a", "b")]
    later = await send(database, clock, first, second)
    assert later == {second.id: clock.now() + LIFETIME}


async def test_a_push_leaves_a_dialogue_alone_while_it_goes_on(
    database: Database, clock: VirtualClock
) -> None:
    _, talk = await conversation(database, clock, SMS)
    async with database.write() as session:
        step = await questions.open_question(
            session,
            conversation_id=talk.id,
            instance="booking.when",
            reply=Reply("booking.when", {}, YES_NO),
            now=clock.now(),
        )
    reminder = await push(database, clock, talk, "reminder:1")
    assert await send(database, clock, reminder) == {reminder.id: clock.now() + IN_HAND}
    clock.advance(IN_HAND)
    assert await send(database, clock, reminder) == {}
    asked = await current(database, clock, talk)
    assert asked is not None
    assert (asked.instance, asked.resumes) == ("reminder:1", step.id)


async def test_ways_on_under_an_answer_are_no_dialogue(database: Database, clock: VirtualClock) -> None:
    """候补 joined with its way out beside it: the place that is free a moment later must not wait until its offer is over."""
    _, talk = await conversation(database, clock, SMS)
    async with database.write() as session:
        await questions.open_question(
            session,
            conversation_id=talk.id,
            instance="waitlist.joined",
            reply=Reply("waitlist.joined", {}, (Option("leave", "不候补了", "book_appointment"),)),
            now=clock.now(),
        )
    offer = await push(database, clock, talk, "waitlist:1")
    assert await send(database, clock, offer) == {offer.id: clock.now() + SHOWN}
    clock.advance(SHOWN)
    assert await send(database, clock, offer) == {}
    assert await instance(database, clock, talk) == "waitlist:1"


async def test_what_is_asked_back_is_no_way_on(database: Database, clock: VirtualClock) -> None:
    """退出随访计划 asked back: the 2 that means "pause" must not meet a reminder whose 2 cancels a visit."""
    _, talk = await conversation(database, clock, SMS)
    async with database.write() as session:
        await questions.open_question(
            session,
            conversation_id=talk.id,
            instance="plan.leave_sure",
            reply=Reply(
                "plan.leave_sure", {}, (Option("leave", "退出", "aside"), Option("hold", "停", "aside"))
            ),
            now=clock.now(),
        )
    reminder = await push(database, clock, talk, "reminder:1")
    clock.advance(SHOWN)
    assert reminder.id in await send(database, clock, reminder)
    assert await instance(database, clock, talk) == "plan.leave_sure"


async def test_what_would_be_over_by_then_waits_for_a_dialogue_five_minutes(
    database: Database, clock: VirtualClock
) -> None:
    _, talk = await conversation(database, clock, SMS)
    async with database.write() as session:
        await questions.open_question(
            session,
            conversation_id=talk.id,
            instance="booking.when",
            reply=Reply("booking.when", {}, YES_NO),
            now=clock.now(),
        )
    offer = await push(database, clock, talk, "waitlist:1", expires=clock.now() + IN_HAND)
    assert await send(database, clock, offer) == {offer.id: clock.now() + HURRIED}
    clock.advance(HURRIED)
    assert await send(database, clock, offer) == {}


async def test_an_answer_with_options_takes_any_place(database: Database, clock: VirtualClock) -> None:
    _, talk = await conversation(database, clock, SMS)
    await send(database, clock, await push(database, clock, talk, "reminder:1"))
    async with database.write() as session:
        await outbox.enqueue(
            session,
            talk,
            Reply("booking.when", {}, YES_NO),
            dedup_key="reply:1:0",
            purpose="reply",
            now=clock.now(),
        )
    assert await instance(database, clock, talk) == "booking.when"
