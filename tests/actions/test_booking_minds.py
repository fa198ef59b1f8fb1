"""Minds changed, doctors refused, answers in dialect: what must not lose, or turn, a booking."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest

from care.appointments.models import BookingDraft, SlotHold
from store.database import Database
from tests.actions.conftest import Talk
from tests.actions.test_booking import booked, count

Talker = Callable[..., Awaitable[Talk]]


@pytest.mark.parametrize("said", ["眼科最早的 不要赵强", "眼科最早的，别挂赵医生"])
async def test_a_refused_doctor_is_not_held(talker: Talker, said: str) -> None:
    talk = await talker(张伟="self")
    assert await talk.say(said) == ["booking.confirm"]
    assert talk.last.params["doctor"] == "李敏"


async def test_a_refused_doctor_gives_the_place_back_and_another_is_asked_for(
    talker: Talker, database: Database
) -> None:
    talk = await talker(张伟="self")
    assert await talk.say("眼科最早的") == ["booking.confirm"]
    assert await talk.say("能不能不要赵大夫", "ask_doctor", 0.7) == ["booking.when"]
    assert await count(database, SlotHold) == 0
    assert not any("赵强" in one for one in talk.labels)
    assert await talk.say("换个女大夫", "reschedule_appointment", 0.62) == ["booking.doctor"]
    assert talk.labels == ["李敏 副主任医师", "不限医生"]
    assert await talk.say("算了还是赵强吧", "nlu_fallback", 0.4) == ["booking.when"]
    assert talk.last.params["what"] == "赵强"


@pytest.mark.parametrize(
    ("said", "intent", "keys", "drafts"),
    [
        ("能给我挪挪不", "reschedule_appointment", ["booking.when_change"], 1),
        ("我不想看了帮我撤了", "cancel_appointment", ["booking.quit"], 0),
    ],
)
async def test_with_nothing_booked_this_booking_is_meant(
    talker: Talker, database: Database, said: str, intent: str, keys: list[str], drafts: int
) -> None:
    talk = await talker(张伟="self")
    await talk.say("眼科")
    assert await talk.say(said, intent) == keys
    assert await count(database, BookingDraft) == drafts


async def test_called_by_surname_alone(talker: Talker) -> None:
    talk = await talker(张伟="self")
    assert await talk.say("挂那个姓李的专家") == ["booking.doctor_several"]
    assert sorted(one.split()[0] for one in talk.labels[:-1]) == ["李建平", "李敏"]
    assert await talk.say("我姓李 想挂眼科") == ["booking.when"]


@pytest.mark.parametrize("yes", ["要得", "就这个撒", "好的"])
async def test_yes_to_the_only_department_named(talker: Talker, yes: str) -> None:
    talk = await talker(张伟="self")
    await talk.say("挂号")
    assert await talk.say("眼睛看东西模糊", "describe_symptom") == ["booking.department_suggest"]
    assert talk.labels == ["眼科", "找人工"]
    assert await talk.say(yes, "affirm") == ["booking.when"]


async def test_a_move_is_given_up_in_their_words(talker: Talker, database: Database) -> None:
    talk = await talker(张伟="self")
    await talk.say("周二上午李敏")
    await talk.say("1")
    assert await talk.say("改到下周五下午", "reschedule_appointment") == ["booking.when_full"]
    assert await talk.say("算了还是原来的吧", "nlu_fallback", 0.4) == ["booking.quit_move"]
    (row,) = await booked(database)
    assert row.status == "booked"


async def test_the_one_before_is_the_one_before(talker: Talker) -> None:
    talk = await talker(张伟="self")
    assert await talk.say("眼科 周二上午") == ["booking.confirm"]
    before = talk.last.params["when"]
    assert await talk.say("等等 周四有没有") == ["booking.confirm"]
    assert talk.last.params["when"] != before
    assert await talk.say("还是刚才那个吧", "nlu_fallback", 0.4) == ["booking.confirm"]
    assert talk.last.params["when"] == before


async def test_a_week_released_in_part_is_not_called_full(talker: Talker) -> None:
    talk = await talker(张伟="self")
    assert await talk.say("眼科 12月5号到12月8号") == ["booking.when_beyond"]
