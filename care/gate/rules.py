"""The hospital's numbers for the gate, read from settings.

Purposes: reply, staff_reply, code, staff_notice are answers; service_notice, follow_up, survey, education, marketing are pushed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import time, timedelta
from types import MappingProxyType
from zoneinfo import ZoneInfo

ANSWERS = frozenset({"reply", "staff_reply", "code", "staff_notice"})
"""What somebody waits for: the patient, or (staff_notice) a member of staff who is called to an alert.

It needs no consent, is never muted and burdens nobody."""
PUSHED = ("service_notice", "follow_up", "survey", "education", "marketing")
"""What we begin, the most important first: a lower one never takes the place of a higher one."""
RANK: Mapping[str, int] = MappingProxyType({purpose: rank for rank, purpose in enumerate(PUSHED)})
CAPPED = frozenset({"follow_up", "survey", "education", "marketing"})
"""Appointments and closures (service_notice) are told however much else was sent."""
RECEIPTS = ("consent.",)
"""Replies the patient gets whoever has the conversation: what they decided about messages is confirmed by the house itself."""
KNOWN = ANSWERS | frozenset(PUSHED)

MARKETING_HOURS = (time(8), time(22))
"""Outside them marketing is refused by carriers and vendors (Tencent: FailedOperation.MarketingSendTimeConstraint, code 1029,
https://cloud.tencent.com/document/product/382/3771)."""

DAY, WEEK, MINUTE = timedelta(days=1), timedelta(days=7), timedelta(minutes=1)
Hours = tuple[time, time]

DEFAULT_HOURS = "service_notice,reply 08:00-21:00; follow_up,survey,education,marketing 09:00-20:00"
DEFAULT_BURDEN = "follow_up,survey,education 2/5; marketing 1/2"
DEFAULT_REST_DAYS = "survey,marketing"
DEFAULT_CALL_FOR = "reply,staff_reply,service_notice"


@dataclass(frozen=True, slots=True)
class Cap:
    """Pushed messages a person may get in 24 hours and in seven days, both rolling."""

    day: int
    week: int


@dataclass(frozen=True, slots=True)
class GateRules:
    """`hours`: when a purpose may be sent, local, end excluded; not named: always. `rest_days`: purposes that wait for the next
    working day (weekends and public holidays rest, 调休 days work). `burden`: caps by purpose. `sms_*`: our own caps of one
    number, beneath the vendors'. `answer_within`: so long after the patient's message an answer passes hours, caps and mute.
    `kept_*`: customer messages of WeChat's 48-hour window left for clinicians and for emergencies. `call_for`: purposes for
    which a nurse rings up when nothing else reaches the person. `holder_wait`: so long what is for an unknown phone waits.
    """

    zone: ZoneInfo = field(default_factory=lambda: ZoneInfo("Asia/Shanghai"))
    hours: Mapping[str, Hours] = field(default_factory=lambda: parse_hours(DEFAULT_HOURS))
    rest_days: frozenset[str] = field(default_factory=lambda: parse_purposes(DEFAULT_REST_DAYS))
    burden: Mapping[str, Cap] = field(default_factory=lambda: parse_burden(DEFAULT_BURDEN))
    sms_per_minute: int = 1
    sms_per_day: int = 10
    answer_within: timedelta = timedelta(minutes=10)
    kept_for_clinicians: int = 1
    kept_for_emergency: int = 1
    call_for: frozenset[str] = field(default_factory=lambda: parse_purposes(DEFAULT_CALL_FOR))
    holder_wait: timedelta = timedelta(days=3)


def parse_purposes(text: str) -> frozenset[str]:
    """`survey,marketing`. Raises `ValueError` naming what is no purpose."""
    return frozenset(_purposes(text))


def parse_hours(text: str) -> Mapping[str, Hours]:
    """`service_notice 08:00-21:00; survey,education 09:00-20:00`. Raises `ValueError` naming the piece that is wrong."""
    found: dict[str, Hours] = {}
    for purposes, value in _pieces(text, "service_notice 08:00-21:00"):
        try:
            begin, end = (time.fromisoformat(part) for part in value.split("-"))
        except ValueError as error:
            raise ValueError(f"hours: cannot read {value!r}, write 08:00-21:00") from error
        if begin >= end:
            raise ValueError(f"hours: {value!r} must begin before it ends, on one day")
        found |= dict.fromkeys(purposes, (begin, end))
    begin, end = found.setdefault("marketing", MARKETING_HOURS)
    if begin < MARKETING_HOURS[0] or end > MARKETING_HOURS[1]:
        raise ValueError("hours: marketing must lie within 08:00-22:00, carriers refuse it outside")
    return MappingProxyType(found)


def parse_burden(text: str) -> Mapping[str, Cap]:
    """`follow_up,survey 2/5` is two a day and five a week. Raises `ValueError` naming the piece that is wrong."""
    found: dict[str, Cap] = {}
    for purposes, value in _pieces(text, "follow_up 2/5"):
        day, slash, week = value.partition("/")
        if not slash or not day.isdecimal() or not week.isdecimal() or not 1 <= int(day) <= int(week):
            raise ValueError(f"burden: cannot read {value!r}, write 2/5: two a day, five a week")
        if wrong := sorted(purposes - CAPPED):
            raise ValueError(f"burden: {', '.join(wrong)} is never capped")
        found |= {purpose: Cap(int(day), int(week)) for purpose in purposes}
    return MappingProxyType(found)


def _pieces(text: str, example: str) -> Iterable[tuple[set[str], str]]:
    for piece in filter(None, (part.strip() for part in text.split(";"))):
        purposes, space, value = piece.rpartition(" ")
        if not space:
            raise ValueError(f"cannot read {piece!r}, write {example!r}")
        yield _purposes(purposes), value


def _purposes(text: str) -> set[str]:
    found = {part.strip() for part in text.split(",")} - {""}
    if wrong := sorted(found - KNOWN):
        raise ValueError(f"{', '.join(wrong)}: no such purpose; there are {', '.join(sorted(KNOWN))}")
    return found
