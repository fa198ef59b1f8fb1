"""Times as patients book them, read at Sunday 22 November 2026, 10:00, unless said otherwise."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import date, datetime
from pathlib import Path

import pytest

from language.when import Holidays, Refused, contract_row, read, refusals

DATA = Path(__file__).resolve().parents[2] / "data" / "nlu_eval"

NOW = datetime(2026, 11, 22, 10, 0)
WEDNESDAY = datetime(2026, 11, 25, 16, 12)


def _span(text: str, now: datetime = NOW) -> tuple[str, str] | None:
    when = read(text, now)
    return None if when is None else (f"{when.start:%Y-%m-%d %H:%M}", f"{when.end:%Y-%m-%d %H:%M}")


@pytest.mark.parametrize(
    ("text", "start", "end"),
    [
        ("周三", "2026-11-25 00:00", "2026-11-26 00:00"),
        ("下周三", "2026-11-25 00:00", "2026-11-26 00:00"),
        ("下下周二上午", "2026-12-01 08:00", "2026-12-01 12:00"),
        ("下星期天", "2026-11-29 00:00", "2026-11-30 00:00"),
        ("3号下午", "2026-12-03 12:00", "2026-12-03 18:00"),
        ("28号吧", "2026-11-28 00:00", "2026-11-29 00:00"),
        ("12月3号", "2026-12-03 00:00", "2026-12-04 00:00"),
        ("１２月３号", "2026-12-03 00:00", "2026-12-04 00:00"),
        ("十二月三号 周四", "2026-12-03 00:00", "2026-12-04 00:00"),
        ("12/3", "2026-12-03 00:00", "2026-12-04 00:00"),
        ("2026-12-03", "2026-12-03 00:00", "2026-12-04 00:00"),
        ("5月1日", "2027-05-01 00:00", "2027-05-02 00:00"),
        ("明早九点", "2026-11-23 09:00", "2026-11-23 10:00"),
        ("明儿个早起", "2026-11-23 08:00", "2026-11-23 12:00"),
        ("大后天", "2026-11-25 00:00", "2026-11-26 00:00"),
        ("明后天", "2026-11-23 00:00", "2026-11-25 00:00"),
        ("周四下午三点半", "2026-11-26 15:30", "2026-11-26 15:31"),
        ("周四下午3:15", "2026-11-26 15:15", "2026-11-26 15:16"),
        ("明天差一刻九点", "2026-11-23 08:45", "2026-11-23 08:46"),
        ("後天晚上7點", "2026-11-24 19:00", "2026-11-24 20:00"),
        ("明天中午12点", "2026-11-23 12:00", "2026-11-23 13:00"),
        ("3:15pm", "2026-11-22 15:15", "2026-11-22 15:16"),
        ("周一上午10点到12点", "2026-11-23 10:00", "2026-11-23 12:00"),
        ("周三到周五", "2026-11-25 00:00", "2026-11-28 00:00"),
        ("12月3日到5日", "2026-12-03 00:00", "2026-12-06 00:00"),
        ("11月30号到12月2号", "2026-11-30 00:00", "2026-12-03 00:00"),
        ("下周一二", "2026-11-23 00:00", "2026-11-25 00:00"),
        ("三天后", "2026-11-25 00:00", "2026-11-26 00:00"),
        ("一周以后", "2026-11-29 00:00", "2026-11-30 00:00"),
        ("两周后的周三", "2026-12-02 00:00", "2026-12-03 00:00"),
        ("半个月后", "2026-12-07 00:00", "2026-12-08 00:00"),
        ("三个月后复查", "2027-02-22 00:00", "2027-02-23 00:00"),
        ("2小时后", "2026-11-22 12:00", "2026-11-22 12:01"),
        ("三天内", "2026-11-22 10:00", "2026-11-26 00:00"),
        ("未来两天", "2026-11-23 00:00", "2026-11-25 00:00"),
        ("下周", "2026-11-23 00:00", "2026-11-30 00:00"),
        ("下个月初", "2026-12-01 00:00", "2026-12-06 00:00"),
        ("下个月15号", "2026-12-15 00:00", "2026-12-16 00:00"),
        ("周五之前", "2026-11-22 10:00", "2026-11-27 00:00"),
        ("下午三点以后", "2026-11-22 15:00", "2026-11-22 18:00"),
        ("国庆后第一天", "2027-10-08 00:00", "2027-10-09 00:00"),
        ("元旦假期", "2027-01-01 00:00", "2027-01-04 00:00"),
        ("春节", "2027-02-06 00:00", "2027-02-07 00:00"),
        ("除夕", "2027-02-05 00:00", "2027-02-06 00:00"),
        ("中秋", "2027-09-15 00:00", "2027-09-16 00:00"),
        ("腊月二十三", "2027-01-30 00:00", "2027-01-31 00:00"),
        ("农历八月十五", "2027-09-15 00:00", "2027-09-16 00:00"),
        ("大年初八", "2027-02-13 00:00", "2027-02-14 00:00"),
        ("节后第一个工作日", "2027-01-04 00:00", "2027-01-05 00:00"),
        ("把周三的改到周五下午", "2026-11-27 12:00", "2026-11-27 18:00"),
        ("不要周三，周四吧", "2026-11-26 00:00", "2026-11-27 00:00"),
        ("咳嗽三天了想挂周五的号", "2026-11-27 00:00", "2026-11-28 00:00"),
        ("十一月三十号", "2026-11-30 00:00", "2026-12-01 00:00"),
        ("明天上午十点半到十一点", "2026-11-23 10:30", "2026-11-23 11:00"),
        ("明天8.30", "2026-11-23 08:30", "2026-11-23 08:31"),
        ("年后", "2027-02-13 00:00", "2027-02-20 00:00"),
        ("名天上午", "2026-11-23 08:00", "2026-11-23 12:00"),
    ],
)
def test_booking_phrases(text: str, start: str, end: str) -> None:
    when = read(text, NOW)
    assert when is not None
    assert (f"{when.start:%Y-%m-%d %H:%M}", f"{when.end:%Y-%m-%d %H:%M}") == (start, end)
    assert when.residue == ""


@pytest.mark.parametrize(
    ("text", "start", "end"),
    [
        ("下周随便哪天下午", "2026-11-30 12:00", "2026-12-06 18:00"),
        ("下周任何一天下午", "2026-11-30 12:00", "2026-12-06 18:00"),
        ("下周哪天都行，下午", "2026-11-30 12:00", "2026-12-06 18:00"),
        ("下周上午都行", "2026-11-30 08:00", "2026-12-06 12:00"),
        ("下周哪天都可以", "2026-11-30 00:00", "2026-12-07 00:00"),
        ("这周末随便", "2026-11-28 00:00", "2026-11-30 00:00"),
        ("明后天下午", "2026-11-24 12:00", "2026-11-25 18:00"),
        ("明天或后天上午", "2026-11-24 08:00", "2026-11-25 12:00"),
        ("周三或者周四", "2026-11-25 00:00", "2026-11-27 00:00"),
        ("周四或周三下午", "2026-11-25 12:00", "2026-11-26 18:00"),
        ("周三或周四或周五上午", "2026-11-25 08:00", "2026-11-27 12:00"),
        ("尽量早上", "2026-11-23 08:00", "2026-11-23 12:00"),
    ],
)
def test_whenever_it_suits_you(text: str, start: str, end: str) -> None:
    when = read(text, datetime(2026, 11, 23, 9, 40))
    assert when is not None
    assert (f"{when.start:%Y-%m-%d %H:%M}", f"{when.end:%Y-%m-%d %H:%M}", when.residue) == (start, end, "")


# Booking phrases in many styles, with the time meant at NOW (null: none said).
CASES = [json.loads(line) for line in (DATA / "when_cases.jsonl").read_text(encoding="utf-8").splitlines()]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["text"])
def test_many_styles(case: dict[str, str | None]) -> None:
    row = contract_row(str(case["text"]), NOW)
    assert (row["start"], row["end"]) == (case["start"], case["end"])
    assert row["residue"] == ""


@pytest.mark.parametrize(
    ("text", "asked"), [("周四27号", "11月27日（周五）不是周四"), ("周四12月3号", None), ("周四26号", None)]
)
def test_date_after_weekday(text: str, asked: str | None) -> None:
    when = read(text, NOW)
    assert when is not None
    assert when.residue == ""
    assert (when.ambiguous or "").startswith(asked or "")
    assert bool(when.ambiguous) == bool(asked)


def test_a_look_is_no_next_week() -> None:
    monday = datetime(2026, 11, 23, 10)
    for text in ("等下 周四", "看一下周四", "一下周四上午"):
        when = read(text, monday)
        assert when is not None
        assert when.start.date() == date(2026, 11, 26)
    assert _span("下周四", monday) == ("2026-12-03 00:00", "2026-12-04 00:00")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "你好我要挂号",
        "1楼",
        "挂3号诊室",
        "我妈65岁",
        "血压130/80",
        "每天吃3次",
        "每周三下午",
        "2月30日之类",
        "😀",
        "过几天再说",
    ],
)
def test_no_time(text: str) -> None:
    when = read(text, NOW)
    assert when is None or when.residue


@pytest.mark.parametrize(
    ("text", "residue"),
    [
        ("周三或者周五", "周五"),
        ("周二下午或者周三上午", "周三 上午"),
        ("明天上午或者下午", "下午"),
        ("1357年6月10日", "1357年"),
    ],
)
def test_what_was_not_read_is_left(text: str, residue: str) -> None:
    when = read(text, NOW)
    assert when is not None
    assert when.residue == residue


@pytest.mark.parametrize(
    ("text", "start", "asked"),
    [
        ("明天3点", "2026-11-23 15:00", "3点是下午吗"),
        ("明天7点", "2026-11-23 07:00", "7点是早上吗"),
        ("这周三", "2026-11-18 00:00", "11月25日（周三）"),
        ("12月3号周五", "2026-12-03 00:00", "不是周五"),
        ("过两天", "2026-11-24 00:00", "11月24日"),
    ],
)
def test_ambiguity_is_marked(text: str, start: str, asked: str) -> None:
    when = read(text, NOW)
    assert when is not None
    assert f"{when.start:%Y-%m-%d %H:%M}" == start
    assert when.ambiguous is not None
    assert asked in when.ambiguous


@pytest.mark.parametrize("text", ["明天9点", "明天上午3点", "明天15点", "下周三下午三点", "明天12点"])
def test_clear_hours_ask_nothing(text: str) -> None:
    when = read(text, NOW)
    assert when is not None
    assert when.ambiguous is None


def test_weekday_of_today_rolls_a_week_when_the_part_is_over() -> None:
    assert _span("周三上午", WEDNESDAY) == ("2026-12-02 08:00", "2026-12-02 12:00")
    assert _span("周三晚上", WEDNESDAY) == ("2026-11-25 18:00", "2026-11-26 00:00")


def test_time_past_today_means_tomorrow_and_is_asked() -> None:
    when = read("上午九点", WEDNESDAY)
    assert when is not None
    assert when.start == datetime(2026, 11, 26, 9)
    assert when.ambiguous is not None


def test_explicit_past_day_is_returned_as_past() -> None:
    when = read("昨天下午", NOW)
    assert when is not None
    assert when.end < NOW


def test_workdays_skip_holidays_and_count_swapped_days() -> None:
    table = Holidays.load()
    assert table.is_workday(date(2026, 10, 10))  # a Saturday worked for the National Day of 2026
    assert not table.is_workday(date(2026, 10, 1))
    assert not table.is_workday(date(2027, 2, 8))  # from the editable table: the package ends with 2026
    assert 2027 in table.provisional


def test_own_table_wins() -> None:
    table = Holidays(off={date(2026, 11, 24): "院庆"})
    assert not table.is_workday(date(2026, 11, 24))
    assert table.name_of(date(2026, 11, 24)) == "院庆"


def test_contract_row_is_json() -> None:
    row = contract_row("下周三上午", NOW)
    assert json.loads(json.dumps(row)) == {
        "text": "下周三上午",
        "start": "2026-11-25T08:00:00",
        "end": "2026-11-25T12:00:00",
        "grain": "part",
        "residue": "",
    }
    assert contract_row("你好", NOW)["start"] is None


def test_heavy_packages_are_not_imported_at_start() -> None:
    code = "import sys, language.when, language.screen, language.triage; print('jionlp' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


@pytest.mark.parametrize(
    "text", ["一" * 5000, "周" * 5000, "12" * 2000, "9999年99月99日", "999999年后", "初" * 300, "\u202e三点"]
)
def test_hostile_text(text: str) -> None:
    read(text, NOW)


@pytest.mark.parametrize(
    ("text", "now", "start", "end"),
    [
        ("听日下昼", "2026-11-22T10:00", "2026-11-23T12:00", "2026-11-23T18:00"),
        ("後天上晝", "2026-11-22T10:00", "2026-11-24T08:00", "2026-11-24T12:00"),
        ("明儿个擦黑", "2026-11-22T10:00", "2026-11-23T17:00", "2026-11-23T19:00"),
        ("mingtian上午", "2026-11-22T10:00", "2026-11-23T08:00", "2026-11-23T12:00"),
        ("周四七点", "2026-11-22T10:00", "2026-11-26T07:00", "2026-11-26T08:00"),
        ("过完春节再来", "2026-11-22T10:00", "2027-02-13T00:00", "2027-02-20T00:00"),
        ("端午前", "2026-06-01T09:00", "2026-06-01T00:00", "2026-06-19T00:00"),
    ],
)
def test_words_first_met_in_the_fresh_phrases(text: str, now: str, start: str, end: str) -> None:
    found = read(text, datetime.fromisoformat(now))
    assert found is not None
    assert (found.start, found.end) == (datetime.fromisoformat(start), datetime.fromisoformat(end))


@pytest.mark.parametrize(
    ("text", "start", "end"),
    [
        ("周一早上", "2026-11-30 08:00", "2026-11-30 12:00"),
        ("下周一早上九点", "2026-11-30 09:00", "2026-11-30 10:00"),
        ("礼拜一清早", "2026-11-30 08:00", "2026-11-30 12:00"),
        ("周一一早", "2026-11-30 08:00", "2026-11-30 12:00"),
        ("明天一早上", "2026-11-24 08:00", "2026-11-24 12:00"),
        ("下个月随便哪天上午", "2026-12-01 08:00", "2026-12-31 12:00"),
        ("下个月哪天都行，下午", "2026-12-01 12:00", "2026-12-31 18:00"),
        ("26、27号都行", "2026-11-26 00:00", "2026-11-28 00:00"),
        ("26或27号上午", "2026-11-26 08:00", "2026-11-27 12:00"),
        ("国庆过了再说", "2027-10-08 00:00", "2027-10-15 00:00"),
        ("周四下班以后", "2026-11-26 18:00", "2026-11-27 00:00"),
        ("周五放学后", "2026-11-27 12:00", "2026-11-27 18:00"),
        ("等天亮了去", "2026-11-24 08:00", "2026-11-24 12:00"),
        ("上午起不来 下午吧", "2026-11-23 12:00", "2026-11-23 18:00"),
        ("周三下午不行，上午呢", "2026-11-25 08:00", "2026-11-25 12:00"),
        ("不要周一和周二，周三吧", "2026-11-25 00:00", "2026-11-26 00:00"),
        ("不要周三 周四吧", "2026-11-26 00:00", "2026-11-27 00:00"),
        ("工作日晚上", "2026-11-23 18:00", "2026-11-24 00:00"),
    ],
)
def test_as_people_say_it_to_a_receptionist(text: str, start: str, end: str) -> None:
    when = read(text, datetime(2026, 11, 23, 13, 0))
    assert when is not None
    assert (f"{when.start:%Y-%m-%d %H:%M}", f"{when.end:%Y-%m-%d %H:%M}", when.residue) == (start, end, "")


@pytest.mark.parametrize(
    ("text", "refused"),
    [
        ("越早越好但不要周一", [Refused(weekday=0)]),
        ("除了周一都行", [Refused(weekday=0)]),
        ("周一除外", [Refused(weekday=0)]),
        ("不要周一周二", [Refused(weekday=0), Refused(weekday=1)]),
        ("周一和周二都不行", [Refused(weekday=0), Refused(weekday=1)]),
        ("周末不行", [Refused(weekday=5), Refused(weekday=6)]),
        ("工作日", [Refused(weekday=5), Refused(weekday=6)]),
        ("工作日没空", [Refused(weekday=day) for day in range(5)]),
        ("上午起不来", [Refused(hours=(8, 12))]),
        ("周三下午不行", [Refused(weekday=2, hours=(12, 18))]),
        ("明天没空", [Refused(first=date(2026, 11, 24), until=date(2026, 11, 25))]),
        ("下周末不要", [Refused(first=date(2026, 12, 5), until=date(2026, 12, 7))]),
        ("周四吧，周三不行", [Refused(weekday=2)]),
    ],
)
def test_times_that_do_not_suit(text: str, refused: list[Refused]) -> None:
    assert list(refusals(text, datetime(2026, 11, 23, 13, 0))) == refused


@pytest.mark.parametrize("text", ["周三不行吗", "周三行不行", "周三吧", "你好", "3点不行"])
def test_what_refuses_nothing(text: str) -> None:
    assert refusals(text, NOW) == ()


@pytest.mark.parametrize("text", ["越早越好但不要周一", "周一除外", "不要周一周二", "周一周二都不行"])
def test_what_is_only_refused_is_not_wanted(text: str) -> None:
    assert read(text, NOW) is None


@pytest.mark.parametrize(
    ("text", "start"),
    [("明天上午", "2026-11-25 08:00"), ("明早九点", "2026-11-25 09:00"), ("后天", "2026-11-26 00:00")],
)
def test_tomorrow_said_after_midnight_is_asked_about(text: str, start: str) -> None:
    when = read(text, datetime(2026, 11, 24, 0, 10))
    assert when is not None
    assert f"{when.start:%Y-%m-%d %H:%M}" == start
    assert "已过零点" in (when.ambiguous or "")
    assert when.instead == -1
    by_day = read(text, datetime(2026, 11, 24, 8, 10))
    assert by_day is not None and by_day.ambiguous is None
