"""Vague and refused times, as they are said to a receptionist. Now is Sunday morning, 22 November 2026."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

import pytest

from care.appointments.models import SlotHold
from store.clock import VirtualClock
from store.database import Database
from tests.actions.conftest import Talk
from tests.actions.test_booking import count

Talker = Callable[..., Awaitable[Talk]]


def days(talk: Talk) -> list[str]:
    """The half-days offered: `周二上午`."""
    return [
        f"{one[one.index('（') + 1 :][:2]}{one[one.index('）') + 1 :][:2]}"
        for one in talk.labels
        if "（" in one
    ]


@pytest.mark.parametrize(
    ("said", "held"),
    [
        ("眼科 周一早上", "11月23日（周一）上午9:00"),
        ("我想约眼科，越早越好但不要周一", "11月24日（周二）上午9:00"),
        ("眼科最快什么时候 周一除外", "11月24日（周二）上午9:00"),
        ("眼科越早越好 周一周二都不行", "11月26日（周四）上午9:00"),
        ("眼科 尽快 上午起不来", "11月24日（周二）下午14:00"),
    ],
)
async def test_the_first_that_suits_is_held(talker: Talker, said: str, held: str) -> None:
    talk = await talker(张伟="self")
    assert await talk.say(said) == ["booking.confirm"]
    assert talk.last.params["when"] == held


@pytest.mark.parametrize("channel", ["wechat", "sms"])
async def test_refused_days_are_not_offered(talker: Talker, channel: str) -> None:
    talk = await talker(channel, 张伟="self")
    assert await talk.say("眼科 不要周一周二") == ["booking.when"]
    assert "11月24" not in str(talk.labels) and "11月23" not in str(talk.labels)
    assert await talk.say("下周除了周四都可以", "reschedule_appointment") == ["booking.when_in"]
    assert "11月26" not in str(talk.labels)


async def test_a_refusal_holds_until_the_day_is_wanted_after_all(talker: Talker, database: Database) -> None:
    talk = await talker(张伟="self")
    assert await talk.say("眼科 越早越好") == ["booking.confirm"]
    assert await talk.say("周一不行", "deny") == ["booking.when_change"]
    assert await count(database, SlotHold) == 0  # Monday's goes back to others
    assert "周一上午" not in days(talk)
    assert await talk.say("上午也不行", "deny") == ["booking.when_change"]
    assert days(talk) == ["周二下午", "周五下午", "周二下午"]
    assert await talk.say("周一除外", "ask_faq") == ["booking.when_change"]
    assert await talk.say("那还是周一上午吧") == ["booking.confirm"]
    assert talk.last.params["when"] == "11月23日（周一）上午9:00"


async def test_the_earliest_inside_the_booking_is_not_the_refused_first(talker: Talker) -> None:
    talk = await talker(张伟="self")
    await talk.say("眼科")
    assert await talk.say("越早越好但不要周一") == ["booking.when_change"]
    assert days(talk)[0] == "周二上午"


async def test_nothing_but_what_was_refused_is_said_so(talker: Talker) -> None:
    talk = await talker(张伟="self")
    assert await talk.say("李建平医生 不要周三") == ["booking.when_full"]
    assert talk.last.params["when"] == "您方便的时间"
    assert days(talk)[0] == "周三上午"


async def test_the_end_of_the_month_and_any_day_of_the_next(talker: Talker) -> None:
    talk = await talker(张伟="self")
    await talk.say("眼科")
    assert await talk.say("月底", "nlu_fallback", 0.4) == ["booking.when_in"]
    assert talk.last.params["when"] == "11月25日（周三）到11月30日（周一）"
    assert await talk.say("下个月随便哪天上午") == ["booking.when_in"]
    assert set(days(talk)) <= {"周一上午", "周二上午", "周四上午"}
    assert talk.labels[0].startswith("12月1日")


async def test_after_three_of_whatever_day(talker: Talker) -> None:
    talk = await talker(张伟="self")
    await talk.say("眼科")
    assert await talk.say("下午两点以后有没有", "ask_faq") == ["booking.when_in"]
    assert days(talk)[0] == "周二下午"


@pytest.mark.parametrize("channel", ["wechat", "sms"])
async def test_tomorrow_at_ten_past_midnight(talker: Talker, clock: VirtualClock, channel: str) -> None:
    clock.freeze(datetime(2026, 11, 23, 16, 10, tzinfo=UTC))  # Tuesday 0:10 here
    talk = await talker(channel, 张伟="self")
    assert await talk.say("眼科 明天下午") == ["booking.sure"]
    assert talk.last.params["question"] == "现在已过零点，您说的明天是11月25日（周三）吗"
    assert await talk.say("2") == ["booking.confirm"]
    assert talk.last.params["when"] == "11月24日（周二）下午14:00"
