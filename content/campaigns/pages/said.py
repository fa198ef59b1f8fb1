"""A plan in plain words: what, to whom, when, who comes late, who is held out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import yaml

from content.campaigns import errors
from content.campaigns.kinds import Choosing, Kind, Late, Unit
from content.campaigns.plan import Plan
from store.clock import Clock

FILE = Path(__file__).parents[1] / "templates" / "texts.yml"
MOMENT = timedelta(seconds=1)
WORDS: Mapping[str, Any] = {**errors.words(), **yaml.safe_load(FILE.read_text("utf-8"))}


@dataclass(frozen=True, slots=True)
class Summary:
    """A line for each part of the plan; `late` is empty where nobody can come late."""

    what: str
    whom: str
    sentence: str
    when: str
    late: str
    purpose: str
    holdout: str


def summary(plan: Plan, titles: Sequence[str], audience: str, sentence: str, clock: Clock) -> Summary:
    """`titles` of the variants in order, `audience` its name with its version."""
    holdout = WORDS["holdout"]["some" if plan.holdout_percent else "none"]
    return Summary(
        what=what(plan, titles),
        whom=audience,
        sentence=sentence,
        when=when(plan, clock),
        late=_late(plan),
        purpose=WORDS["purposes"].get(plan.purpose, plan.purpose),
        holdout=holdout.format(n=plan.holdout_percent),
    )


def _late(plan: Plan) -> str:
    within = WORDS["late_days"].format(n=plan.late_days) if plan.late is Late.CATCH_UP else ""
    return f"{WORDS['late'][plan.late]}{within}：{WORDS['late_about'][plan.late]}"


def what(plan: Plan, titles: Sequence[str]) -> str:
    named = [WORDS["what"]["one"].format(title=title) for title in titles]
    if len(named) < 2:
        return "".join(named)
    chosen = WORDS["choosing"][plan.choosing]
    if plan.choosing is Choosing.THOMPSON:
        chosen = f"{chosen}（{WORDS['goals'][plan.goal]}）"
    return str(WORDS["what"]["many"]).format(titles="、".join(named), choosing=chosen)


def when(plan: Plan, clock: Clock) -> str:
    """Such as 每周一 9:30，从2026年11月23日周一起，直到2027年1月1日周五."""
    words = WORDS["when"]
    time = (plan.at_time or "").removeprefix("0")
    match plan.kind:
        case Kind.ONCE:
            return str(words["once"])
        case Kind.SCHEDULED:
            if plan.start_at is None:
                return str(words["no_day"])
            at = clock.local(plan.start_at)
            return str(words["scheduled"]).format(day=_day(at), time=f"{at.hour}:{at:%M}")
        case Kind.RECURRING:
            if plan.start_at is None:
                return str(words["no_day"])
            start = clock.local(plan.start_at)
            return str(words["recurring"]).format(
                each=_each(plan, start), time=time, start=_day(start), until=_until(plan, clock)
            )
        case Kind.EVENT:
            event = WORDS["events"].get(plan.event_kind, "")
            after = words["event_later" if plan.offset_days else "event_now"].format(
                n=plan.offset_days, time=time
            )
            said = words["event"].format(event=event, codes=_codes(plan), after=after)
        case Kind.RELATIVE:
            side = "before" if plan.offset_days < 0 else "after" if plan.offset_days else "same"
            offset = words["offset"][side].format(n=abs(plan.offset_days))
            anchor = WORDS["anchors"].get(plan.anchor, "")
            said = words["relative"].format(anchor=anchor, codes=_codes(plan), offset=offset, time=time)
    since = words["from"].format(day=_day(clock.local(plan.start_at))) if plan.start_at else ""
    ends = words["ends"].format(until=_until(plan, clock)) if plan.end_at else ""
    return f"{said}{since}{ends}"


def _each(plan: Plan, start: datetime) -> str:
    unit = WORDS["when"][plan.unit or Unit.DAY]
    weekday, every = WORDS["weekdays"][start.weekday()], plan.every or 1
    return str(unit["one" if every == 1 else "many"]).format(n=every, weekday=weekday, date=start.day)


def _until(plan: Plan, clock: Clock) -> str:
    """The last day it may send on: an end is the first moment it does not."""
    words = WORDS["when"]
    if plan.end_at is None:
        return str(words["forever"])
    last = clock.local(plan.end_at)
    midnight = last.hour == last.minute == last.second == 0
    return str(words["until"]).format(day=_day(clock.local(plan.end_at - MOMENT) if midnight else last))


def _codes(plan: Plan) -> str:
    return WORDS["when"]["codes"].format(codes="、".join(plan.codes)) if plan.codes else ""


def _day(at: datetime) -> str:
    weekday = WORDS["weekdays"][at.weekday()]
    return str(WORDS["when"]["full_day"]).format(year=at.year, month=at.month, day=at.day, weekday=weekday)
