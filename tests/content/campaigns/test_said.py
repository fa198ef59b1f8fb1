"""A plan in plain words, and the form that gives back the very plan."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

import pytest

from content.audiences.rules import Group
from content.campaigns.kinds import Anchor, Kind, Late, Unit
from content.campaigns.pages import said
from content.campaigns.pages.form import Fields, received
from content.campaigns.pages.offered import Offered, OfferedArticle, OfferedAudience
from content.campaigns.pages.shown import interval
from content.campaigns.plan import Plan, Variant, problems
from store.clock import VirtualClock

ARTICLE, OTHER, PEOPLE, VERSION = (UUID(int=n) for n in range(1, 5))
OFFERED = Offered(
    [OfferedArticle(ARTICLE, "diet", "糖尿病怎么吃", 3), OfferedArticle(OTHER, "walk", "走路", 1)],
    [OfferedAudience(PEOPLE, "新确诊", VERSION, 2, Group(), "所有患者")],
)
FORM = Fields(name="新", articles=(str(ARTICLE), "", ""), audience=str(PEOPLE)).as_form()


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock(datetime.fromisoformat("2026-11-22T10:00+08:00"))


def filled(clock: VirtualClock, **values: str) -> Plan:
    return received({**FORM, **values}, OFFERED, clock)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"kind": "once"}, "批准后点“开始发送”就发，只发一次"),
        ({"kind": "scheduled", "start_day": "2026-11-25"}, "2026年11月25日周三 9:30，只发一次"),
        ({"kind": "scheduled"}, "还没选日期"),
        (
            {"kind": "recurring", "start_day": "2026-11-23", "end_day": "2026-12-31"},
            "每周一 9:30，从2026年11月23日周一起，直到2026年12月31日周四",
        ),
        (
            {"kind": "recurring", "start_day": "2026-11-23", "every": "2", "at_time": "14:05"},
            "每2周的周一 14:05，从2026年11月23日周一起，一直发到有人停止",
        ),
        (
            {"kind": "recurring", "start_day": "2026-12-05", "unit": "month"},
            "每月5日 9:30，从2026年12月5日周六起，一直发到有人停止",
        ),
        (
            {"kind": "event", "event_kind": "condition.diagnosed", "codes": "e11，I10", "offset_days": "3"},
            "患者确诊（编码以E11、I10开头）后第3天 9:30 发",
        ),
        ({"kind": "event", "event_kind": "encounter.discharged"}, "患者出院后马上发"),
        (
            {"kind": "relative", "anchor": "surgery", "direction": "before", "offset_days": "3"},
            "手术日期前3天 9:30 发",
        ),
        (
            {"kind": "relative", "anchor": "birth", "offset_days": "42", "start_day": "2026-12-01"},
            "分娩日期后第42天 9:30 发，从2026年12月1日周二起",
        ),
    ],
)
def test_when_in_words(clock: VirtualClock, values: dict[str, str], words: str) -> None:
    assert said.when(filled(clock, **values), clock) == words


def test_the_form_makes_the_plan(clock: VirtualClock) -> None:
    plan = filled(
        clock,
        kind="relative",
        anchor="planned_surgery",
        direction="before",
        offset_days="3",
        article_b=str(OTHER),
        choosing="thompson",
        late="catch_up",
        late_days="2",
        holdout_percent="10",
        every="4",
    )
    assert plan == Plan(
        name="新",
        kind=Kind.RELATIVE,
        audience_version_id=VERSION,
        variants=(Variant(ARTICLE, 3), Variant(OTHER, 1)),
        choosing=plan.choosing,
        holdout_percent=10,
        at_time="09:30",
        anchor=Anchor.PLANNED_SURGERY,
        offset_days=-3,
        late=Late.CATCH_UP,
        late_days=2,
    )
    assert list(problems(plan)) == []
    again = filled(clock, kind="recurring", start_day="2026-11-23", anchor="surgery")
    assert (again.anchor, again.every, again.unit) == (None, 1, Unit.WEEK), (
        "what another kind asks for is left out"
    )


@pytest.mark.parametrize(
    ("values", "code"),
    [
        ({"name": " "}, "name"),
        ({"holdout_percent": "many"}, "holdout"),
        ({"purpose": "follow_up", "holdout_percent": "5"}, "no_holdout"),
        ({"valid_days": "0"}, "valid_days"),
        ({"kind": "event"}, "event"),
        ({"kind": "scheduled"}, "start_needed"),
        ({"article_b": str(ARTICLE)}, "same_variant"),
    ],
)
def test_what_is_wrong_has_its_code(clock: VirtualClock, values: dict[str, str], code: str) -> None:
    assert code in {one.code for one in problems(filled(clock, **values))}


@pytest.mark.parametrize(
    ("successes", "trials", "low", "high"),
    [(0, 0, 0.0, 1.0), (0, 10, 0.0, 0.2775), (5, 10, 0.2366, 0.7634), (81, 263, 0.2553, 0.3662)],
)
def test_wilsons_interval(successes: int, trials: int, low: float, high: float) -> None:
    """Values of Newcombe 1998 (Statistics in Medicine 17:857), method 3, for 81 of 263."""
    found: Any = interval(successes, trials)
    assert found == (pytest.approx(low, abs=1e-4), pytest.approx(high, abs=1e-4))
