"""Two requests in one message: which half goes first, one answer of both, each given once."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from uuid import UUID

import pytest

from bot.engine_client import EngineAnswer, Understood
from bot.two_requests import Halves, aside_id, plan, together
from bot.worker import InboxWorker
from channels.inbox.service import Inbox
from channels.reply import Option, Reply
from store.clock import VirtualClock
from store.database import Database
from tests.factories.engine import EngineSurface
from tests.factories.messages import inbound, keys, said

BOOK, FAQ, LOW = Understood("book_appointment", 0.9), Understood("ask_faq", 0.9), Understood("ask_faq", 0.4)
CANCEL, INFORM = Understood("cancel_appointment", 0.9), Understood("inform", 0.5)
WORD, MARK = "约眼科，另外停车怎么收费", "约眼科？停车怎么收费"
HALVES = ("约眼科", "停车怎么收费")
WHEN = Reply("booking.when", {}, (Option("s1", "周二上午"),))
PARKING = Reply("faq.answer", {"answer": "东门"})


@pytest.mark.parametrize(
    ("heard", "in_form", "wanted"),
    [
        ([BOOK, FAQ], False, Halves("约眼科", aside="停车怎么收费")),
        ([FAQ, BOOK], False, Halves("停车怎么收费", aside="约眼科")),
        ([FAQ, FAQ], False, Halves("停车怎么收费", aside="约眼科")),
        ([BOOK, CANCEL], False, Halves("约眼科", later="停车怎么收费")),
        ([BOOK, BOOK], False, None),
        ([BOOK, LOW], False, None),
        ([INFORM, FAQ], False, None),
        ([INFORM, FAQ], True, Halves("约眼科", aside="停车怎么收费")),
        ([INFORM, INFORM], True, None),
    ],
)
def test_which_half_goes_first(heard: list[Understood], in_form: bool, wanted: Halves | None) -> None:
    if wanted is not None and heard == [FAQ, BOOK]:
        wanted = Halves(HALVES[1], aside=HALVES[0])
    assert plan(WORD, HALVES, heard, in_form=in_form) == wanted


def test_a_mark_alone_needs_more_confidence() -> None:
    heard = [Understood("book_appointment", 0.7), Understood("ask_faq", 0.7)]
    assert plan(WORD, HALVES, heard, in_form=False) is not None
    assert plan(MARK, HALVES, heard, in_form=False) is None


def answer(*replies: Reply, intent: str = "book_appointment") -> EngineAnswer:
    return EngineAnswer(intent, 0.9, replies)


def test_the_question_is_answered_and_the_form_asks_once() -> None:
    halves = Halves("约眼科", aside="停车怎么收费")
    whole = together(halves, answer(WHEN), answer(PARKING, WHEN), None)
    assert [reply.key for reply in whole.replies] == ["faq.answer", "booking.when"]
    assert whole.intent == "book_appointment"


def test_a_question_without_an_answer_is_not_forgotten() -> None:
    halves = Halves("约眼科", aside="停车怎么收费")
    unsure = Reply("unsure.offer", {}, (Option("a", "a"),))
    for aside in (answer(unsure), None):
        whole = together(halves, answer(WHEN), aside, None)
        assert [reply.key for reply in whole.replies] == ["common.one_by_one", "booking.when"]
        assert whole.replies[0].params == {"request": "停车怎么收费"}


def test_of_two_wishes_the_second_is_asked_for_again() -> None:
    whole = together(Halves("约眼科", later="取消骨科的号"), answer(WHEN), None, None)
    assert [reply.key for reply in whole.replies] == ["common.one_by_one", "booking.when"]


async def test_both_are_given_once_under_ids_of_their_own(
    database: Database, inbox: Inbox, engine: EngineSurface, worker: Callable[..., InboxWorker]
) -> None:
    engine.heard = {"周三下午约眼科": ("book_appointment", 0.9), "停车怎么收费": ("ask_faq", 0.9)}
    engine.when = {
        "停车怎么收费": {"intent": "ask_faq", "confidence": 0.9, "replies": [PARKING.to_json()]},
        "周三下午约眼科": {"intent": "book_appointment", "confidence": 0.9, "replies": [WHEN.to_json()]},
    }
    await inbox.accept([inbound("周三下午约眼科，另外停车怎么收费")])
    await worker().run_once()
    assert engine.texts == ["停车怎么收费", "周三下午约眼科"]
    aside, main = (UUID(body["metadata"]["inbound_id"]) for body in engine.asked)
    assert aside == aside_id(main)
    assert keys(await said(database)) == ["faq.answer", "booking.when"]


async def test_an_engine_that_fails_between_is_asked_again_under_the_same_ids(
    database: Database,
    inbox: Inbox,
    engine: EngineSurface,
    worker: Callable[..., InboxWorker],
    clock: VirtualClock,
) -> None:
    engine.heard = {"周三下午约眼科": ("book_appointment", 0.9), "停车怎么收费": ("ask_faq", 0.9)}
    engine.when = {
        "停车怎么收费": {"intent": "ask_faq", "confidence": 0.9, "replies": [PARKING.to_json()]},
        "周三下午约眼科": 500,
    }
    await inbox.accept([inbound("周三下午约眼科，另外停车怎么收费")])
    await worker().run_once()
    engine.when["周三下午约眼科"] = {
        "intent": "book_appointment",
        "confidence": 0.9,
        "replies": [WHEN.to_json()],
    }
    clock.advance(timedelta(seconds=30))
    await worker().run_once()
    assert engine.texts == ["停车怎么收费", "周三下午约眼科"] * 2
    ids = [body["metadata"]["inbound_id"] for body in engine.asked]
    assert ids[:2] == ids[2:]
    assert [body["retry"] for body in engine.asked] == [False, False, True, True]
    assert keys(await said(database)) == ["common.please_wait", "faq.answer", "booking.when"]
