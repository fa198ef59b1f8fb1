"""What staff published for an account is said at its place in the order; a scanned binding token never reaches the engine."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any, cast

import pytest

from bot.conversation import ConversationHandler
from bot.plan import Plan, State
from bot.ports import InCharge
from bot.worker import InboxWorker
from channels.contacts.models import Contact
from channels.inbox.models import InboundMessage
from channels.inbox.service import Inbox
from channels.questions.models import OpenQuestion
from channels.reply import Option, Reply
from store.clock import VirtualClock
from store.crypto import Keyring
from store.database import Database
from store.ids import new_id
from tests.factories.engine import EngineSurface
from tests.factories.messages import inbound, keys, received, said

SCENE = "bd_" + "A" * 32
ASKED = Reply("survey.item", {"n": 1}, (Option("1", "好"), Option("2", "不好")))


class Written:
    """What staff wrote: one welcome text, one keyword."""

    def welcome(self, account_id: str) -> str | None:
        return "欢迎来到云江" if account_id == "hospital" else None

    def keyword_reply(self, account_id: str, text: str) -> str | None:
        return (
            "停车场在门诊楼北侧"
            if (account_id == "hospital" and "停车" in text) or text in ("胸口疼", "退订", "1")
            else None
        )


@pytest.fixture
def handler(clock: VirtualClock, keyring: Keyring) -> ConversationHandler:
    nothing = cast("Any", None)
    return ConversationHandler(nothing, clock, nothing, nothing, console=Written())


def decide(handler: ConversationHandler, text: str = "", state: State | None = None, **values: Any) -> Plan:
    given: dict[str, Any] = {"kind": "text", "event": "", "event_key": "", "option_ref": "", "text": text}
    account = {"channel": "wechat", "account_id": "hospital", "status": "active", **values.pop("contact", {})}
    message = InboundMessage(**{**given, **values})
    return handler.decide(message, Contact(**account), state or State(None, None, None, True))


def question(clock: VirtualClock) -> OpenQuestion:
    now = clock.now()
    return OpenQuestion(
        conversation_id=new_id(),
        instance="survey:1",
        reply=ASKED.to_json(),
        status="open",
        opened_at=now,
        expires_at=now + timedelta(hours=1),
    )


def said_by(plan: Plan) -> list[str]:
    return [reply.key for reply in plan.replies]


def test_a_keyword_is_answered_before_the_engine(handler: ConversationHandler) -> None:
    plan = decide(handler, "停车场在哪儿呀")
    assert (said_by(plan), plan.engine, plan.resolved) == (["console.keyword"], None, "keyword")
    assert plan.replies[0].params == {"text": "停车场在门诊楼北侧"}
    assert decide(handler, "几点上班").engine is not None


def test_safety_and_leaving_come_before_keywords(handler: ConversationHandler, clock: VirtualClock) -> None:
    assert decide(handler, "胸口压着疼喘不上气，停车在哪").alert == "emergency"
    assert decide(handler, "退订").opt == "content"
    taken = State(None, None, InCharge("taken"), True)
    assert decide(handler, "停车", taken).to_desk == "message"
    asked = question(clock)
    assert decide(handler, "1", State(asked, None, None, True)).closes == asked.id


def test_an_open_question_is_asked_again_behind_a_keyword(
    handler: ConversationHandler, clock: VirtualClock
) -> None:
    plan = decide(handler, "停车", State(question(clock), None, None, True))
    assert said_by(plan) == ["console.keyword"] and plan.reask


def test_the_published_welcome_greets_with_the_usual_options(handler: ConversationHandler) -> None:
    [greeting] = decide(handler, kind="event", event="subscribe").replies
    assert (greeting.key, greeting.params) == ("console.welcome", {"text": "欢迎来到云江"})
    assert len(greeting.options) == 4
    [own] = decide(handler, kind="event", event="subscribe", contact={"account_id": "clinic"}).replies
    assert own.key == "smalltalk.welcome"


def test_on_sms_nothing_of_it_is_said(handler: ConversationHandler) -> None:
    assert decide(handler, "停车", contact={"channel": "sms"}).engine is not None


@pytest.mark.parametrize("event", ["subscribe", "scan"])
def test_a_binding_code_leads_to_the_binding(handler: ConversationHandler, event: str) -> None:
    plan = decide(handler, kind="event", event=event, event_key=SCENE)
    assert plan.engine == ("/bind_patient", {"params": {"qr": True}, "text": ""})
    assert plan.forgets_key and SCENE not in plan.resolved
    assert said_by(plan) == (["console.welcome"] if event == "subscribe" else [])
    assert not any(reply.options for reply in plan.replies), "one question at a time"


def test_other_codes_only_greet(handler: ConversationHandler) -> None:
    plan = decide(handler, kind="event", event="subscribe", event_key="poster-eye")
    assert said_by(plan) == ["console.welcome"] and plan.engine is None and not plan.forgets_key
    assert decide(handler, kind="event", event="scan", event_key="poster-eye").replies == []


async def test_the_token_is_blanked_when_it_has_done_its_work(
    inbox: Inbox, database: Database, worker: Callable[..., InboxWorker], engine: EngineSurface
) -> None:
    await inbox.accept([inbound("", kind="event", event="scan", event_key=SCENE)])
    assert (await received(database))[0].event_key == SCENE
    while await worker().run_once():
        pass
    [row] = await received(database)
    assert (row.status, row.event_key) == ("handled", "")
    assert SCENE not in repr(engine.asked)
    assert keys(await said(database)) == ["faq.answer"]
