"""Tables: folded from the same rows, compared with the hold-out, said in words."""

from __future__ import annotations

from datetime import date

import pytest

from content.insight import reach_tables, service_tables
from content.insight.figures.rows import MarkRow, Reached, VisitRow, WaitRow
from content.insight.protect import Hidden
from content.insight.shown import NOTHING, speaker
from content.insight.stats import difference
from content.insight.tables import Mark, Share, Span, Verdict

LIMIT = 10
MONTHS = [date(2026, 10, 1), date(2026, 11, 1)]


def row(campaign: str = "推送", arm: str = "a", channel: str = "wechat", **values: int) -> Reached:
    names = Reached._fields[5:]
    return Reached(campaign, "人群", f"文章{arm}", arm, channel, *(values.get(name, 0) for name in names))


def test_the_funnel_is_folded_and_its_shares_have_their_own_base() -> None:
    rows = [
        row(arm="a", sent=100, delivered=90, counted=60, opened=30, finished=15, back=20),
        row(arm="b", sent=100, delivered=90, counted=60, opened=45, finished=30, back=40),
        row(arm="holdout", channel="", planned=50),
    ]
    made = reach_tables.funnel(rows, "campaign", LIMIT)
    [only] = made.rows
    assert only.values == {
        "sent": 200, "delivered": 180, "counted": 120, "opened": 75, "finished": 45, "back": 60,
        "opened_share": Share(75 / 120), "finished_share": Share(45 / 75), "back_share": Share(0.3),
    }  # fmt: skip
    assert [one.name for one in reach_tables.funnel(rows, "article", LIMIT).rows] == ["文章a", "文章b"]
    assert [one.name for one in reach_tables.funnel(rows, "channel", LIMIT).rows] == ["wechat"]


def test_a_small_campaign_cannot_be_computed_from_the_total() -> None:
    rows = [
        row("大", sent=1000, delivered=990, counted=500, opened=300, finished=200, back=100),
        row("中", sent=100, delivered=90, counted=60, opened=45, finished=30, back=40),
        row("小", sent=20, delivered=20, counted=20, opened=4, finished=0, back=2),
    ]
    made = {one.name: one.values for one in reach_tables.funnel(rows, "campaign", LIMIT).rows}
    assert made["小"]["opened"] == Hidden(True)
    assert made["中"]["opened"] == Hidden(False)
    assert made["大"]["opened"] == 300
    assert made["中"]["opened_share"] == Share(None)


def lifted(
    sent: tuple[int, int], held: tuple[int, int], outcome: reach_tables.Outcome = "fair"
) -> dict[str, object]:
    base = "due" if outcome == "noshow" else "over"
    rows = [
        row(arm="a", planned=sent[1], **{base: sent[1], outcome: sent[0]}),
        row(arm="holdout", channel="", planned=held[1], **{base: held[1], outcome: held[0]}),
    ]
    [only] = reach_tables.lift(rows, outcome, LIMIT).rows
    return dict(only.values)


def test_lift_is_the_difference_with_its_interval() -> None:
    found = lifted((56, 70), (48, 80))
    assert found["difference"] == difference((56, 70), (48, 80))
    assert found["verdict"] == Verdict("better")
    assert lifted((48, 80), (56, 70))["verdict"] == Verdict("worse")
    assert lifted((30, 60), (31, 60))["verdict"] == Verdict("unsure")
    assert lifted((20, 100), (45, 100), "noshow")["verdict"] == Verdict("better")


@pytest.mark.parametrize(
    ("sent", "held", "verdict"),
    [((5, 100), (20, 100), "too_few"), ((20, 100), (5, 9), "too_few"), ((95, 100), (20, 100), "too_few"),
     ((0, 0), (0, 50), "too_early")],
)  # fmt: skip
def test_lift_of_few_is_not_shown(sent: tuple[int, int], held: tuple[int, int], verdict: str) -> None:
    found = lifted(sent, held)
    assert found["verdict"] == Verdict(verdict)
    assert found["difference"] is None
    assert found["share"] is None


def test_campaigns_without_a_hold_out_are_not_compared() -> None:
    assert reach_tables.lift([row(planned=100, over=100, fair=30)], "fair", LIMIT).empty


def test_no_shows_are_of_those_whose_day_came() -> None:
    rows = [
        VisitRow(0, "内科", "wechat", "fulfilled", 60),
        VisitRow(0, "内科", "sms", "arrived", 20),
        VisitRow(0, "外科", "wechat", "noshow", 20),
        VisitRow(1, "内科", "wechat", "booked", 30),
    ]
    made = service_tables.visits(rows, "month", MONTHS, LIMIT)
    assert [one.name for one in made.rows] == ["2026-10", "2026-11"]
    assert made.total is not None
    assert made.total.values["noshow_share"] == Share(0.2)
    assert made.total.values["all"] == 130


def test_a_mean_is_shown_only_of_shown_answers() -> None:
    open_ = [MarkRow(0, 5, 20), MarkRow(0, 3, 20)]
    assert service_tables.marks(open_, MONTHS, LIMIT).rows[0].values["mean"] == Mark(4.0)
    few = service_tables.marks([*open_, MarkRow(0, 1, 5)], MONTHS, LIMIT)
    assert few.total is not None
    assert few.total.values["answers"] == 45
    assert [row.values["mean"] for row in (*few.rows, few.total)] == [Mark(None)] * 2


def test_waits_of_few_are_not_shown() -> None:
    rows = [WaitRow(0, 40, 20, 10, 300, 900), WaitRow(1, 30, 4, 0, 60, 60), WaitRow(-1, 70, 24, 10, 300, 900)]
    made = service_tables.waits(rows, MONTHS, LIMIT)
    assert made.rows[1].values["median"] == Span(None)


def test_values_are_said() -> None:
    told = speaker(LIMIT)
    assert told.say(12345) == "12,345"
    assert told.say(Hidden(True)) == "<10"
    assert told.say(Hidden(False)) == "未显示"
    assert told.say(Share(0.256)) == "25.6%"
    assert told.say(Share(None)) == told.say(None) == NOTHING
    assert told.say(Span(5400)) == "1.5 小时"
    assert told.say(Mark(4.0)) == "4.00 分"
    found = difference((56, 70), (48, 80))
    assert told.say(found, "difference") == "+20.0（+5.2 至 +33.4）个百分点"
    assert told.say(difference((119, 1000), (119, 1000)), "difference").startswith("+0.0（-")
    assert told.number(found) == "20.00 5.24 33.39"
    assert told.number(Hidden(True)) == ""
