"""`/insight/forecast` over both databases: what is planned, what of it leaves, what it costs, who rings, and who comes."""

from __future__ import annotations

import csv
import io
from datetime import date, timedelta
from unittest.mock import AsyncMock

import pytest

from care.alerts.models import Alert
from care.hospital.workdays import Workdays, workdays
from care.plans.models import TouchStatus
from content.insight.forecast import demand_tables, making, pages, reach_ahead
from content.insight.forecast.ahead import Became, Texted, touches
from content.insight.forecast.calls import CallDay, Effort, Pace, Phone, call_days, phone
from content.insight.forecast.demand import WEEK
from content.insight.forecast.making import Making
from content.insight.forecast.outlook import Method
from content.insight.forecast.reckoning import Reckoned, bills, reckon, survival
from content.insight.protect import Hidden
from content.insight.tables import Hours, Verdict
from store.clock import VirtualClock
from store.database import Database
from tests.channels.ops.site import staff, visiting
from tests.content.insight.forecast.ward import LEVEL, PLAN, TITLE, call, sent, touch, ward
from tests.content.insight.site import LIMIT, PRICE, insight_app
from web.signin.models import Role

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


async def fill(database: Database, clock: VirtualClock) -> None:
    """Of 40 articles due a month ago 30 left (12 by SMS of two parts), of the questionnaires all (a quarter by SMS, asked twice);
    40 articles, 40 questionnaires and 12 calls are planned, four of them overdue; 40 calls were made in four minutes each."""
    now = clock.now()
    async with database.write("ward") as session:
        of, plans = await ward(session, clock)
        for n, patient in enumerate(of.patients):
            past = now - 30 * DAY - n * HOUR / 60
            if n < 30:
                await sent(of, plans, patient, "article", past, "sms" if n < 12 else "template", 2)
            else:
                touch(
                    of,
                    plans,
                    patient,
                    "article",
                    past,
                    TouchStatus.SKIPPED if n % 2 else TouchStatus.CANCELLED,
                )
            await sent(of, plans, patient, "questionnaire", past, "sms" if n < 10 else "custom", 1)
            touch(of, plans, patient, "article", now + (3 + n % 2 * 7) * DAY, TouchStatus.PLANNED)
            touch(of, plans, patient, "questionnaire", now + 20 * DAY, TouchStatus.PLANNED)
            if n < 12:
                touch(of, plans, patient, "call", now + (2 if n >= 4 else -5) * DAY, TouchStatus.PLANNED)
            touch(of, plans, patient, "message", now + DAY, TouchStatus.PLANNED, due_at=None)  # on hold
            await of.session.flush()
            call(of, patient, now - (5 + n) * DAY, 4.0 if n else 400.0, rung=2 if n % 2 else 1)
        await of.session.flush()
        for n in range(3):
            call(of, of.patients[n], now - 2 * DAY, None, source="plan")
        for n in range(8):
            alert = Alert(dedup_key=f"a{n}", kind="red_flag", opened_at=now - 10 * DAY)
            alert.text = alert.title = ""
            session.add(alert)


async def test_what_is_planned_becomes_touches_sms_and_hours(database: Database, clock: VirtualClock) -> None:
    await fill(database, clock)
    now, today = clock.now(), clock.local().date()
    async with database.read() as session:
        of = await touches(session, today, 56, clock.zone, now)
        rings = await phone(session, today, 56, clock.zone, now, 6.0)
    assert of.became == {(PLAN, "article"): Became(30, 10), (PLAN, "questionnaire"): Became(40, 0)}
    assert of.texted == {"article": Texted(30, 12, 24), "questionnaire": Texted(40, 10, 20)}
    assert of.joined == {PLAN: 40}
    made = reckon(of, 4 * WEEK, today.toordinal())
    assert [(one.kind, one.planned, one.survival.share) for one in made.lines] == [
        ("article", 40, 0.75),
        ("questionnaire", 40, 1.0),
        ("call", 12, 1.0),
    ]
    assert [(one.own, one.of) for one in (line.survival for line in made.lines)] == [
        (True, 40),
        (True, 40),
        (False, 0),
    ]
    assert made.planned[0] == {"call": 4} and made.planned[3] == {"article": 20}
    assert made.expected[3] == {"article": 15}
    # 40 in four weeks are 10/7 a day; an article on day 3 for each, three in four leave.
    assert made.joining[2].get("article", 0) == 0
    assert made.joining[3]["article"] == pytest.approx(10 / 7 * 0.75)

    article, asked = [
        one for one in bills(made, of.texted, PRICE) if one.kind in ("article", "questionnaire")
    ]
    assert article.share is not None and article.share.value == 0.4 and article.parts == 2
    assert article.least == pytest.approx(30 * article.share.low * 2 * PRICE)
    assert article.likely == pytest.approx((30 + 25 * 10 / 7 * 0.75) * 0.4 * 2 * PRICE)
    assert article.most is not None and article.most > article.likely > article.least
    assert asked.parts == 2, "asked for and reminded of"
    assert [one for one in bills(made, {}, PRICE) if one.likely is not None] == []

    assert (rings.effort.minutes, rings.effort.measured) == (4.0, 39), (
        "who left it lying for hours is not measured"
    )
    assert rings.effort.times == pytest.approx(1.5)
    async with database.read() as session:
        days = await workdays(session, today - 56 * DAY, today)
    worked = sum(days.is_workday(today - n * DAY) for n in range(1, 57))
    assert rings.pace.others == pytest.approx({"staff": 40 / worked, "alert": 8 / worked})
    by_day = call_days(rings, made, today, [1.0] * WEEK)
    # Sunday: the overdue of the plan; Monday: three that wait, and what comes on every working day.
    assert by_day[0].calls == pytest.approx(4)
    assert by_day[1].calls == pytest.approx(3 + 48 / worked)
    assert by_day[2].calls == pytest.approx(8 + 48 / worked)
    assert by_day[2].hours == pytest.approx(by_day[2].calls * 6 / 60)


def test_nobody_rings_on_a_holiday_that_is_a_saturday() -> None:
    friday = date(2026, 11, 27)
    days = Workdays({friday + DAY: "院庆"})
    quiet = Reckoned([], [{}] * 4, [{}] * 4, [{}] * 4)
    by_day = call_days(Phone({}, Pace({}), Effort(6.0, 1.0, 0), days), quiet, friday, [8.0] * 5 + [4.0, 2.0])
    assert [one.capacity for one in by_day] == [8.0, 0.0, 2.0, 8.0]


async def test_few_stay_hidden_and_too_little_history_is_said(
    database: Database, clock: VirtualClock
) -> None:
    await fill(database, clock)
    made = await Making(database, clock, 6.0).get()
    assert made is not None
    of = reckon(made.touches, 4 * WEEK, made.today.toordinal())
    shown = reach_ahead.ahead(of, made.today, str, LIMIT)
    first = shown.rows[0].values
    assert (first["call"], first["questionnaire"], first["offer"]) == (12, 0, 0)
    by_day = reach_ahead.ahead(reckon(made.touches, WEEK, made.today.toordinal()), made.today, str, LIMIT)
    assert by_day.rows[0].values["call"] == Hidden(True)
    assert isinstance(by_day.rows[0].values["expected"], Hidden)
    rows = reach_ahead.calls(
        call_days(made.phone, of, made.today, [0.1] * WEEK), made.phone.effort, str, LIMIT
    ).rows
    assert rows[0].values["calls"] == Hidden(True)
    assert rows[0].values["hours"] == Hours(1.0, under=True) and rows[0].values["verdict"] == Verdict(
        "perhaps"
    )
    many = [CallDay(made.today, calls, calls / 10, 2.0) for calls in (20, 21, 0)]
    said = reach_ahead.calls(many, made.phone.effort, str, LIMIT).rows
    assert [row.values["verdict"] for row in said] == [Verdict("fits"), Verdict("over"), Verdict("idle")]
    assert survival({("p", "call"): Became(20, 9), ("q", "call"): Became(1, 0)}, "p", "call").share == 0.7
    assert survival({("p", "call"): Became(20, 9)}, "p", "call").of == 0


async def test_demand_by_department_with_its_error_and_places(
    database: Database, clock: VirtualClock
) -> None:
    await fill(database, clock)
    made = await Making(database, clock, 6.0).get()
    assert made is not None
    (cardio, short), (endo, out) = made.departments
    assert (out.known_weeks, out.method) == (52, Method.MODEL)
    assert out.weeks[0].expected == pytest.approx(7 * LEVEL, rel=0.12)
    assert (short.known_weeks, short.method, short.days) == (5, Method.TOO_LITTLE, ())
    assert len(cardio.visits) == 5 * WEEK
    [first, other] = demand_tables.departments(made.departments, made.today, LIMIT).rows
    assert (first.name, first.values["verdict"], other.values["verdict"]) == (
        "内分泌科",
        Verdict("enough"),
        Verdict("unknown"),
    )
    assert other.values["expected"] is None and other.values["wape"].value is None  # type: ignore[union-attr]
    days = demand_tables.one_by_day(endo, out, 14, str, LIMIT).rows
    tuesday = next(row for row in days if row.name == str(made.today + 2 * DAY))
    assert (tuesday.values["places"], tuesday.values["verdict"]) == (5, Verdict("short"))
    mondays = [made.today + n * DAY for n in (15, 22, 29)]
    assert [endo.places[day] for day in mondays] == [8 * 9] * 3, (
        "no slots yet: four hours of the weekly clinic"
    )
    assert endo.places[made.today + 16 * DAY] == 0
    weeks = demand_tables.one_by_week(endo, out, made.today, LIMIT).rows
    assert len(weeks) == demand_tables.WEEKS_BACK + 8
    last = weeks[demand_tables.WEEKS_BACK - 1].values
    assert last["visits"] == sum(out.counts[-7:]) and last["expected"] is None
    assert [row.name for row in demand_tables.weekdays(out).rows] == [*map(str, range(8)), "after"]


async def test_the_page_its_files_and_the_hours_there_are(
    database: Database, clock: VirtualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    await fill(database, clock)
    tokens, app = await staff(database, Role.OPERATOR, Role.NURSE, Role.AUDITOR), insight_app(database, clock)
    monkeypatch.setattr(pages, "PATIENCE", 0.0)
    async with visiting(app, tokens["operator"]) as operator:
        status, page = await operator.get("/insight/forecast")
        assert (status, "正在预测" in page) == (200, True)
        monkeypatch.setattr(pages, "PATIENCE", 60.0)
        status, page = await operator.get("/insight/forecast?weeks=2")
        assert status == 200
        assert (await operator.get("/insight/forecast/progress"))[1] == ""
        for words in (
            TITLE,
            "真正发出的比例",
            "照搬上周",
            "新入组估计",
            "由近 90 天 39 通电话量得",
            "号源不够",
        ):
            assert words in page, words
        assert 'data-chart="forecast"' in page and 'data-chart="load"' in page
        assert (await operator.get("/insight/forecast?weeks=3"))[0] == 422
        assert (await operator.get(f"/insight/forecast?department={clock_id()}"))[0] == 404
        _, text = await operator.get("/insight/forecast/csv/calls?weeks=2")
        head, first, *_ = csv.reader(io.StringIO(text.removeprefix("\ufeff")))
        assert head == ["日期", "预计电话", "需要", "可用", "够不够"]
        assert first == ["11-22 周日", "<10", "不到 1 小时", "–", "–"]
        assert (await operator.get("/insight/forecast/csv/nothing"))[0] == 404
        _, text = await operator.get("/insight/forecast/csv/departments")
        assert "历史太少" in text
        said = await operator.post("/insight/forecast/hours", hours="a")
        assert said == (303, "/insight/forecast?wrong=hours#calls")
    assert pages.read_hours(["2", "", "1.5", "0", "0", "0", "0"]) == [2, 0, 1.5, 0, 0, 0, 0]
    assert pages.read_hours([""] * 7) == []
    assert pages.read_hours(["-1", *["2"] * 6]) is None and pages.read_hours(["nan", *["2"] * 6]) is None
    async with visiting(app, tokens["nurse"]) as nurse:
        assert (await nurse.get("/insight/forecast"))[0] == 403
    async with visiting(app, tokens["auditor"]) as auditor:
        assert "随访电话（所有护士合计）" not in (await auditor.get("/insight/forecast"))[1]
        assert (await auditor.post("/insight/forecast/hours", hours="1"))[0] == 403


async def test_what_could_not_be_made_is_said_and_tried_anew(
    database: Database, clock: VirtualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    tokens, app = await staff(database, Role.EDITOR), insight_app(database, clock)
    real, broken = making.clinics, AsyncMock(side_effect=RuntimeError("the disk is full"))
    monkeypatch.setattr(pages, "PATIENCE", 60.0)
    async with visiting(app, tokens["editor"]) as editor:
        monkeypatch.setattr(making, "clinics", broken)
        status, page = await editor.get("/insight/forecast")
        assert (status, "没有算出来" in page) == (200, True)
        _, page = await editor.get("/insight/forecast/progress")
        assert "没有算出来" in page and broken.await_count == 1, "looking on does not try again and again"
        assert (await editor.get("/insight/forecast/csv/ahead"))[0] == 503
        monkeypatch.setattr(making, "clinics", real)
        _, page = await editor.get("/insight/forecast")
        assert "没有算出来" not in page and "还没有可以预约的科室" in page and "接下来没有排好的随访" in page


def clock_id() -> str:
    """No department's."""
    return "01900000-0000-7000-8000-000000000000"
