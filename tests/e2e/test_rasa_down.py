"""Rasa is away or frozen: the patient hears within five seconds, the message waits, what must work still works."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator

import pytest

from tests.e2e.installation import SMS, WECHAT, Installation, wait_until
from tests.e2e.phone import Person, Phone

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(240)]

HEARS_WITHIN = 5.0


@pytest.fixture
def without_rasa(home: Installation) -> Iterator[Installation]:
    """Rasa is killed; it is back for the next test whatever happens."""
    assert home.rasa is not None
    home.rasa.kill()
    yield home
    if not home.rasa.alive:
        home.rasa.start()
    home.wait_ready()


@pytest.fixture
def frozen_rasa(home: Installation) -> Iterator[Installation]:
    """Rasa takes connections and answers nothing."""
    assert home.rasa is not None
    home.rasa.signal(signal.SIGSTOP)
    yield home
    home.rasa.signal(signal.SIGCONT)
    home.wait_ready()


def says_and_hears(phone: Phone, text: str) -> float:
    """Seconds until the phone shows something new."""
    before = len([event for event in phone.transcript() if event["direction"] == "out"])
    started = time.monotonic()
    kind = "users" if phone.channel == WECHAT else "phones"
    phone.send(f"/_sim/{kind}/{phone.address.replace('+', '%2B')}/text", {"text": text})
    wait_until(
        lambda: len([event for event in phone.transcript() if event["direction"] == "out"]) > before,
        f"an answer to {text}\n{phone}",
        20,
        0.02,
    )
    return time.monotonic() - started


@pytest.mark.parametrize("channel", [WECHAT, SMS])
def test_killed(without_rasa: Installation, channel: str) -> None:
    home = without_rasa
    assert home.rasa is not None
    phone = Phone.open(home, channel, Person("陈晓"))
    assert says_and_hears(phone, "停车怎么收费") < HEARS_WITHIN
    heard = phone.transcript()[-1]["text"]
    assert "收到您的消息" in heard, heard
    time.sleep(3)  # tried again meanwhile, said once
    assert [event["direction"] for event in phone.transcript()] == ["in", "out"]
    home.rasa.start()
    home.wait_ready()
    turn = phone.outcome(1, 40)
    assert turn.status == "handled" and turn.keys == ["common.please_wait", "faq.answer"], turn
    assert [event["direction"] for event in phone.transcript()] == ["in", "out", "out"]


def test_frozen(frozen_rasa: Installation) -> None:
    home = frozen_rasa
    assert home.rasa is not None
    phone = Phone.open(home, WECHAT, Person("陈晓"))
    assert says_and_hears(phone, "我想预约眼科") < HEARS_WITHIN
    assert "收到您的消息" in phone.transcript()[-1]["text"]
    home.rasa.signal(signal.SIGCONT)
    turn = phone.outcome(1, 40)
    assert turn.keys == ["common.please_wait", "booking.when"], turn
    phone.last = turn
    time.sleep(1)
    assert [event["direction"] for event in phone.transcript()] == ["in", "out", "out"], "answered once"
    assert phone.tap(1).keys == ["booking.confirm"], phone


def test_what_must_not_wait_does_not(without_rasa: Installation) -> None:
    """Danger, crisis and opting out need no engine."""
    for text, key in (
        ("突然胸口压得慌 左胳膊麻 出汗", "safety.emergency"),
        ("退订", "consent.content"),
        ("想死", "safety.crisis"),
    ):
        phone = Phone.open(without_rasa, SMS, Person("陈晓"))
        turn = phone.say(text)
        assert turn.keys[0].startswith(key), phone


def test_messages_of_one_patient_keep_their_order(without_rasa: Installation) -> None:
    home = without_rasa
    assert home.rasa is not None
    phone = Phone.open(home, SMS, Person("陈晓"))
    for text in ("我想预约眼科", "你是机器人吗", "停车怎么收费"):
        phone.send(f"/_sim/phones/{phone.address.replace('+', '%2B')}/text", {"text": text})
    home.rasa.start()
    home.wait_ready()
    keys = [[key for key in phone.outcome(n, 60).keys if key != "common.please_wait"] for n in (1, 2, 3)]
    assert keys == [
        ["booking.when"],
        ["smalltalk.bot_challenge", "booking.when"],
        ["faq.answer", "booking.when"],
    ], phone
