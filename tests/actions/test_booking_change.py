"""Moving, cancelling, listing, the queue."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import timedelta

import pytest
from sqlalchemy import select

from care.appointments.models import Appointment, BookingDraft, Slot, Status
from store.clock import VirtualClock
from store.database import Database
from tests.actions.conftest import Talk

Talker = Callable[..., Awaitable[Talk]]


async def statuses(database: Database) -> list[str]:
    async with database.read() as session:
        return list(await session.scalars(select(Appointment.status).order_by(Appointment.created_at)))


async def book(talk: Talk, *sentences: str) -> None:
    for said in sentences:
        await talk.say(said)
        assert await talk.say("确认") == ["booking.booked"]


async def test_moving_by_a_sentence(talker: Talker, database: Database) -> None:
    talk = await talker(张伟="self")
    await book(talk, "周二上午李敏")
    assert await talk.say("把周二的改到周四上午", "reschedule_appointment") == ["booking.confirm_move"]
    assert talk.last.params["old"] == "11月24日（周二）上午9:00"
    assert talk.last.params["when"] == "11月26日（周四）上午9:00"
    assert await talk.say("确认改约", "affirm") == ["booking.moved"]
    assert sorted(await statuses(database)) == [Status.BOOKED, Status.CANCELLED]
    async with database.read() as session:
        assert sum(await session.scalars(select(Slot.taken))) == 1


async def test_moving_asks_which(talker: Talker, database: Database) -> None:
    talk = await talker(张伟="self")
    await book(talk, "周二上午李敏", "明天上午心内科")
    assert await talk.say("我要改约", "reschedule_appointment") == ["booking.which"]
    assert talk.labels == [
        "11月23日（周一）上午9:00 心血管内科 周立新 张伟",
        "11月24日（周二）上午9:00 眼科 李敏 张伟",
        "都保留",
    ]
    assert await talk.say("眼科那个") == ["booking.when"]
    assert not any(label.startswith("11月24日（周二）上午") for label in talk.labels)
    assert await talk.say("退出") == ["booking.quit_move"]
    assert await statuses(database) == [Status.BOOKED, Status.BOOKED]


async def test_another_wish_while_choosing_which_to_move(talker: Talker, database: Database) -> None:
    """ "Cancel my father's" names one of them, but not to be moved: it is gone about as said."""
    talk = await talker(李静="self", 张伟="father")
    await book(talk, "给李静约周二上午李敏", "给张伟约周四上午李敏", "给张伟约明天上午心内科")
    assert await talk.say("我要改约", "reschedule_appointment") == ["booking.which"]
    assert await talk.say("取消我爸周四的号", "cancel_appointment") == ["cancel.sure"]
    assert talk.last.params["name"] == "张伟"
    assert talk.last.params["when"] == "11月26日（周四）上午9:00"
    assert await talk.say("确认取消") == ["cancel.done"]
    assert (await statuses(database)).count(Status.CANCELLED) == 1
    assert await talk.say("我要改约", "reschedule_appointment") == ["booking.which"]
    assert await talk.say("取消我爸的号", "cancel_appointment") == ["cancel.sure"], "the one he still has"
    assert talk.last.params["department"] == "心血管内科"


@pytest.mark.parametrize(
    ("said", "old", "new"),
    [
        ("周二改周四上午", "11月24日（周二）上午9:00", "11月26日（周四）上午9:00"),
        ("周二没空 换到周四上午", "11月24日（周二）上午9:00", "11月26日（周四）上午9:00"),
        ("24号的挪到26号吧", "11月24日（周二）上午9:00", "11月26日（周四）上午9:00"),
        ("周二不行 周四上午可以 帮我换", "11月24日（周二）上午9:00", "11月26日（周四）上午9:00"),
        ("眼科的改到上午9点20", "11月24日（周二）上午9:00", "11月24日（周二）上午9:20"),
    ],
)
async def test_ways_of_moving(talker: Talker, said: str, old: str, new: str) -> None:
    talk = await talker(张伟="self")
    await book(talk, "周二上午李敏", "明天上午心内科")
    assert await talk.say(said, "reschedule_appointment") == ["booking.confirm_move"]
    assert (talk.last.params["old"], talk.last.params["when"]) == (old, new)


async def test_moving_later(talker: Talker) -> None:
    talk = await talker(张伟="self")
    await book(talk, "周二上午李敏")
    assert await talk.say("换个晚一点的", "reschedule_appointment") == ["booking.when_later"]
    assert talk.labels[0].startswith("11月26日（周四）上午 李敏")


TUESDAY, THURSDAY = "11月24日（周二）上午9:00", "11月26日（周四）上午9:00"


@pytest.mark.parametrize(
    ("booked", "said", "old", "new"),
    [
        ("周二上午李敏", "推后两天", TUESDAY, THURSDAY),
        ("周二上午李敏", "我周二的号往后推两天", TUESDAY, THURSDAY),
        ("周四上午李敏", "提前两天吧", THURSDAY, TUESDAY),
        ("周二上午李敏", "推迟一周", TUESDAY, "12月1日（周二）上午9:00"),
        ("周一上午赵强", "改到后一天", "11月23日（周一）上午9:00", "11月24日（周二）下午14:00"),
        ("周一上午赵强", "改到第二天下午", "11月23日（周一）上午9:00", "11月24日（周二）下午14:00"),
    ],
)
async def test_moving_by_days_counts_from_the_day_booked(
    talker: Talker, booked: str, said: str, old: str, new: str
) -> None:
    talk = await talker(张伟="self")
    await book(talk, booked)
    assert await talk.say(said, "reschedule_appointment") == ["booking.confirm_move"]
    assert (talk.last.params["old"], talk.last.params["when"]) == (old, new)


async def test_a_day_later_and_a_day_earlier_than_what_is_held(talker: Talker) -> None:
    talk = await talker(张伟="self")
    assert await talk.say("约周一上午赵强", "book_appointment") == ["booking.confirm"]
    assert await talk.say("后一天呢") == ["booking.confirm"]
    assert talk.last.params["when"] == "11月24日（周二）下午14:00"
    assert await talk.say("还是早一天吧") == ["booking.confirm"]
    assert talk.last.params["when"] == "11月23日（周一）上午9:00"


async def test_moving_by_days_to_what_is_over(talker: Talker) -> None:
    talk = await talker(张伟="self")
    await book(talk, "周二上午李敏")
    assert await talk.say("提前三天", "reschedule_appointment") == ["booking.when_past"]
    assert await talk.say("那推后两天") == ["booking.confirm_move"]
    assert talk.last.params["when"] == THURSDAY


async def test_moving_to_where_it_is(talker: Talker) -> None:
    talk = await talker(张伟="self")
    await book(talk, "周二上午李敏")
    assert await talk.say("改到周二", "reschedule_appointment") == ["booking.when_same"]
    assert await talk.say("周二9点20", "reschedule_appointment") == ["booking.confirm_move"]
    assert talk.last.params["when"] == "11月24日（周二）上午9:20"


async def test_moving_too_late(talker: Talker, clock: VirtualClock) -> None:
    talk = await talker(张伟="self")
    await book(talk, "明天上午心内科")
    clock.advance(timedelta(hours=23, minutes=30))
    assert await talk.say("改约", "reschedule_appointment") == ["cancel.too_late"]
    assert talk.form is None


async def test_nothing_to_move_or_cancel(talker: Talker) -> None:
    talk = await talker(张伟="self")
    for intent in ("reschedule_appointment", "cancel_appointment", "check_appointment", "ask_queue"):
        assert await talk.say("我的号", intent) == ["appointments.none"]
        assert talk.form is None


async def test_cancelling_is_deliberate(talker: Talker, database: Database) -> None:
    talk = await talker("sms", 张伟="self")
    await book(talk, "周二上午李敏")
    assert await talk.say("取消", "cancel_appointment") == ["cancel.sure"]
    assert talk.labels == ["保留", "确认取消"]
    assert await talk.say("1") == ["cancel.kept"]
    assert await statuses(database) == [Status.BOOKED]
    await talk.say("取消", "cancel_appointment")
    for again in ("2", "取消", "是的"):
        assert "cancel.done" not in await talk.say(again, "out_of_scope"), again
        assert talk.last.key == "cancel.sure"
    assert await statuses(database) == [Status.BOOKED]
    assert await talk.say("8") == ["cancel.done"]
    assert talk.form is None
    assert await statuses(database) == [Status.CANCELLED]
    assert await talk.say("1") == ["booking.when"]  # booked anew, same person and department
    assert talk.last.params["what"] == "眼科"


async def test_cancelling_one_of_several(talker: Talker, database: Database) -> None:
    talk = await talker(李静="self", 王秀兰="mother")
    await book(talk, "给李静约周二上午李敏", "给王秀兰约周四上午李敏", "给王秀兰约明天上午心内科")
    assert await talk.say("取消预约", "cancel_appointment") == ["cancel.which"]
    assert len(talk.labels) == 4
    assert await talk.say("我妈眼科的", "out_of_scope") == ["cancel.sure"]
    assert talk.last.params["when"] == "11月26日（周四）上午9:00"
    assert await talk.say("上一步") == ["cancel.which"]
    assert await talk.say("1") == ["cancel.sure"]
    assert await talk.say("不取消了", "deny") == ["cancel.kept"]
    assert await talk.say("把周四的眼科退了", "cancel_appointment") == ["cancel.sure"]
    assert await talk.say("确认取消") == ["cancel.done"]
    assert (await statuses(database)).count(Status.CANCELLED) == 1
    async with database.read() as session:
        assert (await session.scalars(select(BookingDraft))).all() == []


@pytest.mark.parametrize(
    "said", ["周二的号我去不了 取消吧", "周二去不了了", "把24号那个退了", "李敏的不看了"]
)
async def test_ways_of_cancelling(talker: Talker, said: str) -> None:
    talk = await talker(张伟="self")
    await book(talk, "周二上午李敏", "明天上午心内科")
    assert await talk.say(said, "cancel_appointment") == ["cancel.sure"]
    assert talk.last.params["doctor"] == "李敏"


async def test_cancelling_what_is_not_there(talker: Talker) -> None:
    talk = await talker(张伟="self")
    await book(talk, "周二上午李敏")
    assert await talk.say("把周五的退了", "cancel_appointment") == ["cancel.no_match", "cancel.sure"]
    assert await talk.say("算了") == ["cancel.kept"]


async def test_cancelling_too_late(talker: Talker, clock: VirtualClock, database: Database) -> None:
    talk = await talker(张伟="self")
    await book(talk, "明天上午心内科")
    clock.advance(timedelta(hours=23, minutes=30))
    assert await talk.say("取消预约", "cancel_appointment") == ["cancel.too_late"]
    assert talk.form is None
    assert await statuses(database) == [Status.BOOKED]


async def test_it_became_too_late_while_asked(
    talker: Talker, clock: VirtualClock, database: Database
) -> None:
    talk = await talker(张伟="self")
    await book(talk, "明天上午心内科")
    clock.advance(timedelta(hours=22, minutes=55))
    assert await talk.say("取消预约", "cancel_appointment") == ["cancel.sure"]
    clock.advance(timedelta(minutes=10))
    assert await talk.say("确认取消") == ["cancel.too_late"]
    assert await statuses(database) == [Status.BOOKED]


async def test_from_cancelling_to_moving(talker: Talker) -> None:
    talk = await talker(张伟="self")
    await book(talk, "周二上午李敏")
    await talk.say("取消", "cancel_appointment")
    assert await talk.say("还是改到周四吧", "reschedule_appointment") == ["booking.confirm_move"]
    assert talk.form == "booking"


async def test_nonsense_while_cancelling(talker: Talker, database: Database) -> None:
    talk = await talker(张伟="self")
    await book(talk, "周二上午李敏")
    await talk.say("取消", "cancel_appointment")
    assert await talk.say("哈哈哈哈", "out_of_scope", 0.3) == ["form.off_topic", "cancel.sure"]
    assert await statuses(database) == [Status.BOOKED]


async def test_listing(talker: Talker) -> None:
    talk = await talker(李静="self", 王秀兰="mother")
    await book(talk, "给李静约周二上午李敏", "给王秀兰约周四上午李敏")
    assert await talk.say("我的预约", "check_appointment") == ["appointments.list"]
    assert talk.last.params["count"] == 2
    assert talk.last.params["rows"].splitlines() == [
        "· 11月24日（周二）上午9:00 眼科 李敏 李静，门诊楼3层东",
        "· 11月26日（周四）上午9:00 眼科 李敏 王秀兰，门诊楼3层东",
    ]
    assert await talk.say("我妈约的哪天", "check_appointment") == ["appointments.list"]
    assert talk.last.params["count"] == 1
    assert await talk.say("2") == ["cancel.which"]


async def test_the_queue(talker: Talker, clock: VirtualClock) -> None:
    talk = await talker(李静="self", 王秀兰="mother")
    await book(talk, "给王秀兰约周二上午李敏", "给李静约周二上午李敏")
    assert await talk.say("还要等多久", "ask_queue") == ["queue.not_today"]
    clock.advance(timedelta(days=2, minutes=-30))
    assert await talk.say("前面还有几个", "ask_queue") == ["queue.next"]
    assert (talk.last.params["name"], talk.last.params["number"]) == ("王秀兰", 1)
    assert await talk.say("我自己排到几号了", "ask_queue") == ["queue.place"]
    assert (talk.last.params["number"], talk.last.params["ahead"], talk.last.params["minutes"]) == (2, 1, 10)
