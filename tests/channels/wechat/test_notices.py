"""Notices: which reply may be told by which template, and what its fields take."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from channels.outbox.ports import Rung
from channels.reply import Reply
from channels.simulator.wechat_fields import check_fields
from channels.wechat.notice_fields import Unfit, fit
from channels.wechat.notices import NoticeBook, NoticeError, read_ids

FOLDER = Path(__file__).parents[3] / "data" / "seed" / "wording"
FACTS = {"hospital": "云江市示范医院", "landline": "0571-00000000"}
BOOKED = Reply(
    "booking.booked",
    {"name": "李桂兰", "department": "眼科", "when": "11月24日（周二）上午9:30", "place": "门诊楼3层眼科"},
)

FITS = [
    ("thing1", "眼科", "眼科"),
    ("thing1", "很" * 20, "很" * 20),
    ("thing1", "很" * 21, "很" * 19 + "…"),
    ("thing1", "两\n行  字", "两 行 字"),
    ("character_string2", "A-0012", "A-0012"),
    ("character_string2", "x" * 32, "x" * 32),
    ("phrase3", "已转人工", "已转人工"),
    ("name4", "欧阳娜娜", "欧阳娜娜"),
    ("name4", "Anna Smith", "Anna Smith"),
    ("time5", "2026年11月24日 09:30", "2026年11月24日 09:30"),
    ("time5", "2026-11-24T09:30:00+08:00", "2026年11月24日 09:30"),
    ("time5", "09:30", "09:30"),
    ("date6", "2026年11月24日", "2026年11月24日"),
    ("number7", "120", "120"),
    ("number7", "36.5", "36.5"),
    ("amount8", "18.00元", "18.00元"),
    ("amount8", "¥18", "¥18"),
    ("phone_number9", "0571-00000000", "0571-00000000"),
    ("symbol10", "！", "！"),
    ("letter11", "ABC", "ABC"),
]
UNFIT = [
    ("thing1", " "),
    ("character_string2", "中文"),
    ("character_string2", "x" * 33),
    ("phrase3", "正在处理当中"),
    ("phrase3", "ok"),
    ("name4", "一二三四五六七八九十一"),
    ("time5", "明天上午"),
    ("time5", "2026-13T"),
    ("date6", "下周"),
    ("number7", "一百"),
    ("number7", "1.2.3"),
    ("amount8", "十八元"),
    ("phone_number9", "0571-00000000转8001"),
    ("phone_number9", "1" * 18),
    ("nothing12", "x"),
]


@pytest.mark.parametrize(("field", "value", "becomes"), FITS)
def test_a_value_is_fitted_and_the_vendor_takes_it(field: str, value: str, becomes: str) -> None:
    assert fit(field, value) == becomes
    assert check_fields((field,), {field: {"value": becomes}}) == {field: becomes}


@pytest.mark.parametrize(("field", "value"), UNFIT)
def test_what_cannot_stand_there_is_refused_before_the_call(field: str, value: str) -> None:
    with pytest.raises(Unfit) as error:
        fit(field, value)
    assert value.strip() == "" or value not in str(error.value)


@given(st.text(), st.sampled_from([field for field, _, _ in FITS]))
def test_whatever_is_fitted_breaks_no_rule_of_the_vendors(value: str, field: str) -> None:
    try:
        fitted = fit(field, value)
    except Unfit:
        return
    assert check_fields((field,), {field: {"value": fitted}}) == {field: fitted}


@pytest.fixture
def book() -> NoticeBook:
    return NoticeBook(FOLDER / "notices.yml", FACTS)


def test_a_reply_is_offered_in_the_ladders_order(book: NoticeBook) -> None:
    offers = book.offers("hospital", BOOKED, "reply")
    assert list(offers) == [Rung.SUBSCRIPTION_LONG, Rung.SUBSCRIPTION_ONCE, Rung.TEMPLATE]
    assert offers[Rung.TEMPLATE].fields["thing2"] == "眼科"
    assert offers[Rung.TEMPLATE].fields["phone_number5"] == "0571-00000000"


def test_a_reply_without_a_notice_or_with_a_value_missing_is_not_offered(book: NoticeBook) -> None:
    assert book.offers("hospital", Reply("faq.answer", {"answer": "x"}), "reply") == {}
    assert book.offers("hospital", Reply("booking.booked", {"name": "李桂兰"}), "reply") == {}


@pytest.mark.parametrize(
    ("purpose", "rungs"),
    [
        ("marketing", set()),
        ("education", {Rung.SUBSCRIPTION_LONG, Rung.SUBSCRIPTION_ONCE}),
        ("survey", {Rung.SUBSCRIPTION_LONG, Rung.SUBSCRIPTION_ONCE}),
        ("follow_up", {Rung.SUBSCRIPTION_LONG, Rung.SUBSCRIPTION_ONCE}),
        ("service_notice", {Rung.SUBSCRIPTION_LONG, Rung.SUBSCRIPTION_ONCE, Rung.TEMPLATE}),
    ],
)
def test_a_template_message_never_advertises(book: NoticeBook, purpose: str, rungs: set[Rung]) -> None:
    assert set(book.offers("hospital", BOOKED, purpose)) == rungs


def test_each_account_has_its_own_ids_and_field_numbers(tmp_path: Path) -> None:
    path = tmp_path / "ids.json"
    own = {"main": {"visit_once": {"id": "pm6UJ0", "fields": {"thing1": "name8"}}}}
    path.write_text(json.dumps(own))
    book = NoticeBook(FOLDER / "notices.yml", FACTS, read_ids(path))
    [(rung, notice)] = book.offers("main", BOOKED, "reply").items()
    assert (rung, notice.template_id) == (Rung.SUBSCRIPTION_ONCE, "pm6UJ0")
    assert set(notice.fields) == {"name8", "thing2", "thing3", "thing4"}
    assert book.offers("other", BOOKED, "reply") == {}
    assert book.kind_of("main", "pm6UJ0") == "once"
    assert book.kind_of("main", "unheard of") == "once"


@pytest.mark.parametrize("text", ["", "[]", '{"a": 1}', '{"a": {"b": {}}}'])
def test_a_file_of_ids_that_is_wrong_is_named(tmp_path: Path, text: str) -> None:
    path = tmp_path / "ids.json"
    path.write_text(text)
    with pytest.raises(NoticeError, match="ids"):
        read_ids(path)


def test_what_is_shipped_is_registered_with_the_simulator(book: NoticeBook) -> None:
    registered = book.simulator_templates()
    assert registered["visit_template"] == ("thing1", "thing2", "thing3", "thing4", "phone_number5")
    for notice in book.offers("hospital", BOOKED, "reply").values():
        values = {name: {"value": value} for name, value in notice.fields.items()}
        assert check_fields(registered[notice.template_id], values) == dict(notice.fields)
