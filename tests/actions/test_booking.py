"""Booking, as a conversation: say something, look at the reply and at the rows."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import func, select, update

from care.appointments.models import Appointment, BookingDraft, Slot, SlotHold, Status
from care.appointments.service import sweep_holds
from care.patients import service as patients
from care.patients.models import PatientStatus
from store.clock import VirtualClock
from store.database import Database
from tests.actions.conftest import Talk, World

Talker = Callable[..., Awaitable[Talk]]


async def booked(database: Database) -> list[Appointment]:
    async with database.read() as session:
        return list(await session.scalars(select(Appointment).order_by(Appointment.created_at)))


async def count(database: Database, table: type) -> int:
    async with database.read() as session:
        return await session.scalar(select(func.count()).select_from(table)) or 0


async def taken(database: Database) -> int:
    async with database.read() as session:
        return await session.scalar(select(func.sum(Slot.taken))) or 0


async def fill(database: Database, world: World, doctor: str, weekday: int | None = None) -> None:
    """Sell a doctor's places, on one weekday (0 is Monday) or all."""
    async with database.write("fill") as session:
        rows = await session.scalars(select(Slot).where(Slot.practitioner_id == world.doctors[doctor]))
        for row in rows:
            if weekday is None or row.day.weekday() == weekday:
                row.taken = row.capacity


async def test_department_half_day_confirm(talker: Talker, database: Database, world: World) -> None:
    talk = await talker(张伟="self")
    assert await talk.say("我想挂个眼科") == ["booking.when"]
    assert talk.last.params["what"] == "眼科"
    assert talk.labels == [
        "11月23日（周一）上午 赵强 主治医师 8元",
        "11月24日（周二）上午 李敏 副主任医师 18元",
        "11月24日（周二）下午 赵强 主治医师 8元",
        "其他日期",
        "指定医生",
    ]
    assert await talk.say("第二个吧") == ["booking.confirm"]
    assert talk.last.params == {
        "name": "张伟",
        "department": "眼科",
        "doctor": "李敏",
        "title": "副主任医师",
        "when": "11月24日（周二）上午9:00",
        "when_short": "11月24日周二上午9:00",
        "date_short": "11月24日周二",
        "place": "门诊楼3层东",
        "fee": "18元",
        "old": "",
    }
    assert await count(database, SlotHold) == 1
    assert await talk.say("1") == ["booking.booked"]
    assert talk.form is None
    (row,) = await booked(database)
    assert (row.status, row.patient_id, row.practitioner_id, row.created_via) == (
        Status.BOOKED,
        world.people["张伟"],
        world.doctors["李敏"],
        "wechat",
    )
    assert row.start == datetime(2026, 11, 24, 1, 0, tzinfo=UTC)
    assert await count(database, SlotHold) == await count(database, BookingDraft) == 0


@pytest.mark.parametrize(
    ("said", "doctor", "when"),
    [
        ("周二上午李敏", "李敏", "11月24日（周二）上午9:00"),
        ("挂李敏主任周四的号", "李敏", "11月26日（周四）上午9:00"),
        ("帮我约24号下午的眼科", "赵强", "11月24日（周二）下午14:00"),
        ("明天上午眼科", "赵强", "11月23日（周一）上午9:00"),
        ("周二9:20眼科李敏", "李敏", "11月24日（周二）上午9:20"),
        ("老人家走不动 想提前约好周二上午去看李敏", "李敏", "11月24日（周二）上午9:00"),
        ("心内科 下周四下午", "周立新", "11月26日（周四）下午14:00"),
        ("李医生周三上午的号", "李建平", "11月25日（周三）上午9:00"),
    ],
)
async def test_all_in_one_sentence(talker: Talker, said: str, doctor: str, when: str) -> None:
    talk = await talker(张伟="self")
    assert await talk.say(said) == ["booking.confirm"]
    assert (talk.last.params["doctor"], talk.last.params["when"]) == (doctor, when)


async def test_reference_conversation(talker: Talker, database: Database, world: World) -> None:
    """For the mother, a question in between, a change of mind, and back to what was held."""
    talk = await talker(李静="self", 王秀兰="mother")
    assert await talk.say("我妈眼睛看东西模糊想挂个号") == ["booking.who_sure_department"]
    assert talk.labels == ["是，给母亲（王秀兰）", "给我自己", "换个科室"]
    assert talk.last.params["department"] == "眼科"
    assert await talk.say("1") == ["booking.when"]
    asked = await talk.say("李敏医生怎么样", "ask_doctor")
    assert asked == ["doctor.one", "booking.when"]
    assert talk.said[0].options == ()
    await fill(database, world, "赵强", 3)
    assert await talk.say("2") == ["booking.confirm"]
    held = talk.last.params["when"]
    assert await talk.say("等下 周四下午有吗") == ["booking.when_full"]
    assert talk.last.params["when"] == "11月26日（周四）下午"
    assert talk.labels[0] == f"还是{held}"
    assert len(talk.labels) == 5
    assert await talk.say("1") == ["booking.confirm"]
    assert talk.last.params["when"] == held
    assert await talk.say("好的", "affirm") == ["booking.booked"]
    (row,) = await booked(database)
    assert row.patient_id == world.people["王秀兰"]
    assert await taken(database) == 1


async def test_for_whom_is_asked_when_several(talker: Talker) -> None:
    talk = await talker(李静="self", 王秀兰="mother")
    assert await talk.say("挂眼科") == ["booking.who"]
    assert talk.labels == ["李静（本人）", "王秀兰（母亲）", "给别人约，先绑定"]
    assert await talk.say("给我妈") == ["booking.when"]
    assert await talk.say("1") == ["booking.confirm"]
    assert talk.last.params["name"] == "王秀兰"


async def test_a_full_name_needs_no_confirmation(talker: Talker) -> None:
    talk = await talker(李静="self", 王秀兰="mother")
    assert await talk.say("给王秀兰约周二上午李敏") == ["booking.confirm"]
    assert talk.last.params["name"] == "王秀兰"


async def test_a_relative_who_is_not_bound(talker: Talker) -> None:
    talk = await talker(张伟="self")
    assert await talk.say("给我妈挂眼科") == ["booking.who_unlinked"]
    assert talk.last.params["relation"] == "母亲"
    assert [option.intent for option in talk.last.options] == ["choose", "bind_patient"]
    assert await talk.say("2") == []
    assert (talk.led_to, talk.form) == (["action_bind_start"], None)


async def test_a_recommending_friend_is_not_the_patient(talker: Talker) -> None:
    talk = await talker(张伟="self")
    assert await talk.say("我朋友推荐的李敏医生我想约周二上午") == ["booking.confirm"]
    assert talk.last.params["name"] == "张伟"


async def test_unbound(talker: Talker, database: Database) -> None:
    talk = await talker()
    assert await talk.say("挂号") == ["bind.needed"]
    assert [option.intent for option in talk.last.options] == ["bind_patient", "request_human"]
    assert talk.form is None
    assert await count(database, BookingDraft) == 0


async def test_from_an_option_of_department_advice(talker: Talker, world: World) -> None:
    talk = await talker(张伟="self")
    assert await talk.tap("book_appointment", department_id=world.departments["心血管内科"].hex) == [
        "booking.when"
    ]
    assert await talk.say("退出") == ["booking.quit"]
    assert await talk.tap("book_appointment", standard="眼科") == ["booking.when"]
    assert await talk.say("退出") == ["booking.quit"]
    assert await talk.tap("book_appointment", practitioner_id=world.doctors["李敏"].hex) == ["booking.when"]
    assert talk.last.params["what"] == "李敏"


async def test_a_patient_in_the_params_must_be_linked(
    talker: Talker, database: Database, world: World
) -> None:
    talk = await talker(张伟="self", 赵小满="child")
    keys = await talk.tap("book_appointment", standard="眼科", patient_id=world.people["王秀兰"].hex)
    assert keys == ["booking.who"]


async def test_a_complaint_is_advised(talker: Talker) -> None:
    talk = await talker(张伟="self")
    assert await talk.say("挂号") == ["booking.department"]
    assert await talk.say("心慌气短好几天了", "describe_symptom") == ["booking.department_suggest"]
    assert talk.labels[0] == "心血管内科"
    assert await talk.say("1") == ["booking.when"]


async def test_a_general_word_is_not_guessed(talker: Talker) -> None:
    talk = await talker(张伟="self")
    assert await talk.say("挂个内科") == ["booking.department_generic"]
    assert talk.labels == ["心血管内科", "呼吸内科", "找人工"]


async def test_walk_in_clinics_are_not_booked(talker: Talker) -> None:
    talk = await talker(张伟="self")
    assert await talk.say("发热门诊挂号") == ["booking.department_walk_in"]
    assert talk.last.params["place"] == "门诊楼3层东"


async def test_two_doctors_of_one_surname(talker: Talker) -> None:
    talk = await talker(张伟="self")
    assert await talk.say("约李主任") == ["booking.doctor_several"]
    assert talk.labels == ["李敏 副主任医师 眼科", "李建平 主任医师 呼吸内科", "找人工"]
    assert await talk.say("2") == ["booking.when"]
    assert talk.last.params["what"] == "李建平"


# --- time ---


async def test_a_doubtful_hour_is_asked(talker: Talker) -> None:
    talk = await talker(张伟="self")
    assert await talk.say("眼科 周二2点") == ["booking.sure"]
    assert talk.last.params["question"] == "2点是下午吗"
    assert await talk.say("是的", "affirm") == ["booking.confirm"]
    assert talk.last.params["when"] == "11月24日（周二）下午14:00"


async def test_a_doubtful_hour_is_put_right(talker: Talker) -> None:
    talk = await talker(张伟="self")
    await talk.say("眼科 周二2点")
    assert await talk.say("不是", "deny") == ["booking.when_say_again"]
    assert await talk.say("上午") == ["booking.when_in"]
    assert all("上午" in label for label in talk.labels[:3])


@pytest.mark.parametrize(
    ("said", "days", "part"),
    [
        ("下周随便哪天下午", ("11月24日", "11月27日"), "下午"),
        ("周二或者周三上午", ("11月24日", "11月25日"), "上午"),
        ("尽量早上", ("11月2", "11月3"), "上午"),
    ],
)
async def test_whenever_it_suits_you(talker: Talker, said: str, days: tuple[str, ...], part: str) -> None:
    talk = await talker(张伟="self")
    await talk.say("眼科")
    assert await talk.say(said) == ["booking.when_in"]
    offered = [one for one in talk.labels if "医师" in one]
    assert offered and all(one.startswith(days) and part in one for one in offered)


async def test_two_times_are_not_guessed(talker: Talker) -> None:
    talk = await talker(张伟="self")
    assert await talk.say("眼科周二或者周四") == ["booking.when_unclear"]
    assert talk.last.params["said"] == "周四"


@pytest.mark.parametrize(
    ("said", "key"),
    [("昨天", "booking.when_past"), ("今天上午8点", "booking.when_past"), ("明年3月", "booking.when_beyond")],
)
async def test_times_that_cannot_be(talker: Talker, database: Database, said: str, key: str) -> None:
    talk = await talker(张伟="self")
    await talk.say("眼科")
    assert await talk.say(said) == [key]
    assert talk.labels[0].startswith("11月23日（周一）")
    assert await count(database, SlotHold) == 0


async def test_a_past_time_is_told_after_the_question_for_whom(talker: Talker) -> None:
    talk = await talker(李静="self", 王秀兰="mother")
    assert await talk.say("昨天的眼科") == ["booking.who"]
    assert await talk.say("1") == ["booking.when_past"]


async def test_earlier_and_later(talker: Talker) -> None:
    talk = await talker(张伟="self")
    await talk.say("眼科周四上午")
    assert await talk.say("有早一点的吗") == ["booking.when_earlier"]
    assert talk.labels[1].startswith("11月23日（周一）上午 赵强")
    assert await talk.say("2") == ["booking.confirm"]
    assert await talk.say("再早一点呢") == ["booking.when_no_earlier"]
    assert await talk.say("1") == ["booking.confirm"]
    assert await talk.say("晚一点的有没有") == ["booking.when_later"]
    assert talk.labels[:3] == [
        "还是11月23日（周一）上午9:00",
        "11月23日（周一）上午9:10",
        "11月23日（周一）上午9:20",
    ]
    assert await talk.say("3") == ["booking.confirm"]
    assert talk.last.params["when"] == "11月23日（周一）上午9:20"
    assert await talk.say("再晚一点") == ["booking.when_later"]
    assert talk.labels[1].startswith("11月24日（周二）上午 李敏")
    assert await talk.say("早一点") == ["booking.when_earlier"]
    assert talk.labels[1:3] == ["11月23日（周一）上午9:10", "11月23日（周一）上午9:00"]


@pytest.mark.parametrize(
    ("said", "when"),
    [
        ("周二有没有眼科的号", "11月24日（周二）"),
        ("周二行不行 眼科", "11月24日（周二）"),
        ("周二呢 周二有吗 看眼科", "11月24日（周二）"),
        ("帮我约一下周二的眼科", "11月24日（周二）"),
        ("医生让我这周看完眼科下周二复查", "11月24日（周二）"),
    ],
)
async def test_ways_of_saying_a_day(talker: Talker, said: str, when: str) -> None:
    talk = await talker(张伟="self")
    assert await talk.say(said) in (["booking.when_in"], ["booking.when_unclear"])
    assert talk.last.key == "booking.when_unclear" or talk.last.params["when"] == when


async def test_relatives_in_other_words(talker: Talker) -> None:
    talk = await talker(张伟="self", 赵小满="child")
    assert await talk.say("帮爷爷预约眼科 他八十二了") == ["booking.who_unlinked"]
    assert talk.last.params["relation"] == "家人"
    await talk.say("退出")
    assert await talk.say("娃要看儿科 后天能约不") == ["booking.who_sure_department"]


async def test_other_dates(talker: Talker) -> None:
    talk = await talker(张伟="self")
    await talk.say("眼科")
    assert await talk.say("4") == ["booking.date"]
    assert talk.labels == [
        "11月26日（周四）",
        "11月27日（周五）",
        "11月30日（周一）",
        "12月1日（周二）",
        "更晚的日期",
    ]
    assert await talk.say("5") == ["booking.date"]
    assert talk.labels == ["12月3日（周四）", "12月4日（周五）", "回到刚才的时间"]
    assert await talk.say("3") == ["booking.when_change"]
    assert await talk.say("4") == ["booking.date"]
    assert await talk.say("1") == ["booking.confirm"]
    assert talk.last.params["when"] == "11月26日（周四）上午9:00"


async def test_full_doctor_offers_colleagues(talker: Talker, database: Database, world: World) -> None:
    talk = await talker(张伟="self")
    await fill(database, world, "李敏")
    assert await talk.say("约李敏") == ["booking.when_doctor_full"]
    assert all("赵强" in label for label in talk.labels[:2])
    assert talk.labels[2] == "候补，有号告诉我"


async def test_nothing_left_at_all(talker: Talker, database: Database, world: World) -> None:
    talk = await talker(张伟="self")
    await fill(database, world, "周立新")
    assert await talk.say("心内科") == ["booking.when_none"]
    assert talk.labels == ["候补，有号告诉我", "换个科室", "找人工"]
    assert await talk.say("换个科室") == ["booking.department"]
    assert await talk.say("眼科") == ["booking.when"]


async def test_the_place_is_gone_meanwhile(talker: Talker, database: Database, world: World) -> None:
    talk = await talker(张伟="self")
    await talk.say("眼科")
    await fill(database, world, "李敏", 1)
    assert await talk.say("2") == ["booking.when_gone"]
    assert not any("李敏" in label and "周二" in label for label in talk.labels)
    assert talk.form == "booking"


# --- changes of mind ---


async def test_change_of_doctor_department_and_person(
    talker: Talker, database: Database, world: World
) -> None:
    talk = await talker(李静="self", 王秀兰="mother")
    await talk.say("给我自己约周二上午李敏")
    assert talk.last.key == "booking.confirm"
    assert await talk.say("还是给我妈约吧") == ["booking.confirm"]
    assert (talk.last.params["name"], talk.last.params["when"]) == ("王秀兰", "11月24日（周二）上午9:00")
    assert await talk.say("换个医生") == ["booking.doctor"]
    assert await talk.say("赵强") == ["booking.when_full"]
    assert await talk.say("换成心内科") == ["booking.when"]
    assert talk.labels[0] == "还是11月24日（周二）上午9:00"
    assert await talk.say("2") == ["booking.confirm"]
    assert talk.last.params["department"] == "心血管内科"
    assert await talk.say("换个时间") == ["booking.when_change"]
    assert await talk.say("换个人") == ["booking.who"]
    assert await talk.say("1") == ["booking.confirm"]
    assert talk.last.params["name"] == "李静"
    assert await count(database, SlotHold) == await taken(database) == 1


async def test_an_hour_alone_means_the_day_spoken_of(talker: Talker) -> None:
    talk = await talker(张伟="self")
    await talk.say("周二上午眼科")
    assert await talk.say("下午有吗") == ["booking.confirm"]
    assert talk.last.params["when"] == "11月24日（周二）下午14:00"
    assert await talk.say("上午九点二十的呢") == ["booking.confirm"]
    assert talk.last.params["when"] == "11月24日（周二）上午9:20"


async def test_the_last_place_held_is_still_there_when_asked_for_again(
    talker: Talker, database: Database, world: World
) -> None:
    talk = await talker(张伟="self")
    async with database.write("leave one place") as session:
        slots = (
            await session.scalars(select(Slot).where(Slot.practitioner_id == world.doctors["李敏"]))
        ).all()
        for row in slots[1:]:
            row.taken = row.capacity
    assert await talk.say("李敏周二上午") == ["booking.confirm"]
    assert await talk.say("周二上午") == ["booking.confirm"]
    assert await talk.say("确认") == ["booking.booked"]


async def test_back_goes_step_by_step(talker: Talker) -> None:
    talk = await talker(李静="self", 王秀兰="mother")
    await talk.say("挂号")
    await talk.say("1")
    assert talk.last.key == "booking.department"
    await talk.say("眼科")
    await talk.say("1")
    assert talk.last.key == "booking.confirm"
    assert await talk.say("上一步") == ["booking.when"]
    assert await talk.say("上一步") == ["booking.department"]
    assert await talk.say("上一步", "go_back") == ["booking.who"]
    assert await talk.say("上一步") == ["form.first_step", "booking.who"]
    assert await talk.say("2") == ["booking.department"]


async def test_back_restores_the_person_and_the_slot(
    talker: Talker, database: Database, world: World
) -> None:
    talk = await talker(李静="self", 王秀兰="mother")
    await talk.say("给我自己约周二上午李敏")
    await talk.say("还是给我妈约吧")
    assert talk.last.params["name"] == "王秀兰"
    await talk.say("周四上午有吗")
    assert await talk.say("上一步") == ["booking.confirm"]
    assert (talk.last.params["name"], talk.last.params["when"]) == ("王秀兰", "11月24日（周二）上午9:00")
    assert await talk.say("上一步") == ["booking.confirm"]
    assert talk.last.params["name"] == "李静"
    assert await count(database, SlotHold) == await taken(database) == 1
    assert await talk.say("确认") == ["booking.booked"]
    (row,) = await booked(database)
    assert (row.patient_id, row.day.day) == (world.people["李静"], 24)


async def test_back_to_a_list_keeps_nothing_for_another_person(talker: Talker, database: Database) -> None:
    talk = await talker(李静="self", 王秀兰="mother")
    await talk.say("给我自己挂眼科")
    await talk.say("给我妈约周二上午")
    assert talk.last.params["name"] == "王秀兰"
    assert await talk.say("上一步") == ["booking.when"]
    assert not talk.labels[0].startswith("还是")
    assert await taken(database) == 0


async def test_quitting_gives_the_place_back(talker: Talker, database: Database) -> None:
    talk = await talker(张伟="self")
    await talk.say("周二上午李敏")
    assert await taken(database) == 1
    assert await talk.say("退出") == ["booking.quit"]
    assert talk.form is None
    assert await taken(database) == await count(database, BookingDraft) == 0


async def test_a_new_booking_gives_up_the_old_draft(talker: Talker, database: Database) -> None:
    talk = await talker(张伟="self")
    await talk.say("周二上午李敏")
    talk.form = None  # the engine lost its tracker
    assert await talk.say("心内科明天上午") == ["booking.confirm"]
    assert await taken(database) == 1


async def test_a_lost_draft_begins_again(talker: Talker, database: Database) -> None:
    talk = await talker(张伟="self")
    await talk.say("眼科")
    async with database.write("lose it") as session:
        await session.delete((await session.scalars(select(BookingDraft))).one())
    assert await talk.say("心内科") == ["booking.when"]
    assert talk.last.params["what"] == "心血管内科"


async def test_something_else_in_between(talker: Talker) -> None:
    talk = await talker(张伟="self")
    await talk.say("周二上午李敏")
    assert await talk.say("我有哪些预约", "check_appointment") == ["appointments.none", "booking.confirm"]
    assert talk.said[0].options == ()
    assert await talk.say("我老是心慌该看什么科", "describe_symptom") == [
        "advice.departments",
        "booking.confirm",
    ]
    assert await talk.say("明天我有没有号", "check_appointment") == ["appointments.none", "booking.confirm"]
    assert await talk.say("谢谢", "thank") == ["smalltalk.thank_short", "booking.confirm"]
    assert await talk.say("我昨天晚上没睡好觉啊怎么办", "nlu_fallback", 0.3) == [
        "form.not_understood",
        "booking.confirm",
    ]
    assert await talk.say("今天股票怎么样", "out_of_scope") == ["form.off_topic", "booking.confirm"]
    assert await talk.say("确认") == ["booking.booked"]


async def test_led_out_of_the_form_frees_the_place(talker: Talker, database: Database) -> None:
    talk = await talker(张伟="self")
    await talk.say("周一上午赵强")
    await talk.say("1")
    await talk.say("周二上午李敏")
    assert await talk.say("我要把之前约的取消掉", "cancel_appointment") == ["cancel.sure"]
    assert (talk.led_to, talk.form) == (["action_cancel_start"], "cancel")
    assert await taken(database) == 1


# --- holds and refusals ---


async def test_an_expired_hold_still_books_while_the_place_is_free(
    talker: Talker, clock: VirtualClock
) -> None:
    talk = await talker(张伟="self")
    await talk.say("周二上午李敏")
    clock.advance(timedelta(minutes=12))
    assert await talk.say("确认") == ["booking.booked"]


async def test_an_expired_hold_that_was_swept_is_told(
    talker: Talker, clock: VirtualClock, database: Database
) -> None:
    talk = await talker(张伟="self")
    await talk.say("周二上午李敏")
    clock.advance(timedelta(minutes=12))
    async with database.write("sweep") as session:
        await sweep_holds(session, now=clock.now())
    assert await talk.say("确认") == ["booking.when_expired"]
    assert talk.form == "booking"
    assert await talk.say("1") == ["booking.confirm"]
    assert await talk.say("确认") == ["booking.booked"]


async def test_a_question_after_the_hold_ran_out_finds_it_gone(
    talker: Talker, clock: VirtualClock, database: Database
) -> None:
    talk = await talker(张伟="self")
    await talk.say("周二上午李敏")
    clock.advance(timedelta(minutes=12))
    async with database.write("sweep") as session:
        await sweep_holds(session, now=clock.now())
    assert await talk.say("谢谢", "thank") == ["smalltalk.thank_short", "booking.when_expired"]


async def test_a_second_one_in_the_same_half_day(talker: Talker, database: Database) -> None:
    talk = await talker(张伟="self")
    await talk.say("周二上午李敏")
    await talk.say("确认")
    assert await talk.say("周二上午眼科") == ["booking.when_clash"]
    assert talk.last.params["there"] == "11月24日（周二）上午9:00"
    assert not any(label.startswith("11月24日（周二）上午") for label in talk.labels)


async def test_two_departments_at_one_time(talker: Talker, database: Database) -> None:
    talk = await talker(张伟="self")
    await talk.say("周二上午李敏")
    await talk.say("确认")
    assert await talk.say("周二上午男科") == ["booking.when_overlap"]
    assert talk.last.params["there"] == "11月24日（周二）上午9:00"
    assert talk.last.params["other"] == "眼科"
    assert await count(database, SlotHold) == 0
    assert talk.labels[:2] == ["11月24日（周二）上午9:10", "11月24日（周二）上午9:20"]
    assert await talk.say("1") == ["booking.confirm"]
    assert talk.last.params["when"] == "11月24日（周二）上午9:10"
    assert await talk.say("确认") == ["booking.booked"]
    assert await talk.say("眼科的改到周二上午9点10分", "reschedule_appointment") == ["booking.when_overlap"]
    assert talk.last.params["other"] == "男科"


async def test_two_departments_at_one_time_in_two_conversations(talker: Talker, database: Database) -> None:
    talk, other = await talker(张伟="self"), await talker("sms", 张伟="self")
    assert await talk.say("周二上午李敏") == ["booking.confirm"]
    assert await other.say("周二上午男科") == ["booking.confirm"]
    assert await talk.say("确认") == ["booking.booked"]
    assert await other.say("1") == ["booking.when_overlap"]
    assert (len(await booked(database)), await count(database, SlotHold)) == (1, 0)
    assert await other.say("1") == ["booking.confirm"]
    assert await other.say("1") == ["booking.booked"]
    assert await taken(database) == 2


async def test_too_many(talker: Talker, database: Database) -> None:
    talk = await talker(张伟="self")
    for said in ("周二上午李敏", "周四上午李敏", "明天上午心内科", "周三上午呼吸内科"):
        await talk.say(said)
        assert await talk.say("确认") == ["booking.booked"]
    assert await talk.say("周二下午眼科") == ["booking.too_many_upcoming"]
    assert talk.form is None
    assert await count(database, BookingDraft) == 0


async def test_too_many_in_one_day(talker: Talker) -> None:
    talk = await talker(张伟="self")
    for _ in range(6):
        await talk.say("周二上午李敏")
        assert await talk.say("确认") == ["booking.booked"]
        await talk.say("取消", "cancel_appointment")
        assert await talk.say("确认取消") == ["cancel.done"]
    assert await talk.say("周二上午李敏") == ["booking.too_many_today"]
    assert [option.intent for option in talk.last.options] == ["check_appointment", "request_human"]


async def test_somebody_who_died_is_not_offered(
    talker: Talker, database: Database, world: World, clock: VirtualClock
) -> None:
    talk = await talker(李静="self", 王秀兰="mother")
    async with database.write("died") as session:
        patient = await patients.get(session, world.people["王秀兰"])
        assert patient is not None
        await patients.set_status(session, patient, PatientStatus.DIED, at=clock.now(), actor="test")
    assert await talk.say("挂眼科") == ["booking.when"]
    assert await talk.say("1") == ["booking.confirm"]
    assert talk.last.params["name"] == "李静"


async def test_age_and_sex(talker: Talker) -> None:
    talk = await talker(张伟="self", 王秀兰="mother")
    assert await talk.say("给王秀兰约周二上午男科") == ["booking.department_unfit_sex"]
    assert talk.labels == ["换个科室", "换个人", "找人工"]
    assert await talk.say("儿科周三下午") == ["booking.department_unfit_age"]
    assert await talk.say("心内科明天") == ["booking.confirm"]


async def test_the_time_of_the_slot_came(talker: Talker, clock: VirtualClock, database: Database) -> None:
    talk = await talker(张伟="self")
    await talk.say("周一上午9点眼科")
    clock.advance(timedelta(days=1, minutes=1))
    assert await talk.say("确认") == ["booking.when_begun"]
    assert await taken(database) == 0


async def test_sensitive_departments_are_not_named_by_sms(talker: Talker) -> None:
    talk = await talker("sms", 张伟="self")
    await talk.say("挂男科")
    assert talk.last.params["what"] == "门诊楼3层东"
    await talk.say("1")
    assert talk.last.params["department"] == "门诊楼3层东"
    assert "男科" not in str([talk.last.params, talk.labels])


async def test_sms_offers_four_at_most(talker: Talker) -> None:
    talk = await talker("sms", 张伟="self")
    await talk.say("挂眼科")
    assert talk.labels == [
        "11月23日周一上午赵强8元",
        "11月24日周二上午李敏18元",
        "11月24日周二下午赵强8元",
        "其他日期",
    ]
    await talk.say("2")
    await talk.say("周四下午有吗")
    assert len(talk.labels) == 4
    assert talk.labels[0] == "还是11月24日周二上午9:00"


async def test_a_blocked_slot_is_not_booked(talker: Talker, database: Database, world: World) -> None:
    talk = await talker(张伟="self")
    await talk.say("周二上午李敏")
    async with database.write("block") as session:
        await session.execute(
            update(Slot).where(Slot.practitioner_id == world.doctors["李敏"]).values(status="blocked")
        )
    assert await talk.say("确认") == ["booking.when_gone"]
    assert talk.last.params["what"] == "眼科"
    assert all("赵强" in label for label in talk.labels[:3])
    assert await count(database, Appointment) == 0
