"""The form of a campaign: what was sent as a `Plan`, and a plan as the form's fields."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime, time, timedelta
from typing import Any
from uuid import UUID

from content.campaigns.kinds import ARMS, Anchor, Choosing, Goal, Kind, Late, Unit
from content.campaigns.models import Campaign, CampaignVariant
from content.campaigns.pages.offered import Offered
from content.campaigns.plan import Plan, Variant
from store.clock import Clock

SHOWN_ARMS = tuple(ARMS)
"""Texts the form has fields for."""
WRONG = 10**6
"""Stands for a number that is none: larger than every limit, so that the plan's own check names the field."""


class NotOurs(ValueError):
    """What was sent comes from no form of ours."""


@dataclass(frozen=True, slots=True)
class Fields:
    """What the form shows; every value as its field takes it. `articles` and `audience` are ids."""

    name: str = ""
    note: str = ""
    articles: Sequence[str] = ("", "", "")
    choosing: str = Choosing.EVEN
    goal: str = Goal.OPENED
    audience: str = ""
    kind: str = Kind.ONCE
    every: int = 1
    unit: str = Unit.WEEK
    event_kind: str = ""
    anchor: str = ""
    direction: str = "after"
    offset_days: int = 0
    codes: str = ""
    start_day: str = ""
    end_day: str = ""
    at_time: str = "09:30"
    late: str = Late.SKIP
    late_days: int = 7
    valid_days: int = 7
    purpose: str = "education"
    holdout_percent: int = 0

    def as_form(self) -> dict[str, str]:
        """As the browser would send them."""
        given = {name: str(value) for name, value in asdict(self).items() if name != "articles"}
        return {
            **given,
            **{f"article_{arm}": one for arm, one in zip(SHOWN_ARMS, self.articles, strict=True)},
        }


def fields_of(campaign: Campaign, variants: Sequence[CampaignVariant], clock: Clock) -> Fields:
    """A saved campaign as its form shows it."""
    ids = [str(one.article_id) for one in variants]
    return Fields(
        name=campaign.name,
        note=campaign.note,
        articles=[*ids, "", "", ""][: len(SHOWN_ARMS)],
        choosing=campaign.choosing,
        goal=campaign.goal,
        audience=str(campaign.audience_id),
        kind=campaign.kind,
        every=campaign.every or 1,
        unit=campaign.unit or Unit.WEEK,
        event_kind=campaign.event_kind or "",
        anchor=campaign.anchor or "",
        direction="before" if campaign.offset_days < 0 else "after",
        offset_days=abs(campaign.offset_days),
        codes=" ".join(campaign.codes),
        start_day=_day(campaign.start_at, clock),
        end_day=_day(campaign.end_at, clock, last=True),
        at_time=_time(campaign, clock),
        late=campaign.late,
        late_days=campaign.late_days or 7,
        valid_days=campaign.valid_days,
        purpose=campaign.purpose,
        holdout_percent=campaign.holdout_percent,
    )


def received(form: Mapping[str, Any], offered: Offered, clock: Clock) -> Plan:
    """The plan as it was filled in; its own check says what is wrong with it. Raises `NotOurs`."""

    def text(name: str, longest: int = 400) -> str:
        value = form.get(name, "")
        return " ".join(value.split())[:longest] if isinstance(value, str) else ""

    def number(name: str, empty: int) -> int:
        given = text(name, 12)
        return empty if not given else int(given) if given.isdecimal() and len(given) < 7 else WRONG

    try:
        kind = Kind(text("kind", 12))
        late, choosing, goal = Late(text("late")), Choosing(text("choosing")), Goal(text("goal"))
        unit, anchor = Unit(text("unit")), Anchor(text("anchor")) if text("anchor") else None
        audience = offered.audience(UUID(text("audience")))
        articles = [
            offered.article(UUID(text(f"article_{arm}"))) for arm in SHOWN_ARMS if text(f"article_{arm}")
        ]
        start, end = _read_day(text("start_day")), _read_day(text("end_day"))
    except (ValueError, KeyError) as error:
        raise NotOurs(str(error)) from error
    at = text("at_time", 5) or None
    offset = number("offset_days", 0) * (-1 if text("direction") == "before" else 1)
    begins = _moment(start, at if kind in (Kind.SCHEDULED, Kind.RECURRING) else None, clock)
    timed = kind is not Kind.ONCE
    return Plan(
        name=text("name", 100),
        note=text("note"),
        kind=kind,
        audience_version_id=audience.version_id,
        variants=tuple(Variant(one.id, one.revision) for one in articles),
        purpose=text("purpose", 24),
        holdout_percent=number("holdout_percent", 0),
        choosing=choosing,
        goal=goal,
        start_at=begins if timed else None,
        end_at=_moment(end + timedelta(days=1), None, clock)
        if end and timed and kind is not Kind.SCHEDULED
        else None,
        every=number("every", 1) if kind is Kind.RECURRING else None,
        unit=unit if kind is Kind.RECURRING else None,
        at_time=at if timed else None,
        event_kind=text("event_kind", 80) or None if kind is Kind.EVENT else None,
        anchor=anchor if kind is Kind.RELATIVE else None,
        offset_days=offset if kind is Kind.RELATIVE else abs(offset) if kind is Kind.EVENT else 0,
        codes=_codes(text("codes")) if kind in (Kind.EVENT, Kind.RELATIVE) else (),
        late=late,
        late_days=number("late_days", 0) if late is Late.CATCH_UP else 0,
        valid_days=number("valid_days", 7),
    )


def _codes(given: str) -> tuple[str, ...]:
    for other in ",，、;；":
        given = given.replace(other, " ")
    return tuple(dict.fromkeys(one.upper() for one in given.split()))


def _read_day(given: str) -> date | None:
    return date.fromisoformat(given) if given else None


def _moment(day: date | None, at: str | None, clock: Clock) -> datetime | None:
    """That day at that local time, or at its beginning; a time that is none is the plan's to refuse."""
    if day is None:
        return None
    try:
        clock_time = time.fromisoformat(at) if at else time()
    except ValueError:
        clock_time = time()
    return clock.to_utc(datetime.combine(day, clock_time.replace(tzinfo=None)))


def _day(moment: datetime | None, clock: Clock, *, last: bool = False) -> str:
    """As a date field has it; `last`: the day before, since an end is not included."""
    if moment is None:
        return ""
    return str((clock.local(moment) - (timedelta(seconds=1) if last else timedelta())).date())


def _time(campaign: Campaign, clock: Clock) -> str:
    if campaign.at_time:
        return campaign.at_time
    if campaign.kind == Kind.SCHEDULED and campaign.start_at is not None:
        return f"{clock.local(campaign.start_at):%H:%M}"
    return "09:30"
