"""Reading a hospital's own files: patients and weekly schedules from CSV or JSON, all or nothing.

Columns may be named in English or as hospitals name them (`data/seed/hospital/columns.yml`). Every wrong row
is named before anything is written; messages never repeat a person's data.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from care.appointments.models import Kind, Schedule
from care.files import (
    Fields,
    LoadError,
    LoadReport,
    Row,
    RowError,
    as_rows,
    day_of,
    fen,
    number,
    refuse_repeats,
    time_of,
    word,
)
from care.hospital.gazetteer import fold
from care.hospital.models import HealthcareService, Practitioner
from care.hospital.service import departments
from care.hospital.words import load
from care.patients import identity
from care.patients import service as patients
from care.patients.models import Patient, PatientTag
from care.patients.service import PatientData
from care.rows import chunks

# --- patients ---


def _phone(value: str) -> str:
    phone = identity.parse_phone(value)
    if phone is None:
        raise ValueError(value)
    return phone


async def load_patients(
    session: AsyncSession, rows: Iterable[Row | Mapping[str, Any]], now: datetime
) -> LoadReport:
    """Add patients, or bring known record numbers up to date. Raises `LoadError` before writing anything."""
    errors: list[RowError] = []
    wanted = [(row, _patient(row, errors, now.date())) for row in as_rows(rows)]
    refuse_repeats(
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
    tags: dict[UUID, list[str]] = {}
    for (row, _), item, record in zip(wanted, data, hashes, strict=True):
        if (patient := known.get(record)) is not None:
            await patients.update(session, patient, item)
        else:
            patient = patients.build(item, now)
            created.append(patient)
        tags[patient.id] = _tags(row)
    session.add_all(created)
    await session.flush()
    session.add_all(piece for patient in created for piece in patients.name_pieces(patient))
    await _add_tags(session, tags, now)
    await session.flush()
    return LoadReport(len(created), len(data) - len(created))


def _patient(row: Row, errors: list[RowError], today: date) -> PatientData | None:
    before = len(errors)
    fields = Fields(row, errors)
    record, name = fields.text("record_number", longest=60), fields.text("name", longest=60)
    sex = fields.parsed("sex", word("sex"), "男, 女 or 未知")
    born = fields.parsed("birth_date", day_of, "a date such as 1964-03-12", needed=False)
    if born is not None and not date(1880, 1, 1) <= born <= today:
        fields.wrong("birth_date", "lies in the future or before 1880")
    phone = fields.parsed("phone", _phone, "a Chinese mobile or fixed number", needed=False)
    id_number = fields.text("id_number", needed=False, longest=30)
    region = fields.parsed("residence_code", _region, "six digits of a division such as 330106", needed=False)
    language = fields.text("language", needed=False, longest=10)
    closed = fields.parsed("confidential", word("yes_or_no"), "是 or 否", needed=False)
    if len(errors) > before or record is None or name is None:
        return None
    confidential = None if closed is None else closed == "yes"
    return PatientData(record, name, sex, born, phone, id_number, confidential, region, language)


def _region(value: str) -> str:
    if len(value) != 6 or not (value.isascii() and value.isdigit()):
        raise ValueError(value)
    return value


def _tags(row: Row) -> list[str]:
    """`tags` apart by commas, `、` or `|`; each at most 40 characters."""
    text = row.values.get("tags", "")
    for mark in "，,；;|":
        text = text.replace(mark, "、")
    return [one.strip()[:40] for one in text.split("、") if one.strip()]


async def _add_tags(session: AsyncSession, wanted: dict[UUID, list[str]], now: datetime) -> None:
    """The tags that are not there yet. Tags staff gave are never taken away by a file."""
    for part in chunks([key for key, tags in wanted.items() if tags]):
        known = await session.execute(
            select(PatientTag.patient_id, PatientTag.tag).where(PatientTag.patient_id.in_(part))
        )
        there = {(row.patient_id, row.tag) for row in known}
        session.add_all(
            PatientTag(patient_id=key, tag=tag, tagged_at=now)
            for key in part
            for tag in dict.fromkeys(wanted[key])
            if (key, tag) not in there
        )


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
    kind: str


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
    refuse_repeats([(row, (c.code, c.weekday, c.starts)) for row, c in clinics], "starts", errors)
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
        schedule.fee_fen, schedule.kind, schedule.active = clinic.fee_fen, clinic.kind, True
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
            "visit": clinic.kind,
        }
        for clinic, doctor, department in found
    ]


def _clinic(row: Row, by_name: Mapping[str, HealthcareService], errors: list[RowError]) -> _Clinic | None:
    before = len(errors)
    fields = Fields(row, errors)
    code, doctor = fields.text("practitioner_code", longest=40), fields.text("practitioner", longest=40)
    title = fields.text("title", longest=40)
    specialty = fields.text("specialty", needed=False)
    department = fields.parsed(
        "department", lambda name: by_name[fold(name)], "a department of this hospital"
    )
    weekday = fields.parsed("weekday", word("weekday"), "周一 to 周日, or 1 to 7")
    part = fields.parsed("part", word("part"), "上午, 下午 or 晚上")
    starts, ends = fields.parsed("starts", time_of, "08:00"), fields.parsed("ends", time_of, "11:30")
    minutes = fields.parsed("slot_minutes", number(3, 240), "minutes from 3 to 240")
    capacity = fields.parsed("capacity", number(1, 500), "a number from 1 to 500")
    fee = fields.parsed("fee", fen, "an amount in yuan such as 18 or 18.50")
    kind = fields.parsed("visit", word("visit"), "普通, 专家, 特需, 初诊, 复诊 or 线上", needed=False)
    if starts is not None and ends is not None and ends <= starts:
        fields.wrong("ends", "not after starts")
    if len(errors) > before or code is None or doctor is None or title is None:
        return None
    return _Clinic(
        code, doctor, title, specialty or "", department, weekday, part, starts, ends, minutes, capacity, fee,
        kind or (Kind.EXPERT if title in load("columns")["expert_titles"] else Kind.GENERAL),
    )  # fmt: skip


def _refuse_two_doctors_of_one_code(clinics: list[tuple[Row, _Clinic]], errors: list[RowError]) -> None:
    named: dict[str, str] = {}
    for row, clinic in clinics:
        if named.setdefault(clinic.code, clinic.doctor) != clinic.doctor:
            errors.append(RowError(row.number, "practitioner_code", "belongs to another doctor in this file"))
