"""The conversations of `conversations/*.yml`, through a real Rasa server, on both phones."""

from __future__ import annotations

import pytest

from tests.e2e.installation import SMS, WECHAT, Installation
from tests.e2e.phone import Phone
from tests.e2e.story import Player, Story, code_sent_to, read

pytestmark = pytest.mark.e2e

STORIES = read()
TO_THE_NAME = ("绑定就诊卡", "本人", "同意", "同意")
"""What somebody says until a binding asks for the name."""
ON_POSTGRESQL = (
    "straight through, every step asked",
    "an emergency in the middle of a booking, a false alarm, and the booking goes on",
    "three questions, answered with figures and words",
    "name, record number and the code on the phone on record",
    "cancelled, but first kept",
    "opt out by the word, then of everything, then back in",
    "a reminder's 2 is asked back, the same digit again does nothing, 8 cancels",
)


def plays(stories: list[Story]) -> list[object]:
    return [pytest.param(s, channel, id=f"{s.id}-{channel}") for s in stories for channel in s.channels]


@pytest.mark.parametrize(("story", "channel"), plays(STORIES))
def test_conversation(home: Installation, story: Story, channel: str) -> None:
    Player(home, story, channel).play()


@pytest.mark.parametrize(("story", "channel"), plays([s for s in STORIES if s.title in ON_POSTGRESQL]))
def test_conversation_on_postgresql(postgres_home: Installation, story: Story, channel: str) -> None:
    Player(postgres_home, story, channel).play()


def test_the_stories_meant_for_postgresql_exist() -> None:
    assert {s.title for s in STORIES} >= set(ON_POSTGRESQL)
    assert len({s.title for s in STORIES}) == len(STORIES)


def test_a_demo_patient_is_bound_from_a_new_phone(home: Installation) -> None:
    """孙丽华 of the demo is on record and bound to nobody; the code reaches the phone on record, nobody else's."""
    phone = Phone.open(home, WECHAT)
    for said in (*TO_THE_NAME, "孙丽华", "D0000008"):
        turn = phone.say(said)
    assert turn.keys == ["bind.ask_code"]
    code = code_sent_to(home, "19900000008")
    assert code not in "".join(event["text"] for event in phone.transcript())
    assert phone.say(code).keys == ["bind.done"], phone
    assert phone.facts()["bound"] == 1
    turn = phone.say("我的报告出来了吗")
    assert turn.keys == ["report.list"], phone
    assert "血常规：报告已出" in turn.replies[0].text
    assert "参考范围" not in turn.replies[0].text


def test_unknown_and_wrong_people_hear_what_the_right_one_hears(home: Installation) -> None:
    """Nobody can find out by asking who is a patient here, nor whether a number belongs to a name."""
    heard = []
    for name, number in (("孙丽华", "D0000008"), ("孙丽华", "D0000001"), ("无此人", "D7777777")):
        phone = Phone.open(home, SMS)
        said = (*TO_THE_NAME, name, number)
        heard.append([(reply.key, reply.text) for one in said for reply in phone.say(one).replies])
    assert heard[0] == heard[1] == heard[2]
