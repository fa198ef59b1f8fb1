"""The words of the appointment conversations: templates within the vendor's rules, talks by SMS."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path

import pytest
import yaml

from actions.appointments import flow
from care.appointments.service import sweep_holds
from care.appointments.views import Why
from care.hospital.models import HealthcareService
from channels.sms.template import SmsTemplate
from channels.wording.catalogue import Template
from channels.wording.labels import label
from store.clock import VirtualClock
from store.database import Database
from tests.actions.conftest import WORDING, Talk, World, catalogue
from tests.actions.test_booking import fill

Talker = Callable[..., Awaitable[Talk]]
KEYS = list(yaml.safe_load((WORDING / "appointments.yml").read_text("utf-8")))
TEMPLATES = [template for template in catalogue().sms_templates() if template.key in KEYS]
HALF_DAY = "11月26日周四下午欧阳建平28元"
LONG = {
    "name": "欧阳建国",
    "relation": "母亲",
    "department": "门诊楼6层北",
    "what": "门诊楼6层北",
    "preparation": "请空腹8小时以上",
    "place": "门诊楼6层北",
    "room": "605",
    "when": "11月23日周一到11月29日周日上午",
    "when_short": "11月26日周四下午14:30",
    "old": "11月24日周二上午10:20",
    "there": "11月24日周二上午10:20",
    "until": "12月6日（周日）",
    "fee": "28元",
    "question": "12月24日（周四）不是周三，按12月24日（周四）对吗",
    "count": "3",
    "number": "12",
    "ahead": "11",
    "minutes": "110",
    "doctor": "欧阳建平",
    "substitute": "司马文丽",
    "kind": "专家号",
    "prepare": "抽血前空腹8小时，带上以前的化验单和片子，停药要先问医生",
    "missed": "2",
    "most": "3",
    "limit": "14岁及以下男性",
    "place_in_line": "前面有12位",
    "group": "妇儿五官皮肤",
    "days": "11月23日周一到12月6日周日上午",
}
"""Long but ordinary values."""


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda t: f"{t.key}-{t.options}")
def test_template_passes_review_and_is_short(template: Template) -> None:
    sms = SmsTemplate(template.code, template.key, template.text, "云江示范医院")
    assert sms.problems() == []
    assert not any(word in template.text for word in ("医疗", "问卷", "http"))
    values = {**LONG, **{f"o{n}": HALF_DAY for n in range(1, 5)}}
    if template.key.startswith("booking.when"):
        values[f"o{template.options}"] = label("other_date")  # always the last
    used = {name: values[name] for name in sms.variables}
    assert sms.problems_with(used) == []
    assert sms.parts(used) <= 2, sms.render(used)


def test_every_reply_has_a_template() -> None:
    assert {template.key for template in TEMPLATES} == set(KEYS)


async def test_a_long_talk_by_sms(
    talker: Talker, database: Database, world: World, clock: VirtualClock
) -> None:
    """Each reply is checked to have its template and to fit (`readable`)."""
    talk = await talker("sms", 李静="self", 王秀兰="mother", 赵小满="child")
    said = [
        ("挂号", "booking.who"),
        ("我爸", "booking.who_unlinked"),
        ("2", "booking.department"),
        ("换个人", "booking.who"),
        ("给孩子", "booking.department"),
        ("内科", "booking.department_page"),
        ("看内科", "booking.department_generic"),
        ("发热门诊", "booking.department_walk_in"),
        ("约李主任", "booking.doctor_several"),
        ("1", "booking.when"),
        ("换个医生", "booking.doctor"),
        ("1", "booking.when"),
        ("其他日期", "booking.date"),
        ("上一步", "booking.when"),
        ("周二2点", "booking.sure"),
        ("2", "booking.when_say_again"),
        ("昨天", "booking.when_past"),
        ("明年3月", "booking.when_beyond"),
        ("周二或者周四", "booking.when_unclear"),
        ("周六", "booking.when_full"),
        ("下周", "booking.when_in"),
        ("1", "booking.confirm"),
        ("换时间", "booking.when_change"),
        ("1", "booking.confirm"),
    ]
    for text, key in said:
        assert (await talk.say(text))[-1] == key, text
    clock.advance(timedelta(minutes=11))
    async with database.write("sweep") as session:
        await sweep_holds(session, now=clock.now())
    assert await talk.say("1") == ["booking.when_expired"]
    await fill(database, world, "赵强", 0)
    assert await talk.say("1") == ["booking.when_gone"]
    await fill(database, world, "赵强")
    assert await talk.say("约赵强") == ["booking.when_doctor_full"]
    assert await talk.say("1") == ["booking.confirm"]
    assert await talk.say("1") == ["booking.booked"]
    assert await talk.say("给赵小满约周二上午李敏") == ["booking.when_clash"]
    assert await talk.say("换成男科") == ["booking.when"]
    assert await talk.say("1") == ["booking.department_unfit_age"]
    await fill(database, world, "周立新")
    assert await talk.say("心内科") == ["booking.when_none"]
    assert await talk.say("退出") == ["booking.quit"]
    assert await talk.say("改到周二", "reschedule_appointment") == ["booking.when_same"]
    assert await talk.say("周四上午") == ["booking.confirm_move"]
    assert await talk.say("1") == ["booking.moved"]
    assert await talk.say("给王秀兰约周三上午呼吸内科") == ["booking.confirm"]
    assert await talk.say("1") == ["booking.booked"]
    assert await talk.say("查预约", "check_appointment") == ["appointments.list"]
    assert await talk.say("改预约", "reschedule_appointment") == ["booking.which"]
    assert await talk.say("退出") == ["booking.quit_move"]
    assert await talk.say("取消", "cancel_appointment") == ["cancel.which"]
    assert await talk.say("1") == ["cancel.sure"]
    assert await talk.say("8") == ["cancel.done"]
    assert await talk.say("取消", "cancel_appointment") == ["cancel.sure"]
    assert await talk.say("1") == ["cancel.kept"]
    assert await talk.say("排队", "ask_queue") == ["queue.not_today"]


async def test_relatives_by_sms(talker: Talker) -> None:
    talk = await talker("sms", 李静="self", 王秀兰="mother")
    assert await talk.say("给我妈挂男科") == ["booking.who_sure_department"]
    assert await talk.say("3") == ["booking.department"]
    assert await talk.say("我心慌气短", "describe_symptom") == ["booking.department_suggest"]
    assert await talk.say("退出") == ["booking.quit"]
    assert await talk.say("帮我妈挂号") == ["booking.who_sure"]
    assert await talk.say("1") == ["booking.department"]
    assert await talk.say("男科周二上午") == ["booking.department_unfit_sex"]


def test_every_refusal_has_its_words() -> None:
    asked_again = {Why.SAME_HALF_DAY, Why.OVERLAP, Why.AGE, Why.SEX}
    assert {*flow.SEARCH_AGAIN, *flow.ENDS_IT, *asked_again} == set(Why)
    leads = {f"booking.when_{lead}" for lead in flow.SEARCH_AGAIN.values()}
    assert leads | set(flow.ENDS_IT.values()) <= set(KEYS)


def test_every_key_in_the_code_has_its_words() -> None:
    code = "".join(path.read_text("utf-8") for path in Path(flow.__file__).parent.glob("*.py"))
    said = set(re.findall(r'"((?:booking|cancel|appointments|queue)\.[a-z_]+)"', code))
    leads = re.findall(r'state\.go\((WHEN|DEPARTMENT|WHO|DOCTOR), "([a-z_]+)"', code)
    said |= {f"booking.{step.lower()}_{lead}" for step, lead in leads}
    assert said - {"booking.when_", "booking.department_"} <= set(KEYS)
    assert len(said) > 30


async def test_from_nothing_to_a_booking_by_digits_alone(
    talker: Talker, database: Database, world: World
) -> None:
    talk = await talker("sms", 张伟="self")
    assert await talk.tap("book_appointment") == ["booking.department"]
    assert talk.labels == ["内科", "妇儿五官皮肤", "找人工"]
    assert await talk.say("2") == ["booking.department_page"]
    assert talk.labels == ["儿科", "门诊楼3层东", "眼科"], "a sensitive one by its place"
    assert await talk.say("3") == ["booking.when"]
    assert await talk.say("4") == ["booking.date"]
    assert talk.labels[-1] == "更晚的日期"
    assert await talk.say("4") == ["booking.date"]
    assert await talk.say("1") == ["booking.when_in"]
    assert await talk.say("1") == ["booking.confirm"]
    assert await talk.say("1") == ["booking.booked"]


async def test_a_long_group_is_leafed_through_by_digits(
    talker: Talker, database: Database, world: World
) -> None:
    async with database.write() as session:
        for name in ("眼科", "男科", "儿科"):
            row = await session.get_one(HealthcareService, world.departments[name])
            row.standard = "消化内科"
    talk = await talker("sms", 张伟="self")
    assert await talk.tap("book_appointment") == ["booking.department"]
    assert await talk.say("1") == ["booking.department_page"]
    assert (len(talk.labels), talk.labels[-1]) == (4, "更多科室")
    first = talk.labels[:3]
    assert await talk.say("4") == ["booking.department_page"]
    assert talk.labels[-1] == "从头看"
    assert not set(first) & set(talk.labels)
    assert await talk.say("3") == ["booking.department_page"]
    assert talk.labels[:3] == first


async def test_several_visits_are_heard_moved_and_cancelled_by_digits(
    talker: Talker, database: Database, world: World, clock: VirtualClock
) -> None:
    talk = await talker("sms", 张伟="self", 王秀兰="mother")
    for text in ("给张伟约周二上午眼科", "给王秀兰约周四上午眼科"):
        while (await talk.say(text))[-1] != "booking.booked":
            text = "1"
    assert await talk.tap("check_appointment") == ["appointments.list"]
    assert (talk.last.params["name"], talk.labels) == ("张伟", ["改约", "取消预约", "下一个"])
    assert await talk.say("3") == ["appointments.list"]
    assert (talk.last.params["name"], talk.last.params["number"]) == ("王秀兰", 2)
    assert talk.labels[-1] == "从头看"
    assert await talk.say("2") == ["cancel.sure"]
    assert await talk.say("8") == ["cancel.done"]
    assert talk.last.params["name"] == "王秀兰"
    assert await talk.tap("check_appointment") == ["appointments.list"]
    assert await talk.say("1") == ["booking.when"], "moved with one digit more"
