"""A date that lies behind: 昨天, 三天前, 上周三, 11月20日. The nearest past one counts where the year or month is not said."""

from __future__ import annotations

import re
from datetime import date, timedelta
from functools import cache

from care.questionnaires.reading.found import Doubt, Found, Read, Unread
from care.questionnaires.reading.numbers import numeral
from care.questionnaires.reading.words import any_of, left_over, words


def read_date(folded: str, today: date) -> Found:
    """ISO. What lies ahead is asked back."""
    for reader in (_full, _month_and_day, _day_of_month, _ago, _weekday, _named):
        hit = reader(folded, today)
        if hit is not None:
            day, start, end = hit
            if day is None:
                return Unread("not_a_date")
            sure = day <= today and not left_over(folded[:start] + folded[end:])
            return (Read if sure else Doubt)(day.isoformat())
    return Unread("not_a_date")


Hit = tuple[date | None, int, int]


def _made(year: int, month: int, day: int) -> date | None:
    try:
        return date(year, month, day)
    except ValueError:
        return None


@cache
def _patterns() -> dict[str, re.Pattern[str]]:
    raw = words().raw
    figure = rf"(?:\d{{1,2}}|[{''.join(raw['digits'])}{''.join(raw['tens'])}]{{1,3}})"
    day, month, year = "|".join(words().list("day")), raw["month"], raw["year"]
    last, this = "|".join(words().list("last_month")), "|".join(words().list("this_month"))
    return {
        "full": re.compile(rf"(\d{{4}})(?:[-/.]|{year})(\d{{1,2}})(?:[-/.]|{month})(\d{{1,2}})(?:{day})?"),
        "month": re.compile(rf"({figure})(?:{month}|[./-])({figure})(?:{day})?"),
        "day": re.compile(rf"(?:(?P<last>{last})|(?:{this}))?(?P<day>{figure})(?:{day})"),
        "ago": re.compile(
            rf"({figure})(?:(?P<weeks>{'|'.join(words().list('weeks_ago'))})|(?:{'|'.join(words().list('ago'))}))"
        ),
        "weekday": re.compile(
            rf"(?:(?P<last>{'|'.join(words().list('last_week'))})|(?:{'|'.join(words().list('this_week'))}))"
            rf"(?P<day>[{''.join(raw['weekdays'])}])"
        ),
    }


def _int(text: str) -> int:
    return int(numeral(text)[0] or 0)


def _full(text: str, today: date) -> Hit | None:
    match = _patterns()["full"].search(text)
    return (_made(*map(int, match.groups())), *match.span()) if match else None


def _month_and_day(text: str, today: date) -> Hit | None:
    match = _patterns()["month"].search(text)
    if match is None:
        return None
    day = _made(today.year, _int(match[1]), _int(match[2]))
    if day is not None and day > today + timedelta(days=31):
        day = _made(today.year - 1, day.month, day.day)
    return (day, *match.span())


def _day_of_month(text: str, today: date) -> Hit | None:
    match = _patterns()["day"].search(text)
    if match is None:
        return None
    first = today.replace(day=1)
    number = _int(match["day"])
    if match["last"] or number > today.day:
        first = (first - timedelta(days=1)).replace(day=1)
    return (_made(first.year, first.month, number), *match.span())


def _ago(text: str, today: date) -> Hit | None:
    match = _patterns()["ago"].search(text)
    if match is None:
        return None
    return (today - timedelta(days=_int(match[1]) * (7 if match["weeks"] else 1)), *match.span())


def _weekday(text: str, today: date) -> Hit | None:
    match = _patterns()["weekday"].search(text)
    if match is None:
        return None
    monday = today - timedelta(days=today.weekday() + (7 if match["last"] else 0))
    day = monday + timedelta(days=words().raw["weekdays"][match["day"]])
    return (day if match["last"] or day <= today else day - timedelta(days=7), *match.span())


def _named(text: str, today: date) -> Hit | None:
    match = any_of("days").search(text)
    if match is None:
        return None
    return (today - timedelta(days=words().raw["days"][match[0]]), *match.span())
