"""A dialogue that Rasa cannot go on with is begun anew: the patient is answered, and at most asked something once more."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from sqlalchemy import create_engine, text

from channels.contacts.models import Conversation
from tests.e2e.installation import WECHAT, Installation, http
from tests.e2e.phone import Person, Phone, Turn

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(240)]


def engine_id(home: Installation, phone: Phone) -> str:
    """The name Rasa knows the conversation by."""
    with home.rows() as session:
        conversation = session.get(Conversation, phone.conversation_id)
        assert conversation is not None
        return str(conversation.engine_id)


def answered(turn: Turn) -> list[str]:
    """Without the word that an answer will follow: the machine may be busy."""
    return [key for key in turn.keys if key != "common.please_wait"]


def stuck(home: Installation, sender: str) -> None:
    """The tracker is one that nothing is answered to: Rasa takes each message and says nothing."""
    url = f"http://127.0.0.1:{home.settings.engine_port}/conversations/{sender}/tracker/events"
    answer = http("POST", url, {"event": "pause"})  # type: ignore[arg-type]
    assert answer.status == 200, answer.text


def spoilt(sealed: bytes) -> Callable[[Installation, str], None]:
    def write(home: Installation, sender: str) -> None:
        engine = create_engine(home.settings.tracker_database)
        with engine.begin() as connection:
            done = connection.execute(
                text("UPDATE rasa_tracker SET sealed = :sealed WHERE sender_id = :sender"),
                {"sealed": sealed, "sender": sender},
            )
            assert done.rowcount == 1
        engine.dispose()

    return write


@pytest.mark.parametrize(
    ("broken", "empty_turns"),
    [
        pytest.param(stuck, 1, id="stuck"),
        pytest.param(spoilt(b"\x01\x02k1" + bytes(60)), 0, id="does not open"),
        pytest.param(spoilt(b""), 0, id="nothing there"),
    ],
)
def test_it_begins_anew(
    home: Installation, broken: Callable[[Installation, str], None], empty_turns: int
) -> None:
    phone = Phone.open(home, WECHAT, Person("陈晓"))
    assert answered(phone.say("我想预约眼科")) == ["booking.when"]
    before = home.app.said().count("engine.empty_turn")
    broken(home, engine_id(home, phone))
    turn = phone.say("停车怎么收费")
    assert turn.status == "handled" and answered(turn)[0] == "faq.answer", phone
    assert home.app.said().count("engine.empty_turn") == before + empty_turns
    # What was begun is in our rows: it goes on, at the cost of a question asked once more.
    assert phone.say("我想预约眼科").keys[-1].startswith("booking."), phone
    assert phone.facts()["tasks"] == [], phone
