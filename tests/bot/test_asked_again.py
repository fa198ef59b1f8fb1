"""A question that was interrupted is asked again as what it was: under its own name, with its own rank among questions."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

from bot.worker import InboxWorker
from channels.inbox.service import Inbox
from channels.questions import service as questions
from channels.questions.ranks import Rank, rank_of
from channels.reply import Reply
from store.clock import VirtualClock
from store.database import Database
from store.ids import new_id
from tests.factories.messages import YES_NO, conversation, inbound, keys, said, say

REMINDER = Reply("reminder.tomorrow", {}, YES_NO)
DANGER = "胸口剧痛喘不上气，不行了"


async def settle(worker: InboxWorker) -> None:
    while await worker.run_once():
        pass


async def test_after_a_false_alarm_a_reminder_is_a_reminder_again(
    inbox: Inbox, database: Database, clock: VirtualClock, worker: Callable[..., InboxWorker]
) -> None:
    _, talk = await conversation(database, clock)
    earlier, instance = new_id(), f"reminder:{new_id()}"
    await say(database, clock, talk, REMINDER, instance=instance, resumes=earlier)
    await inbox.accept([inbound(DANGER)])
    await settle(worker())
    await inbox.accept([inbound("误报")])
    await settle(worker())
    assert keys(await said(database))[-2:] == ["safety.false_alarm", REMINDER.key]
    async with database.read() as session:
        again = await questions.current(session, talk.id, clock.now())
    assert again is not None
    assert (again.instance, rank_of(again.instance)) == (instance, Rank.CONFIRMATION)
    assert again.resumes == earlier


async def test_what_is_over_by_then_is_not_asked_again(
    inbox: Inbox, database: Database, clock: VirtualClock, worker: Callable[..., InboxWorker]
) -> None:
    _, talk = await conversation(database, clock)
    await say(database, clock, talk, REMINDER)
    clock.advance(timedelta(hours=47))
    await inbox.accept([inbound(DANGER)])
    await settle(worker())
    clock.advance(timedelta(hours=2))
    await inbox.accept([inbound("误报")])
    await settle(worker())
    assert keys(await said(database))[-1] == "safety.false_alarm"
