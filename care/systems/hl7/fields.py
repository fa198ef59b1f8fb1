"""HL7's data types in ours: times, names, numbers of persons, telephones, coded values."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import date, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

from care.observations.reading import Reading
from care.patients import identity
from care.records.service import MORNING
from care.systems.hl7.codes import Codes
from care.systems.hl7.message import Message, Segment, Unreadable
from care.systems.taking import Unusable
from channels.chinatime import CHINA

_TIME = re.compile(
    r"(\d{4})(?:(\d\d)(?:(\d\d)(?:(\d\d)(?:(\d\d)(?:(\d\d)(?:\.(\d{1,9}))?)?)?)?)?)?([+-]\d{4})?"
)
_WRITTEN = re.compile(
    r"(\d{4})(?:([-/])(\d\d?)\2(\d\d?)|(\d\d)(\d\d))(?:[T ]+(\d\d?):?(\d\d)(?::?(\d\d)(\.\d+)?)?)? ?(?:(Z)|([+-]\d\d):?(\d\d))?"
)
"""As databases and programs write what should be HL7's: `2026-11-17 09:30:00`, ISO 8601."""
_NO_DAY = frozenset({(1753, 1, 1), (1899, 12, 30), (1900, 1, 1)})
_NO_YEAR = frozenset({0, 1, 9999})
"""What databases put where there is no date."""
_HAN = re.compile(r"[\u3400-\u9fff]")
Zone = ZoneInfo | timezone


def moment(text: str, zone: Zone = CHINA) -> datetime | None:
    """HL7's TS: aware, in the hospital's zone where it names none; of a day alone the morning. None where it is empty, or says only that
    there is none.

    Raises `Unusable`.
    """
    if not text:
        return None
    found = _TIME.fullmatch(_as_hl7(text))
    if found is None or found[3] is None:
        raise Unusable("time", text[:30])
    year, month, day, hour, minute, second = (int(one) if one else 0 for one in found.groups()[:6])
    if year in _NO_YEAR or (year, month, day) in _NO_DAY:
        return None
    fraction = int((found[7] or "0").ljust(6, "0")[:6])
    offset = found[8]
    if offset:
        hours, minutes = int(offset[1:3]), int(offset[3:])
        if hours > 14 or minutes > 59:
            raise Unusable("time", text[:30])
        zone = timezone((1 if offset[0] == "+" else -1) * timedelta(hours=hours, minutes=minutes))
    try:
        if found[4] is None:
            return datetime.combine(date(year, month, day), MORNING, zone)
        return datetime(year, month, day, hour, minute, min(second, 59), fraction, tzinfo=zone)
    except (ValueError, OverflowError) as error:
        raise Unusable("time", text[:30]) from error


def day(text: str) -> date | None:
    """HL7's DT, or the day of a TS. None where it is empty, or says only a year or month. Raises `Unusable`."""
    if not text or (text.isdecimal() and len(text) in (4, 6)):
        return None
    at = moment(text)
    return None if at is None else at.date()


def _as_hl7(text: str) -> str:
    found = _WRITTEN.fullmatch(text.strip())
    if found is None:
        return text
    year, _, month, day, month_too, day_too, hour, minute, second, fraction, utc, hours, minutes = (
        found.groups()
    )
    clock = f"{hour:0>2}{minute}{second or ''}{fraction or ''}" if hour else ""
    offset = "+0000" if utc else f"{hours}{minutes}" if hours else ""
    return f"{year}{month or month_too:0>2}{day or day_too:0>2}{clock}{offset}"


def name(segment: Segment, field: int) -> str:
    """XPN: the ideographic spelling where there are several (XPN.8 `I`, else one in Chinese characters), the legal one before others.

    Family and given name without a space between; most Chinese systems put both into the first component.
    """
    spellings = [(("".join(one[:2])).strip(), _at(one, 7), _at(one, 8)) for one in segment.repeats(field)]
    spellings = [one for one in spellings if one[0] and one[0] != '""']
    spellings.sort(key=lambda one: (one[2] != "I", _HAN.search(one[0]) is None, one[1] not in ("", "L")))
    return spellings[0][0] if spellings else ""


def _at(parts: Sequence[str], number: int) -> str:
    return parts[number - 1].strip() if number <= len(parts) else ""


def identifier(segment: Segment, types: Sequence[str], *, or_first: bool = False, field: int = 3) -> str:
    """Of PID-3 (MRG-1) the identifier of the first of these types (CX.5); `or_first`: whichever stands first, where none is."""
    return next(iter(identifiers(segment, types, or_first=or_first, field=field)), "")


def identifiers(
    segment: Segment, types: Sequence[str], *, or_first: bool = False, field: int = 3
) -> list[str]:
    """As `identifier`: all of that type, as they stand."""
    given = segment.repeats(field)
    for wanted in types:
        if found := [_at(one, 1) for one in given if _at(one, 5) == wanted and _at(one, 1)]:
            return found
    untyped = [one for one in given if not _at(one, 5)] or given
    return [_at(untyped[0], 1)] if or_first and untyped else []


def phone(segment: Segment, field: int) -> str | None:
    """XTN: the first number that can be one; else the first as it stands, so that it is seen to be wrong."""
    numbers: list[str] = []
    for one in segment.repeats(field):
        numbers += [text for text in (_at(one, 12), _at(one, 6) + _at(one, 7), _at(one, 1)) if text]
    numbers = [one for one in numbers if one != '""']
    valid = next((one for one in numbers if identity.parse_phone(one) is not None), None)
    return valid or (numbers[0] if numbers else None)


def said_at(message: Message, fallback: datetime) -> datetime:
    """When the sender said it: MSH-7, else when the message came (`fallback`). Never later than that: a sender's clock that is ahead
    would make all that follows older than what is known. A day alone is all of that day."""
    text = message.head[7].split("^")[0]
    try:
        said = moment(text)
    except Unusable:
        said = None
    if said is None:
        return fallback
    if len(_as_hl7(text)) == len("20261121"):
        said = said.replace(hour=23, minute=59, second=59)
    return min(said, fallback)


def needed(segment: Segment, field: int, component: int = 1) -> str:
    """Raises `Unreadable`."""
    text = segment.get(field, component)
    if not text:
        raise Unreadable(101, f"{segment.name}-{field} is empty")
    return text


def reading(segment: Segment, codes: Codes) -> Reading | None:
    """A number of OBX that we keep, in the unit we keep it in; None for everything else, and for what cannot be."""
    if segment.get(2) not in ("NM", "SN", "ST") or segment.get(11) not in ("", "F", "C", "P"):
        return None
    code, system = segment.get(3), segment.get(3, 3)
    coded = codes.observations.get(code) or (code if system in ("LN", "LOINC", "") else "")
    measure = codes.measures.kept(coded) if coded else None
    number = segment.get(5, 2) if segment.get(2) == "SN" else segment.get(5)
    if measure is None or (segment.get(2) == "SN" and segment.get(5) not in ("", "=")):
        return None
    unit = segment.get(6)
    unit = codes.units.get(unit, unit)
    if unit not in measure.units:
        return None
    try:
        factor, addend = measure.units[unit]
        value = round(float(number) * factor + addend, measure.decimals + 1)
    except (ValueError, OverflowError):
        return None
    low, high = measure.plausible
    return Reading(measure.code, value, measure.unit) if low <= value <= high else None
