"""For whom, as families say it; and the doctor of last time."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import date

import pytest

from care.patients import service as patients
from care.patients.family import meant
from care.patients.models import Patient, Relation
from care.patients.service import LinkedPatient, PatientData
from channels.contacts import service as contacts
from store.clock import VirtualClock
from store.database import Database
from tests.actions.conftest import Talk, World

Talker = Callable[..., Awaitable[Talk]]


@pytest.fixture
async def with_sister(talker: Talker, database: Database, world: World, clock: VirtualClock) -> Talk:
    """Two children of one parent: 小满, born 2022, and his sister 小雨, born 2019."""
    talk = await talker(张伟="self", 赵小满="child")
    async with database.write("bind the sister") as session:
        now = clock.now()
        data = PatientData("D0000017", "赵小雨", "female", date(2019, 5, 5), "19900000017")
        sister = await patients.create(session, data, now)
        contact, _ = await contacts.ensure(session, talk.channel, "acc", talk.address, now)
        await patients.link_contact(session, sister.id, contact.id, Relation.CHILD, at=now)
    return talk


@pytest.mark.parametrize(
    ("said", "name"),
    [
        ("小的那个", "赵小满"),
        ("老大", "赵小雨"),
        ("给小雨", "赵小雨"),
        ("小满", "赵小满"),
        ("女儿", "赵小雨"),
        ("我儿子", "赵小满"),
    ],
)
async def test_which_of_two_children(with_sister: Talk, said: str, name: str) -> None:
    assert await with_sister.say("给孩子挂个儿科 周一上午") == ["booking.who"]
    assert await with_sister.say(said, "affirm", 0.42) == ["booking.confirm"]
    assert with_sister.last.params["name"] == name


async def test_corrected_at_the_confirmation(with_sister: Talk) -> None:
    await with_sister.say("给小满挂个儿科 周一上午")
    await with_sister.say("1")
    assert with_sister.last.params["name"] == "赵小满"
    assert await with_sister.say("不对 是小雨", "nlu_fallback", 0.4) == ["booking.confirm"]
    assert with_sister.last.params["name"] == "赵小雨"


async def test_a_daughter_is_not_the_son_who_is_bound(talker: Talker) -> None:
    talk = await talker(张伟="self", 赵小满="child")
    assert await talk.say("给我女儿挂儿科周一上午") == ["booking.who_unlinked"]


@pytest.mark.parametrize("said", ["给我爸妈都挂个眼科", "父母都想看眼科", "我爸爸妈妈要看眼科"])
async def test_two_in_one_word_are_not_the_first_of_them(talker: Talker, said: str) -> None:
    talk = await talker(李静="self", 王秀兰="mother", 张伟="father")
    assert await talk.say(said) == ["booking.who"]
    assert sorted(one[:3].rstrip("（") for one in talk.labels[:2]) == ["张伟", "王秀兰"]
    alone = await talker("sms", 李静="self")
    assert await alone.say(said) == ["booking.who_unlinked"]


@pytest.mark.parametrize("said", ["约李建平医生", "建平路怎么走", "挂建平主任", "我去建平那边"])
async def test_a_given_name_inside_another_word_is_nobody(said: str, database: Database) -> None:
    mine = Patient(name="王建平", sex="male")
    assert meant(said, [LinkedPatient(mine, Relation.FATHER, None, None)]) == []  # type: ignore[arg-type]


@pytest.mark.parametrize("channel", ["wechat", "sms"])
async def test_the_doctor_of_last_time(talker: Talker, clock: VirtualClock, channel: str) -> None:
    talk = await talker(channel, 李静="self", 王秀兰="mother")
    assert await talk.say("给王秀兰约周二上午李敏") == ["booking.confirm"]
    assert await talk.say("1") == ["booking.booked"]
    assert await talk.say("挂号 还是上次那个医生") == ["booking.who"]
    assert await talk.say("2") == ["booking.when"]
    assert talk.last.params["what"] == "李敏"
    assert await talk.say("退出") == ["booking.quit"]
    assert await talk.say("老样子，挂号", "book_appointment") == ["booking.who"]
    assert await talk.say("1") == ["booking.department_no_last"]
    assert talk.labels[0] == "内科"
    assert await talk.say("挂原来的医生 呼吸内科") == ["booking.when"]


async def test_asked_for_outside_a_booking(talker: Talker) -> None:
    talk = await talker(张伟="self")
    await talk.say("周二上午李敏")
    await talk.say("1")
    assert await talk.say("还是上次那个医生", "ask_doctor") == ["booking.when"]
    assert talk.last.params["what"] == "李敏"


@pytest.mark.parametrize("said", ["眼睛看东西模糊，之前医生说是白内障", "和上次一样疼", "想找个老专家"])
async def test_a_story_of_a_doctor_is_no_wish_for_the_same(talker: Talker, said: str) -> None:
    talk = await talker(张伟="self")
    await talk.say("周三上午李建平")
    await talk.say("1")
    await talk.say(f"挂号 {said}")
    assert talk.last.params.get("what") != "李建平"


async def test_when_a_day_too_far_off_can_be_booked(talker: Talker) -> None:
    talk = await talker(张伟="self")
    assert await talk.say("眼科12月25号") == ["booking.when_beyond"]
    assert talk.last.params["opens"] == "12月25日（周五）的号12月11日（周五）放出来，到时可以约。"
