"""How the schedule pages say clinics, exceptions, days and changes."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from pathlib import Path
from uuid import UUID

from care.appointments.models import Schedule, ScheduleException
from care.appointments.replanning import Stuck
from care.appointments.scheduling.models import ScheduleChange
from care.hospital.models import DayKind, HospitalDay
from web.words import Words, query_of

words = Words(Path(__file__).parents[3] / "data" / "seed" / "schedule_words.yml")


def money(fen: int) -> str:
    """Yuan as people write them: `18`, `18.50`."""
    return str(fen // 100) if fen % 100 == 0 else f"{fen // 100}.{fen % 100:02d}"


def day(value: date) -> str:
    return words(
        "labels", "day", month=value.month, day=value.day, weekday=words("weekdays", value.weekday())
    )


def hours(one: Schedule) -> str:
    return words("labels", "hours", starts=f"{one.starts:%H:%M}", ends=f"{one.ends:%H:%M}")


def details(one: Schedule, places: Mapping[UUID, str]) -> list[str]:
    """What is worth saying of a weekly clinic besides its time."""
    said = [words("kinds", one.kind)]
    said.append(words("labels", "places", minutes=one.slot_minutes, capacity=one.capacity))
    if one.overbook:
        said.append(words("labels", "overbook", overbook=one.overbook))
    said.append(words("labels", "fee", fee=money(one.fee_fen)))
    if ages := _ages(one):
        said.append(ages)
    if one.sex:
        said.append(words("sexes", one.sex))
    if one.location_id is not None and one.location_id in places:
        said.append(places[one.location_id])
    if one.valid_from:
        said.append(words("labels", "valid_from", day=day(one.valid_from)))
    if one.valid_to:
        said.append(words("labels", "valid_to", day=day(one.valid_to)))
    if one.on_holidays != "follow":
        said.append(words("holidays", one.on_holidays))
    return said


def _ages(one: Schedule) -> str:
    if one.min_age is not None and one.max_age is not None:
        return words("labels", "ages", youngest=one.min_age, oldest=one.max_age)
    if one.min_age is not None:
        return words("labels", "ages_from", youngest=one.min_age)
    return words("labels", "ages_to", oldest=one.max_age) if one.max_age is not None else ""


def exception(one: ScheduleException, clinic: Schedule | None) -> str:
    """`11月26日（周四） 08:00-11:30 停诊`."""
    of = hours(clinic) if clinic is not None else words("labels", "all_clinics")
    parts = [day(one.day), of]
    if one.closed:
        parts.append(words("labels", "closed"))
    if one.starts is not None and one.ends is not None:
        parts.append(words("labels", "changed_hours", starts=f"{one.starts:%H:%M}", ends=f"{one.ends:%H:%M}"))
    if one.capacity is not None:
        parts.append(words("labels", "changed_capacity", capacity=one.capacity))
    if clinic is not None and not one.closed and one.day.weekday() != clinic.weekday:
        parts.append(words("labels", "extra"))
    return " ".join(parts)


def own_day(one: HospitalDay) -> str:
    if one.kind == DayKind.OFF:
        return one.name
    if one.as_weekday is None:
        return words("labels", "worked")
    return words("labels", "worked_as", weekday=words("weekdays", one.as_weekday))


def stuck(one: Stuck, taken: int) -> str:
    """`11月26日（周四）上午 已有3人`."""
    return words("labels", "stuck", day=day(one.day), part=words("parts", one.part), taken=taken)


def closing(one: Stuck) -> str:
    """Where this half-day can be closed, with everybody told."""
    query = query_of(
        {
            "department": one.department_id,
            "doctor": one.practitioner_id,
            "first": one.day.isoformat(),
            "last": one.day.isoformat(),
            "part": one.part,
            "reason": "other",
        }
    )
    return f"/desk/clinics/closures/new?{query}"


def half_days(found: tuple[Stuck, ...]) -> list[tuple[Stuck, int]]:
    """One line a doctor and half-day: its first slot, and how many have a place in all of it."""
    lines: dict[tuple[UUID, date, str], tuple[Stuck, int]] = {}
    for one in found:
        key = (one.practitioner_id, one.day, one.part)
        first, taken = lines.get(key, (one, 0))
        lines[key] = (first, taken + one.taken)
    return list(lines.values())


def change(one: ScheduleChange) -> str:
    """`新增 每周出诊 周二 08:00-11:30`."""
    did = "removed" if one.after is None else "added" if one.before is None else "changed"
    values = one.after or one.before or {}
    parts = [words("did", did), words("what", one.what)]
    match one.what:
        case "clinic":
            parts.append(words("labels", "weekday", weekday=words("weekdays", values["weekday"])))
            parts.append(words("labels", "hours", starts=values["starts"], ends=values["ends"]))
        case "exception":
            parts.append(day(date.fromisoformat(values["day"])))
        case "day":
            parts.append(day(date.fromisoformat(one.key)))
        case _:
            pass
    return " ".join(parts)
