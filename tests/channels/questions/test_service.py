"""One open question a conversation: the newest, until it is answered or runs out."""

from __future__ import annotations

from datetime import timedelta

from channels.contacts.models import Conversation
from channels.questions import service as questions
from channels.questions.models import OpenQuestion
from channels.questions.ranks import LIFETIME
from channels.reply import Reply
from store.clock import VirtualClock
from store.database import Database
from store.ids import new_id
from tests.factories.messages import SMS, YES_NO, conversation


async def ask(
    database: Database, clock: VirtualClock, talk: Conversation, instance: str, **values: object
) -> OpenQuestion:
    async with database.write() as session:
        return await questions.open_question(
            session,
            conversation_id=talk.id,
            instance=instance,
            reply=Reply("a.ask", {"n": 1}, YES_NO),
            now=clock.now(),
            **values,  # type: ignore[arg-type]
        )


async def current(database: Database, clock: VirtualClock, talk: Conversation) -> str | None:
    async with database.read() as session:
        found = await questions.current(session, talk.id, clock.now())
        return found.instance if found else None


async def test_the_newest_question_is_the_open_one(database: Database, clock: VirtualClock) -> None:
    _, talk = await conversation(database, clock)
    assert await current(database, clock, talk) is None
    first = await ask(database, clock, talk, "booking:slot")
    second = await ask(database, clock, talk, "survey:1", resumes=first.id)
    assert await current(database, clock, talk) == "survey:1"
    assert second.resumes == first.id
    async with database.read() as session:
        before = await questions.get(session, talk.id, first.id)
    assert before is not None
    assert (before.status, before.closed_at) == ("superseded", clock.now())
    assert questions.options_of(before) == YES_NO


async def test_an_answered_question_is_closed_once(database: Database, clock: VirtualClock) -> None:
    _, talk = await conversation(database, clock)
    asked = await ask(database, clock, talk, "booking:slot")
    async with database.write() as session:
        await questions.close(session, asked.id, clock.now())
        await questions.close(session, asked.id, clock.now(), "expired")
    assert await current(database, clock, talk) is None
    async with database.read() as session:
        found = await questions.get(session, talk.id, asked.id)
    assert found is not None
    assert found.status == "answered"


async def test_a_question_runs_out(database: Database, clock: VirtualClock) -> None:
    _, talk = await conversation(database, clock)
    await ask(database, clock, talk, "short", expires=timedelta(minutes=5))
    clock.advance(timedelta(minutes=4, seconds=59))
    assert await current(database, clock, talk) == "short"
    clock.advance(timedelta(seconds=1))
    assert await current(database, clock, talk) is None
    await ask(database, clock, talk, "long")
    clock.advance(LIFETIME - timedelta(seconds=1))
    assert await current(database, clock, talk) == "long"


async def test_conversations_do_not_see_each_others_questions(
    database: Database, clock: VirtualClock
) -> None:
    _, one = await conversation(database, clock)
    _, two = await conversation(database, clock, SMS)
    asked = await ask(database, clock, one, "one")
    await ask(database, clock, two, "two")
    assert await current(database, clock, one) == "one"
    async with database.read() as session:
        assert await questions.get(session, two.id, asked.id) is None
        assert await questions.get(session, one.id, new_id()) is None
        both = await questions.current_of(session, [one.id, two.id, new_id()], clock.now())
    assert {key: found.instance for key, found in both.items()} == {one.id: "one", two.id: "two"}
