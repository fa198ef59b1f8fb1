"""What is to be done with a message: one table a rule, no engine and no database."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, cast
from uuid import UUID

import pytest

from bot.alarms import FALSE_ALARM
from bot.conversation import ConversationHandler
from bot.plan import ENGINE_TEXT, Plan, State, engine_text
from bot.ports import InCharge
from bot.shortcuts import opt_word
from channels.contacts.models import Contact
from channels.inbox.models import InboundMessage
from channels.questions import holder
from channels.questions.models import OpenQuestion
from channels.reply import Option, Reply
from store.clock import VirtualClock
from store.crypto import Keyring
from store.ids import new_id

BOOKING = Reply(
    "booking.choose_slot",
    {},
    (
        Option("s1", "周二上午9:00", "choose", {"answer": "s1"}),
        Option("s2", "周二下午2:00", "choose", {"answer": "s2"}),
        Option("human", "找人工", "request_human"),
    ),
)


@pytest.fixture
def handler(clock: VirtualClock, keyring: Keyring) -> ConversationHandler:
    nothing = cast("Any", None)
    return ConversationHandler(nothing, clock, nothing, nothing)


@pytest.fixture
def asked(clock: VirtualClock, keyring: Keyring) -> OpenQuestion:
    return question(clock, BOOKING)


def question(clock: VirtualClock, reply: Reply, **values: Any) -> OpenQuestion:
    given: dict[str, Any] = {
        "conversation_id": new_id(),
        "instance": "booking:slot",
        "reply": reply.to_json(),
        "status": "open",
        "opened_at": clock.now(),
        "expires_at": clock.now() + timedelta(hours=48),
    }
    return OpenQuestion(**{**given, **values})


def message(text: str = "", **values: Any) -> InboundMessage:
    given: dict[str, Any] = {"kind": "text", "event": "", "event_key": "", "option_ref": "", "text": text}
    return InboundMessage(**{**given, **values})


def state(
    asked: OpenQuestion | None = None,
    tapped: OpenQuestion | None = None,
    charge: Any = None,
    duty: bool = True,
) -> State:
    return State(asked, tapped, InCharge(charge) if charge else None, duty)


def decide(handler: ConversationHandler, said: InboundMessage, found: State) -> Plan:
    contact = Contact(
        channel="wechat", account_id="hospital", address="o1", address_hash="h", status="active"
    )
    return handler.decide(said, contact, found)


def keys(plan: Plan) -> list[str]:
    return [reply.key for reply in plan.replies]


@pytest.mark.parametrize("charge", [None, "waiting", "taken"])
@pytest.mark.parametrize("in_a_question", [True, False])
@pytest.mark.parametrize(
    ("text", "verdict", "key"),
    [
        ("我爸突然胸口剧痛，喘不上气，出冷汗", "emergency", "safety.emergency"),
        ("1，我妈晕倒了叫不醒", "emergency", "safety.emergency"),
        ("不想活了，药都准备好了", "crisis", "safety.crisis_on_duty"),
    ],
)
def test_danger_comes_before_everything(
    handler: ConversationHandler,
    asked: OpenQuestion,
    text: str,
    verdict: str,
    key: str,
    in_a_question: bool,
    charge: str | None,
) -> None:
    plan = decide(handler, message(text), state(asked if in_a_question else None, charge=charge))
    assert (plan.alert, plan.screen, keys(plan)) == (verdict, verdict, [key])
    assert plan.engine is None
    assert plan.closes is None


def test_danger_at_the_end_of_a_long_text_is_heard(handler: ConversationHandler) -> None:
    long = "今天天气不错，我想问一下停车的事情。" * 270
    plan = decide(handler, message(long + "我爸突然胸口剧痛喘不上气"), state())
    assert plan.alert == "emergency"


def test_in_a_crisis_a_nurse_is_offered_only_when_one_is_there(handler: ConversationHandler) -> None:
    plan = decide(handler, message("不想活了"), state(duty=False))
    assert keys(plan) == ["safety.crisis"]
    assert plan.replies[0].options == ()
    plan = decide(handler, message("不想活了"), state(duty=True))
    assert [option.intent for option in plan.replies[0].options] == ["request_human", "_later"]


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("退订", "content"),
        ("退订。", "content"),
        (" TD ", "content"),
        ("R", "content"),
        ("拒收请回复R", "content"),
        ("全部退订", "all"),
        ("恢复", "resume"),
    ],
)
def test_opt_out_words_work_in_every_state(
    handler: ConversationHandler, asked: OpenQuestion, text: str, word: str
) -> None:
    for found in (state(), state(asked), state(asked, charge="taken")):
        plan = decide(handler, message(text), found)
        assert (plan.opt, keys(plan), plan.engine) == (word, [f"consent.{word}"], None)


REMINDER = Reply(
    "reminder.appointment",
    {},
    (
        Option("confirm", "确认", "_confirm", {"appointment_id": "0" * 32}),
        Option("cancel", "取消", "cancel_appointment", {"appointment_id": "0" * 32}),
        Option("move", "改期", "reschedule_appointment", {"appointment_id": "0" * 32}),
    ),
)


@pytest.mark.parametrize("text", ["取消", "N", "n", "T", "取消。", "２"])
def test_a_refusal_answers_the_reminder_that_is_open(
    handler: ConversationHandler, clock: VirtualClock, text: str
) -> None:
    open_reminder = question(clock, REMINDER, instance="reminder:1")
    plan = decide(handler, message(text), state(open_reminder))
    assert plan.engine == ("/cancel_appointment", {"params": {"appointment_id": "0" * 32}, "text": ""})
    assert (plan.closes, plan.opt) == (open_reminder.id, None)


@pytest.mark.parametrize("text", ["取消", "N", "T"])
def test_without_a_question_a_refusal_means_the_coming_appointment(
    handler: ConversationHandler, clock: VirtualClock, text: str
) -> None:
    coming = new_id()
    found = state()
    found.coming = coming
    plan = decide(handler, message(text), found)
    assert (plan.engine, plan.opt) == (("/cancel_appointment", {"params": {}, "text": ""}), None)
    found.reminder = question(clock, REMINDER, status="expired")
    plan = decide(handler, message(text), found)
    assert plan.engine is not None
    assert (plan.engine[0], set(plan.engine[1]["params"])) == ("/cancel_appointment", {"appointment_id"})


@pytest.mark.parametrize(("text", "intent"), [("2", "/cancel_appointment"), ("3", "/reschedule_appointment")])
def test_a_late_digit_answers_the_reminder_of_what_is_still_to_come(
    handler: ConversationHandler, clock: VirtualClock, text: str, intent: str
) -> None:
    found = state()
    found.coming, found.reminder = new_id(), question(clock, REMINDER, status="expired")
    plan = decide(handler, message(text), found)
    assert plan.engine is not None
    assert plan.engine[0] == intent
    found.reminder = None
    assert keys(decide(handler, message(text), found)) == ["smalltalk.number_without_question"]


def test_a_t_opts_out_only_where_it_answers_nothing(
    handler: ConversationHandler, asked: OpenQuestion, clock: VirtualClock
) -> None:
    for found in (state(), state(charge="taken")):
        plan = decide(handler, message("T"), found)
        assert (plan.opt, keys(plan), plan.engine) == ("content", ["consent.content"], None)
    plan = decide(handler, message("T"), state(asked))
    assert (plan.opt, plan.engine) == (None, ("t", {"text": "t"}))
    for word in ("TD", "R", "退订"):
        found = state(question(clock, REMINDER))
        found.coming = new_id()
        assert decide(handler, message(word), found).opt == "content"


def test_n_takes_the_option_that_says_no(handler: ConversationHandler, clock: VirtualClock) -> None:
    sure = Reply(
        "cancel.sure",
        {},
        (
            Option("keep", "保留", "choose", {"answer": "keep"}),
            Option("cancel", "确认取消", "choose", {"answer": "cancel"}, digit=8),
        ),
    )
    plan = decide(handler, message("N"), state(question(clock, sure)))
    assert plan.engine == ("/choose", {"params": {"answer": "keep"}, "text": ""})
    for text, answer in (("8", "cancel"), ("1", "keep")):
        plan = decide(handler, message(text), state(question(clock, sure)))
        assert plan.engine == ("/choose", {"params": {"answer": answer}, "text": ""})
    for text in ("2", "取消", "t"):
        plan = decide(handler, message(text), state(question(clock, sure)))
        assert plan.engine == (text, {"text": text}), "the digit that led here, said again, does nothing"
        assert plan.closes is None


def test_danger_comes_before_an_opt_out(handler: ConversationHandler, clock: VirtualClock) -> None:
    plan = decide(handler, message("退订 我爸突然胸口剧痛喘不上气"), state(question(clock, REMINDER)))
    assert (plan.alert, plan.opt) == ("emergency", None)


def test_who_answers_is_kept_and_the_wish_goes_on(handler: ConversationHandler, clock: VirtualClock) -> None:
    wish = {"text": "查预约", "plain": "查预约", "params": {}}
    who = question(clock, holder.question(wish), instance=holder.INSTANCE)
    plan = decide(handler, message("2"), state(who))
    assert plan.holder == "family"
    assert plan.engine == ("查预约", {"params": {}, "text": "查预约", "holder": "family"})
    plan = decide(handler, message("打错了"), state(who))
    assert (plan.holder, plan.engine) == ("wrong", None)
    plan = decide(handler, message("停车怎么收费"), state(who))
    assert (plan.holder, plan.closes) == (None, None), "what is not personal is answered without it"


@pytest.mark.parametrize(
    "text", ["取消", "N", "n", "我想退订报告", "退订单", "不退订", "恢复得怎么样", "停车", "TT"]
)
def test_what_only_looks_like_it_is_no_opt_out(text: str) -> None:
    assert opt_word(text) is None


@pytest.mark.parametrize("text", ["0", " 0。", "０", "回0"])
def test_nought_is_a_person_whether_asked_or_not(
    handler: ConversationHandler, asked: OpenQuestion, text: str
) -> None:
    for found in (state(), state(asked)):
        plan = decide(handler, message(text), found)
        assert plan.engine is not None
        assert plan.engine[0] == "/request_human"
        assert plan.closes is None


def test_a_digit_or_a_label_answers_the_open_question(
    handler: ConversationHandler, asked: OpenQuestion
) -> None:
    for text in ("2", "第二个", "周二下午2:00"):
        plan = decide(handler, message(text), state(asked))
        assert plan.engine == ("/choose", {"params": {"answer": "s2"}, "text": ""})
        assert (plan.closes, plan.resolved) == (asked.id, "booking:slot:s2")


def test_a_number_that_was_not_offered_or_asked_for(
    handler: ConversationHandler, asked: OpenQuestion
) -> None:
    plan = decide(handler, message("9"), state(asked))
    assert plan.engine == ("9", {"text": "9"})
    assert plan.closes is None
    plan = decide(handler, message("9"), state())
    assert (keys(plan), plan.engine) == (["smalltalk.number_without_question"], None)


def test_a_tap_answers_its_own_question(handler: ConversationHandler, asked: OpenQuestion) -> None:
    plan = decide(handler, message("周二上午9:00", option_ref=f"{asked.id}:s1"), state(asked, asked))
    assert plan.engine == ("/choose", {"params": {"answer": "s1"}, "text": ""})
    assert plan.closes == asked.id


@pytest.mark.parametrize(
    "values", [{"status": "superseded"}, {"status": "answered"}, {"expires_at": "now"}, {"status": "expired"}]
)
def test_a_tap_on_an_old_menu_changes_nothing_and_asks_again(
    handler: ConversationHandler, asked: OpenQuestion, clock: VirtualClock, values: dict[str, Any]
) -> None:
    if values.get("expires_at") == "now":
        values = {"expires_at": clock.now()}
    old = question(clock, BOOKING, **values, closed_at=clock.now() - timedelta(hours=1))
    plan = decide(handler, message("x", option_ref=f"{old.id}:s1"), state(asked, old))
    assert (keys(plan), plan.reask, plan.engine, plan.closes) == (
        ["smalltalk.stale_choice"],
        True,
        None,
        None,
    )
    plan = decide(handler, message("x", option_ref=f"{old.id}:s1"), state(None, old))
    assert not plan.reask


def test_the_same_tap_twice_is_told_so_and_changes_nothing(
    handler: ConversationHandler, clock: VirtualClock
) -> None:
    old = question(clock, BOOKING, status="answered", closed_at=clock.now() - timedelta(seconds=3))
    plan = decide(handler, message("x", option_ref=f"{old.id}:s1"), state(None, old))
    assert (keys(plan), plan.reask, plan.engine) == (["smalltalk.chosen_already"], False, None)


@pytest.mark.parametrize("status", ["open", "superseded", "answered", "expired"])
def test_a_tap_on_a_reminder_counts_whatever_was_asked_since(
    handler: ConversationHandler, asked: OpenQuestion, clock: VirtualClock, status: str
) -> None:
    old = question(clock, REMINDER, instance=f"reminder:{UUID(int=0)}", status=status, expires_at=clock.now())
    plan = decide(handler, message("x", option_ref=f"{old.id}:confirm"), state(asked, old))
    assert (plan.confirms, keys(plan)) == (UUID(int=0), [])
    plan = decide(handler, message("x", option_ref=f"{old.id}:move"), state(asked, old))
    assert plan.engine is not None
    assert plan.engine[0] == "/reschedule_appointment"
    old.status = "waiting"
    plan = decide(handler, message("x", option_ref=f"{old.id}:confirm"), state(asked, old))
    assert keys(plan) == ["smalltalk.stale_choice"], "nobody was shown that"


@pytest.mark.parametrize(
    "ref", ["rubbish", "0191-not-ours:s1", "' OR 1=1 --", "{id}:no_such_option", "{id}:"]
)
def test_a_menu_id_that_is_not_ours_changes_nothing(
    handler: ConversationHandler, asked: OpenQuestion, ref: str
) -> None:
    tapped = asked if "{id}" in ref else None
    plan = decide(handler, message("x", option_ref=ref.format(id=asked.id)), state(asked, tapped))
    assert (keys(plan), plan.engine, plan.closes) == (["smalltalk.stale_choice"], None, None)


def test_the_label_of_a_tap_is_screened_but_does_not_opt_out(
    handler: ConversationHandler, asked: OpenQuestion
) -> None:
    plan = decide(handler, message("退订", option_ref=f"{asked.id}:s1"), state(asked, asked))
    assert plan.opt is None
    assert plan.closes == asked.id


def test_a_false_alarm_needs_no_engine(handler: ConversationHandler, clock: VirtualClock) -> None:
    alarm = question(
        clock,
        Reply("safety.emergency", {}, (Option("false_alarm", "误报，继续", FALSE_ALARM),)),
        instance=f"alert:{new_id()}",
    )
    plan = decide(handler, message("1"), state(alarm))
    assert (plan.false_alarm, plan.engine, plan.closes) == (True, None, alarm.id)


def test_not_now_is_no_false_alarm(handler: ConversationHandler, clock: VirtualClock) -> None:
    crisis = decide(handler, message("不想活了"), state()).replies[0]
    plan = decide(handler, message("2"), state(question(clock, crisis, instance=f"alert:{new_id()}")))
    assert (plan.false_alarm, plan.engine, keys(plan)) == (False, None, ["safety.crisis_later"])


def test_whoever_is_in_charge_gets_it(handler: ConversationHandler, asked: OpenQuestion) -> None:
    for said in (message("我再问一下"), message("1"), message("0"), message(kind="media", event="image")):
        plan = decide(handler, said, state(asked, charge="taken"))
        assert (plan.to_desk, plan.engine, plan.replies) == ("message", None, [])
    plan = decide(handler, message("我再问一下"), state(asked, charge="waiting"))
    assert plan.engine is not None


def test_media_is_answered_kindly_and_the_question_stays(
    handler: ConversationHandler, asked: OpenQuestion
) -> None:
    for event, said in (
        ("voice", "voice.please_type"),
        ("image", "media.kept_image"),
        ("link", "common.please_type"),
    ):
        plan = decide(handler, message(kind="media", event=event), state(asked))
        assert (keys(plan), plan.reask, plan.engine) == ([said], True, None)


@pytest.mark.parametrize(
    "text",
    ["", "   ", "😀😀", "👨‍👩‍👧", "???", "。。。", "\x00\x01", "\u200b\u200b", "\u202e", "!@#%", "\n\n"],
)
def test_no_words_are_answered_without_the_engine(
    handler: ConversationHandler, asked: OpenQuestion, text: str
) -> None:
    plan = decide(handler, message(text), state(asked))
    assert (keys(plan), plan.reask, plan.engine) == (["common.no_words"], True, None)
    assert not decide(handler, message(text), state()).reask


@pytest.mark.parametrize(
    "text",
    [
        "字" * 5000,
        "报告\x00怎么\x07查",
        "\u202e查报告\u202c",
        "<xml><Content><![CDATA[查报告]]></Content></xml>",
        "'; DROP TABLE patient; --",
        "{{7*7}} ${jndi:ldap://x}",
        "%s%n {0} {name}",
        "查报告😀",
    ],
)
def test_strange_text_reaches_the_engine_tamed(handler: ConversationHandler, text: str) -> None:
    plan = decide(handler, message(text), state())
    assert plan.engine is not None
    said, metadata = plan.engine
    assert metadata == {"text": said}
    assert 0 < len(said) <= ENGINE_TEXT
    assert not any(ord(character) < 32 or character in "\u202e\u202c\u200b" for character in said)


@pytest.mark.parametrize(
    "text",
    [
        "/restart",
        "  /request_human",
        '/choose{"a": 1}',
        "／restart",
        "\u200b/restart",
        "\u202e/restart",
        "\x00/restart",
        "//x",
        "\ufeff/session_start",
    ],
)
def test_a_command_is_never_one(handler: ConversationHandler, text: str) -> None:
    plan = decide(handler, message(text), state())
    assert plan.engine is not None
    assert not plan.engine[0].lstrip().startswith("/")
    assert engine_text(text) == plan.engine[0]


@pytest.mark.parametrize(
    ("event", "key", "engine"),
    [
        ("click", "BOOK", "/book_appointment"),
        ("click", "HUMAN", "/request_human"),
        ("click", "FOLLOW_UP", "/start_questionnaire"),
        ("click", "NO_SUCH_KEY", None),
        ("view", "https://x", None),
        ("location", "", None),
    ],
)
def test_menu_clicks_mean_an_intent(
    handler: ConversationHandler, event: str, key: str, engine: str | None
) -> None:
    plan = decide(handler, message(kind="event", event=event, event_key=key), state())
    assert (plan.engine[0] if plan.engine else None) == engine
    assert plan.replies == []


def test_clicks_go_to_whoever_is_in_charge(handler: ConversationHandler) -> None:
    click = message(kind="event", event="click", event_key="BOOK")
    plan = decide(handler, click, state(charge="taken"))
    assert (plan.to_desk, plan.engine) == ("click", None)


def test_coming_and_going(handler: ConversationHandler) -> None:
    plan = decide(handler, message(kind="event", event="subscribe"), state())
    assert keys(plan) == ["smalltalk.welcome"]
    assert len(plan.replies[0].options) == 4
    plan = decide(handler, message(kind="event", event="unsubscribe"), state())
    assert (plan.unfollowed, plan.replies, plan.engine) == (True, [], None)


@pytest.mark.parametrize(
    ("text", "key", "options"),
    [
        ("Hi, do you speak English?", "english.menu", ["_english", "_english", "_english_person"]),
        ("I need to make an appointment", "english.appointment", ["_english_person", "book_appointment"]),
        ("where are you located", "english.address", []),
        ("Bonjour, je voudrais un rendez-vous", "english.menu", ["_english", "_english", "_english_person"]),
    ],
)
def test_other_languages_hear_english_and_are_offered_a_person(
    handler: ConversationHandler, text: str, key: str, options: list[str]
) -> None:
    plan = decide(handler, message(text), state())
    assert keys(plan) == [key]
    assert [one.intent for one in plan.replies[0].options] == options
    assert plan.engine is None


def test_english_that_asks_for_staff_gets_staff_and_is_told_so(handler: ConversationHandler) -> None:
    plan = decide(handler, message("please let me talk to a person"), state())
    assert keys(plan) == ["english.person"]
    assert plan.engine is not None
    assert plan.engine[0] == "/request_human"


def test_an_english_option_leads_on_in_english(handler: ConversationHandler, clock: VirtualClock) -> None:
    menu = question(clock, decide(handler, message("do you speak English"), state()).replies[0])
    assert keys(decide(handler, message("2"), state(menu))) == ["english.address"]
    assert keys(decide(handler, message("appointment"), state(menu))) == ["english.appointment"]
    assert keys(decide(handler, message("3"), state(menu))) == ["english.person"]


@pytest.mark.parametrize(
    ("text", "duty", "key"),
    [
        ("chest pain, can't breathe", True, "english.emergency"),
        ("I want to kill myself", True, "english.crisis_on_duty"),
        ("I want to kill myself", False, "english.crisis"),
    ],
)
def test_danger_in_english_is_answered_in_english(
    handler: ConversationHandler, clock: VirtualClock, text: str, duty: bool, key: str
) -> None:
    plan = decide(handler, message(text), state(duty=duty))
    assert keys(plan) == [key]
    assert plan.alert is not None
    if key == "english.emergency":
        after = decide(handler, message("1"), state(question(clock, plan.replies[0])))
        assert (after.false_alarm, after.in_english) == (True, True)


def test_own_words_asked_for_by_a_questionnaire_go_to_it(
    handler: ConversationHandler, clock: VirtualClock
) -> None:
    free = question(clock, Reply("questionnaire.item", {"n": 1}), instance="questionnaire:1:comment")
    for text in ("the nurse was very kind to me", "3", "12"):
        assert decide(handler, message(text), state(free)).engine is not None
    person = decide(handler, message("0"), state(free)).engine
    assert person is not None and person[0] == "/request_human"


def test_nought_is_a_number_where_a_number_is_asked_for(
    handler: ConversationHandler, clock: VirtualClock
) -> None:
    pain = question(clock, Reply("questionnaire.item", {"wants": "number"}), instance="questionnaire:1:pain")
    assert decide(handler, message("0"), state(pain)).engine == ("0", {"text": "0"})
    screened = decide(handler, message("突然胸口压得慌，左胳膊麻，出冷汗"), state(pain))
    assert screened.alert == "emergency"


@pytest.mark.parametrize(
    "text", ["ok", "CT", "B超", "ni hao", "NO", "D0000004", "John Smith", "iPhone 15 Pro"]
)
def test_what_everybody_types_goes_the_usual_way(handler: ConversationHandler, text: str) -> None:
    plan = decide(handler, message(text), state())
    assert plan.engine is not None
