"""Which department, which doctor: named with a reason, leading into booking, discreet on SMS."""

from __future__ import annotations

import pytest

from actions.services import Services
from channels.ports import ChannelName
from tests.actions.conftest import World, readable
from tests.factories.messages import SMS, WECHAT
from tests.factories.stage import Stage, stage


@pytest.fixture
async def on(services: Services, world: World) -> Stage:
    return await stage(services)


async def advised(on: Stage, text: str) -> list[str]:
    """Describe a symptom; a clarifying question is answered with its last option."""
    said = await on.say(text, "describe_symptom")
    while said == ["advice.question"]:
        said = await on.say(str(len(on.offered)))
    return said


async def test_a_symptom_leads_to_a_department_and_into_booking(on: Stage, world: World) -> None:
    assert await advised(on, "眼睛看东西模糊，飞蚊") == ["advice.departments"]
    assert on.last.params["first"] == "眼科"
    assert on.last.params["reason"]
    booking = on.offered[0]
    assert (booking.intent, booking.params["department_id"]) == (
        "book_appointment",
        world.departments["眼科"].hex,
    )
    assert on.offered[-1].intent == "request_human"
    assert len({option.id for option in on.offered}) == len(on.offered)
    readable(on.last, "wechat")


async def test_without_a_word_of_it_more_is_asked(on: Stage) -> None:
    assert await on.hear("", "find_department", 1.0, {}) == ["advice.tell_more"]


async def test_what_says_nothing_is_not_guessed(on: Stage) -> None:
    assert await advised(on, "就是有点那个") == ["advice.unsure"]
    assert [option.intent for option in on.offered] == ["request_human"]


async def test_a_department_that_is_not_here_is_not_named(on: Stage) -> None:
    said = await advised(on, "牙疼，牙龈肿了")
    assert said in (["advice.unsure"], ["advice.departments"])
    assert "口腔" not in str(on.last.to_json())


async def test_on_sms_a_sensitive_department_is_a_place(services: Services, world: World) -> None:
    on = await stage(services, SMS)
    await advised(on, "我是男的，前列腺不舒服，早泄")
    assert "男科" not in "".join(on.labels)


@pytest.mark.parametrize("channel", [WECHAT, SMS])
async def test_a_doctor_is_shown_with_free_times(
    services: Services, world: World, channel: ChannelName
) -> None:
    on = await stage(services, channel)
    assert await on.say("李敏医生什么时候出诊", "ask_doctor") == ["doctor.one"]
    assert on.last.params["name"] == "李敏"
    assert "11月24日" in on.last.params["times"]
    [booking] = on.offered
    assert booking.params == {"practitioner_id": world.doctors["李敏"].hex}


async def test_a_doctor_nobody_knows_is_said_so(on: Stage) -> None:
    assert await on.say("华佗医生在吗", "ask_doctor") == ["doctor.unknown"]
    assert [option.intent for option in on.offered] == ["request_human"]
    assert await on.hear("", "ask_doctor", 1.0, {"practitioner_id": "f" * 32}) == ["doctor.unknown"]


async def test_a_surname_alone_asks_which(on: Stage) -> None:
    assert await on.say("李医生的号", "ask_doctor") == ["doctor.several"]
    assert len(on.offered) == 2
    assert await on.say("1") == ["doctor.one"]


async def test_the_doctors_of_a_department_are_listed(on: Stage) -> None:
    assert await on.say("眼科有哪些医生", "ask_doctor") == ["doctor.of_department"]
    assert "李敏" in on.last.params["doctors"]
    assert "赵强" in on.last.params["doctors"]
    assert on.offered[0].intent == "book_appointment"
