"""Reading a hospital's own files: patients and weekly schedules from CSV or JSON, all or nothing.

Columns may be named in English or as hospitals name them (`data/seed/hospital/columns.yml`). Every wrong row
is named before anything is written; messages never repeat a person's data.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time
from decimal import Decimal, InvalidOperation
from functools import cache
from pathlib import Path
from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from care.appointments.models import Schedule
from care.hospital.gazetteer import fold
from care.hospital.models import HealthcareService, Practitioner
from care.hospital.service import departments
from care.hospital.words import load
from care.patients import identity
from care.patients import service as patients
from care.patients.models import Patient
from care.patients.service import PatientData
from care.rows import chunks


@dataclass(frozen=True, slots=True)
class Row:
    """`number` as the file's reader counts: lines of a CSV (its header is 1), items of a JSON list from 1."""

    number: int
    values: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class RowError:
    row: int
    field: str
    message: str

    def __str__(self) -> str:
        return f"row {self.row}: {self.field}: {self.message}"


class LoadError(ValueError):
    """Nothing was written. `errors` name every wrong row."""

    def __init__(self, errors: list[RowError]) -> None:
        super().__init__("\n".join(map(str, errors)))
        self.errors = errors


@dataclass(frozen=True, slots=True)
class LoadReport:
    created: int
    updated: int

    def __str__(self) -> str:
        return f"{self.created} new, {self.updated} updated"


def read_rows(path: Path) -> list[Row]:
    """Rows of a JSON file (`.json`, `.jsonl`) or a CSV (UTF-8, or GB 18030 as Excel saves it in China)."""
    raw = path.read_bytes()
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = raw.decode("gb18030")
    if path.suffix.lower() in (".json", ".jsonl"):
        return rows_of_json(text)
    return rows_of_csv(text)


def rows_of_json(text: str) -> list[Row]:
    """A list of objects, or one object a line."""
    try:
        if text.lstrip().startswith("{"):
            loaded = [json.loads(line) for line in text.splitlines() if line.strip()]
        else:
            loaded = json.loads(text)
    except json.JSONDecodeError as error:
        raise LoadError([RowError(error.lineno, "file", f"not JSON: {error.msg}")]) from error
    if not isinstance(loaded, list) or not all(isinstance(item, dict) for item in loaded):
        raise LoadError([RowError(1, "file", "a JSON file must hold a list of objects, or one a line")])
    return [_row(number, item) for number, item in enumerate(loaded, 1)]


def rows_of_csv(text: str) -> list[Row]:
    """Empty lines are passed over, but counted."""
    reader = csv.DictReader(io.StringIO(text))
    return [_row(reader.line_num, item) for item in reader if any(item.values())]


def as_rows(items: Iterable[Row | Mapping[str, Any]]) -> list[Row]:
    """Rows as they are; plain mappings numbered from 1."""
    return [item if isinstance(item, Row) else _row(n, item) for n, item in enumerate(items, 1)]


def _row(number: int, item: Mapping[str, Any]) -> Row:
    known = _columns()
    values: dict[str, str] = {}
    for column, value in item.items():
        name = known.get((column or "").strip().lower())
        if name is not None and value is not None and str(value).strip():
            values[name] = str(value).strip()
    return Row(number, values)


@cache
def _columns() -> dict[str, str]:
    table = load("columns")["columns"]
    return {alias.lower(): name for name, aliases in table.items() for alias in (name, *aliases)}


class _Fields:
    """Reads one row's fields and collects what is wrong with them."""

    def __init__(self, row: Row, errors: list[RowError]) -> None:
        self.row = row
        self.errors = errors

    def wrong(self, field: str, message: str) -> None:
        self.errors.append(RowError(self.row.number, field, message))

    def text(self, field: str, *, needed: bool = True, longest: int = 300) -> str | None:
        value = self.row.values.get(field)
        if value is None and needed:
            self.wrong(field, "missing")
        if value is not None and len(value) > longest:
            self.wrong(field, f"longer than {longest} characters")
            return None
        return value

    def parsed(self, field: str, parse: Callable[[str], Any], expected: str, *, needed: bool = True) -> Any:
        value = self.text(field, needed=needed)
        if value is None:
            return None
        try:
            return parse(value)
        except (ValueError, KeyError, InvalidOperation):
            self.wrong(field, f"not understood; write {expected}")
            return None


def _word(table: str) -> Callable[[str], Any]:
    words = {str(alias): key for key, aliases in load("columns")[table].items() for alias in aliases}
    return lambda value: words[value.lower()]


def _date(value: str) -> date:
    digits = value.replace("/", "-").replace(".", "-")
    if digits.isdigit() and len(digits) == 8:
        return date(int(digits[:4]), int(digits[4:6]), int(digits[6:]))
    year, month, day = (int(part) for part in digits.split("-"))
    return date(year, month, day)


def _time(value: str) -> time:
    hours, minutes = value.replace("：", ":").split(":")[:2]
    return time(int(hours), int(minutes))


def _phone(value: str) -> str:
    phone = identity.parse_phone(value)
    if phone is None:
        raise ValueError(value)
    return phone


def _number(low: int, high: int) -> Callable[[str], int]:
    def parse(value: str) -> int:
        number = int(value)
        if not low <= number <= high:
            raise ValueError(value)
        return number

    return parse


def _fen(value: str) -> int:
    yuan = Decimal(value.removesuffix("元"))
    if not Decimal(0) <= yuan <= Decimal(100_000) or yuan != yuan.quantize(Decimal("0.01")):
        raise ValueError(value)
    return int(yuan * 100)


# --- patients ---


async def load_patients(
    session: AsyncSession, rows: Iterable[Row | Mapping[str, Any]], now: datetime
) -> LoadReport:
    """Add patients, or bring known record numbers up to date. Raises `LoadError` before writing anything."""
    errors: list[RowError] = []
    wanted = [(row, _patient(row, errors, now.date())) for row in as_rows(rows)]
    _refuse_repeats(
        [(row, identity.fold_number(row.values.get("record_number", ""))) for row, _ in wanted],
        "record_number",
        errors,
    )
    if errors:
        raise LoadError(errors)
    data = [item for _, item in wanted if item is not None]
    hashes = [identity.record_hash(item.record_number) for item in data]
    known: dict[str, Patient] = {}
    for part in chunks(hashes):
        found = await session.scalars(select(Patient).where(Patient.record_number_hash.in_(part)))
        known.update({patient.record_number_hash: patient for patient in found})
    created = []
    for item, record in zip(data, hashes, strict=True):
        if (patient := known.get(record)) is not None:
            await patients.update(session, patient, item)
        else:
            created.append(patients.build(item, now))
    session.add_all(created)
    await session.flush()
    session.add_all(piece for patient in created for piece in patients.name_pieces(patient))
    await session.flush()
    return LoadReport(len(created), len(data) - len(created))


def _patient(row: Row, errors: list[RowError], today: date) -> PatientData | None:
    before = len(errors)
    fields = _Fields(row, errors)
    record, name = fields.text("record_number", longest=60), fields.text("name", longest=60)
    sex = fields.parsed("sex", _word("sex"), "男, 女 or 未知")
    born = fields.parsed("birth_date", _date, "a date such as 1964-03-12", needed=False)
    if born is not None and not date(1880, 1, 1) <= born <= today:
        fields.wrong("birth_date", "lies in the future or before 1880")
    phone = fields.parsed("phone", _phone, "a Chinese mobile or fixed number", needed=False)
    number = fields.text("id_number", needed=False, longest=30)
    if len(errors) > before or record is None or name is None:
        return None
    return PatientData(record, name, sex, born, phone, number)


def _refuse_repeats(keys: list[tuple[Row, Any]], field: str, errors: list[RowError]) -> None:
    first: dict[Any, int] = {}
    for row, key in keys:
        if key and first.setdefault(key, row.number) != row.number:
            errors.append(RowError(row.number, field, f"the same as in row {first[key]}"))


# --- schedules ---


@dataclass(frozen=True, slots=True)
class _Clinic:
    code: str
    doctor: str
    title: str
    specialty: str
    department: HealthcareService
    weekday: int
    part: str
    starts: time
    ends: time
    slot_minutes: int
    capacity: int
    fee_fen: int


async def load_schedule(session: AsyncSession, rows: Iterable[Row | Mapping[str, Any]]) -> LoadReport:
    """Add weekly clinics, and the doctors they name.

    The same doctor, weekday and start is brought up to date.

    Slots that exist stay as they are: generate new ones afterwards. Raises `LoadError` before writing
    anything.
    """
    errors: list[RowError] = []
    by_name = {
        fold(name): row
        for row in reversed(await departments(session))
        for name in (row.standard, *row.aliases, row.name)
    }
    read = [(row, _clinic(row, by_name, errors)) for row in as_rows(rows)]
    clinics = [(row, clinic) for row, clinic in read if clinic is not None]
    _refuse_repeats([(row, (c.code, c.weekday, c.starts)) for row, c in clinics], "starts", errors)
    _refuse_two_doctors_of_one_code(clinics, errors)
    if errors:
        raise LoadError(errors)
    doctors = {row.code: row for row in await session.scalars(select(Practitioner))}
    for _, clinic in clinics:
        doctor = doctors.get(clinic.code)
        if doctor is None:
            doctor = doctors[clinic.code] = Practitioner(code=clinic.code, aliases=[], active=True)
            session.add(doctor)
        doctor.name, doctor.title, doctor.department_id = clinic.doctor, clinic.title, clinic.department.id
        doctor.specialty = clinic.specialty or doctor.specialty or ""
        doctor.intro = doctor.intro or ""
    await session.flush()
    known = {
        (row.practitioner_id, row.weekday, row.starts): row for row in await session.scalars(select(Schedule))
    }
    created = 0
    for _, clinic in clinics:
        key = (doctors[clinic.code].id, clinic.weekday, clinic.starts)
        schedule = known.get(key)
        if schedule is None:
            created += 1
            schedule = Schedule(practitioner_id=key[0], weekday=key[1], starts=key[2])
            session.add(schedule)
        schedule.department_id, schedule.part, schedule.ends = clinic.department.id, clinic.part, clinic.ends
        schedule.slot_minutes, schedule.capacity = clinic.slot_minutes, clinic.capacity
        schedule.fee_fen, schedule.active = clinic.fee_fen, True
    await session.flush()
    return LoadReport(created, len(clinics) - created)


async def export_schedule(session: AsyncSession) -> list[dict[str, Any]]:
    """The active weekly clinics in the columns `load_schedule` reads, by doctor, weekday and time."""
    found = await session.execute(
        select(Schedule, Practitioner, HealthcareService)
        .join(Practitioner, Practitioner.id == Schedule.practitioner_id)
        .join(HealthcareService, HealthcareService.id == Schedule.department_id)
        .where(Schedule.active, Practitioner.active)
        .order_by(Practitioner.code, Schedule.weekday, Schedule.starts)
    )
    return [
        {
            "practitioner_code": doctor.code,
            "practitioner": doctor.name,
            "title": doctor.title,
            "specialty": doctor.specialty,
            "department": department.name,
            "weekday": clinic.weekday + 1,
            "part": clinic.part,
            "starts": f"{clinic.starts:%H:%M}",
            "ends": f"{clinic.ends:%H:%M}",
            "slot_minutes": clinic.slot_minutes,
            "capacity": clinic.capacity,
            "fee": f"{Decimal(clinic.fee_fen) / 100:.2f}",
        }
        for clinic, doctor, department in found
    ]


def _clinic(row: Row, by_name: Mapping[str, HealthcareService], errors: list[RowError]) -> _Clinic | None:
    before = len(errors)
    fields = _Fields(row, errors)
    code, doctor = fields.text("practitioner_code", longest=40), fields.text("practitioner", longest=40)
    title = fields.text("title", longest=40)
    specialty = fields.text("specialty", needed=False)
    department = fields.parsed(
        "department", lambda name: by_name[fold(name)], "a department of this hospital"
    )
    weekday = fields.parsed("weekday", _word("weekday"), "周一 to 周日, or 1 to 7")
    part = fields.parsed("part", _word("part"), "上午, 下午 or 晚上")
    starts, ends = fields.parsed("starts", _time, "08:00"), fields.parsed("ends", _time, "11:30")
    minutes = fields.parsed("slot_minutes", _number(3, 240), "minutes from 3 to 240")
    capacity = fields.parsed("capacity", _number(1, 500), "a number from 1 to 500")
    fee = fields.parsed("fee", _fen, "an amount in yuan such as 18 or 18.50")
    if starts is not None and ends is not None and ends <= starts:
        fields.wrong("ends", "not after starts")
    if len(errors) > before or code is None or doctor is None or title is None:
        return None
    return _Clinic(
        code, doctor, title, specialty or "", department, weekday, part, starts, ends, minutes, capacity, fee
    )


def _refuse_two_doctors_of_one_code(clinics: list[tuple[Row, _Clinic]], errors: list[RowError]) -> None:
    named: dict[str, str] = {}
    for row, clinic in clinics:
        if named.setdefault(clinic.code, clinic.doctor) != clinic.doctor:
            errors.append(RowError(row.number, "practitioner_code", "belongs to another doctor in this file"))
