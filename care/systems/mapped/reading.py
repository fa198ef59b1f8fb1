"""A mapping file: read strictly, so that a mistake stops the start with a sentence that names it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from care.systems.port import Found, OfferedSlot, Person, Unread

REASONS = ("full", "patient", "gone", "not_allowed", "other")
WHO = ("record_number", "name", "sex", "birth_date", "phone", "id_number")
"""Whose an appointment is."""
STATUSES = ("pending", "booked", "cancelled", "arrived", "fulfilled", "noshow")


class MappingError(ValueError):
    """The mapping cannot be; the message is one sentence that names file and field."""


class Strict(BaseModel):
    """What is not known is a mistake, not ignored."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Formats(Strict):
    """How days and times are written where they are text (strftime's letters), and whether money is in yuan or fen."""

    date: str = "%Y-%m-%d"
    time: str = "%H:%M"
    moment: str = "%Y-%m-%d %H:%M:%S"
    money: str = "yuan"


M = TypeVar("M", bound=Strict)


def read_mapping(path: str, model: type[M]) -> M:
    """Raises `MappingError`."""
    try:
        raw = yaml.safe_load(Path(path).read_text("utf-8"))
    except OSError as error:
        raise MappingError(f"BANYI_HIS_MAPPING {path} cannot be read: {error.strerror}.") from error
    except yaml.YAMLError as error:
        raise MappingError(f"BANYI_HIS_MAPPING {path} is no YAML: {' '.join(str(error).split())}.") from error
    if not isinstance(raw, dict):
        raise MappingError(f"BANYI_HIS_MAPPING {path} must be a mapping.")
    try:
        return model.model_validate(raw)
    except ValidationError as error:
        said = [
            f"{'.'.join(str(one) for one in one['loc']) or 'file'}: {one['msg']}" for one in error.errors()
        ]
        raise MappingError(f"BANYI_HIS_MAPPING {path}: {'; '.join(said)}.") from error


def check_mapping(his: str, path: str) -> None:
    """Whether the file is a mapping of `his` (`views` or `http`), before anything is started. Raises `MappingError`."""
    if his == "views":
        from care.systems.mapped.tables import ViewsMapping

        read_mapping(path, ViewsMapping)
    else:
        from care.systems.mapped.messages import MessagesMapping

        read_mapping(path, MessagesMapping)


def needs(what: str, have: Mapping[str, Any], wanted: tuple[str, ...], known: tuple[str, ...]) -> None:
    """Raises `ValueError` naming what is missing, or not known."""
    if missing := [one for one in wanted if one not in have]:
        raise ValueError(f"{what} lacks {', '.join(missing)}")
    if strange := sorted(set(have) - {*wanted, *known}):
        raise ValueError(f"{what} has {', '.join(strange)}, which means nothing here")


def one_of(what: str, values: Mapping[str, str], allowed: tuple[str, ...]) -> None:
    """Raises `ValueError` for a code that is mapped to a word we do not have."""
    if wrong := sorted({one for one in values.values() if one not in allowed}):
        raise ValueError(f"{what} maps to {', '.join(wrong)}; it may be {', '.join(allowed)}")


class Values:
    """Their values as ours: codes as text, days and times in the hospital's zone, money in fen. `ValueError` for what does not read."""

    def __init__(self, formats: Formats, zone: ZoneInfo, sex: Mapping[str, str] | None = None) -> None:
        """`sex`: ours as theirs."""
        self._formats, self._zone = formats, zone
        self._sex = {theirs: ours for ours, theirs in (sex or {}).items()}

    def text(self, value: Any) -> str:
        return "" if value is None else str(value).strip()

    def number(self, value: Any) -> int:
        return int(float(self.text(value) or 0))

    def fen(self, value: Any) -> int | None:
        if value is None or self.text(value) == "":
            return None
        return round(float(value) * (100 if self._formats.money == "yuan" else 1))

    def moment(self, value: Any, day: Any = None) -> datetime:
        """A moment, from one value or from a day and a time of it."""
        if day is not None:  # a time of day may come as a moment of any day (1900-01-01 09:00)
            return datetime.combine(self._day(day), self._time(value), self._zone)
        if isinstance(value, datetime):
            return value if value.tzinfo is not None else value.replace(tzinfo=self._zone)
        return datetime.strptime(self.text(value), self._formats.moment).replace(tzinfo=self._zone)

    def slot(self, row: Mapping[str, Any]) -> OfferedSlot:
        """A row of times under our words; without an end it is ten minutes long. Raises `ValueError`."""
        if not self.text(row["id"]):
            raise ValueError("no id")
        start = self.moment(row["start"], row.get("date"))
        ends = row.get("end")
        end = self.moment(ends, row.get("date")) if self.text(ends) else start + timedelta(minutes=10)
        return OfferedSlot(
            external_id=self.text(row["id"]),
            practitioner=self.text(row["practitioner"]),
            service=self.text(row.get("service")),
            start=start,
            end=end,
            free=max(0, self.number(row["free"])),
            capacity=self.number(row["capacity"]) if "capacity" in row else None,
            fee_fen=self.fen(row.get("fee")),
        )

    def slot_or_not(self, row: Mapping[str, Any]) -> OfferedSlot | Unread:
        """As `slot`; one row that does not read (a day without a time, a doctor who is off) costs no other."""
        try:
            return self.slot(row)
        except ValueError as error:
            return Unread(self.text(row["id"]), str(error)[:200])

    def found(self, row: Mapping[str, Any], status: str, etag: str | None = None) -> Found:
        """A row of appointments under our words, with its status as ours."""
        start = row.get("start")
        return Found(
            external_id=self.text(row["id"]),
            status=status,
            start=self.moment(start, row.get("date")) if start is not None else None,
            slot=self.text(row.get("slot")) or None,
            practitioner=self.text(row.get("practitioner")) or None,
            service=self.text(row.get("service")) or None,
            etag=etag or self.text(row.get("changed")) or None,
            key=self.text(row.get("key")) or None,
            said=self.text(row.get("said")),
            record_number=self.text(row.get("record_number")) or None,
            person=self._person(row),
        )

    def _person(self, row: Mapping[str, Any]) -> Person | None:
        record = self.text(row.get("record_number"))
        if not record:
            return None
        born, sex = row.get("birth_date"), self.text(row.get("sex"))
        return Person(
            record_number=record,
            name=self.text(row.get("name")),
            sex=self._sex.get(sex, sex) or "unknown",
            birth_date=self._birthday(born),
            phone=self.text(row.get("phone")) or None,
            id_number=self.text(row.get("id_number")) or None,
        )

    def _birthday(self, value: Any) -> date | None:
        """One that is none costs nobody the appointment."""
        try:
            return self._day(value) if self.text(value) else None
        except ValueError:
            return None

    def written(self, value: Any, kind: type[Any]) -> Any:
        """A value of ours as a column of that kind has it. Raises `ValueError`."""
        if value is None or type(value) is kind:
            return value
        if kind is str:
            match value:
                case datetime():
                    return value.strftime(self._formats.moment)
                case date():
                    return value.strftime(self._formats.date)
                case float():
                    return f"{value:.2f}"
            return str(value)
        if kind in (int, float, Decimal):
            try:
                return kind(str(value))
            except ArithmeticError as error:
                raise ValueError(str(value)) from error
        if isinstance(value, datetime):
            return {date: value.date(), time: value.time()}.get(kind, value)
        return value

    def local(self, moment: datetime) -> datetime:
        """Naive, as their columns have it."""
        return moment.astimezone(self._zone).replace(tzinfo=None)

    def _day(self, value: Any) -> date:
        if isinstance(value, datetime):
            return value.date()
        if isinstance(value, date):
            return value
        return datetime.strptime(self.text(value), self._formats.date).replace(tzinfo=self._zone).date()

    def _time(self, value: Any) -> time:
        if isinstance(value, time):
            return value
        if isinstance(value, datetime):
            return value.time()
        if isinstance(value, timedelta):  # MySQL's TIME
            return (datetime.combine(date.min, time(), self._zone) + value).time()
        return datetime.strptime(self.text(value), self._formats.time).replace(tzinfo=self._zone).time()
