"""`./banyi load reports FILE`: reports of examinations from the hospital's own files, all or nothing.

A report number that is there already is brought up to date. Whoever's report is signed with it hears that it is ready.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, time
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from care.files import Fields, LoadError, LoadReport, Row, RowError, as_rows, refuse_repeats, word
from care.patients.service import ids_of_records
from care.reports import service
from care.reports.models import READY
from store.clock import Clock

A_TIME = "a time such as 2026-11-20 08:30"


async def load_reports(
    session: AsyncSession, rows: Iterable[Row | Mapping[str, Any]], clock: Clock
) -> LoadReport:
    """Raises `LoadError` before writing anything."""
    given = as_rows(rows)
    known = await ids_of_records(
        session, [one.values["record_number"] for one in given if "record_number" in one.values]
    )
    errors: list[RowError] = []
    facts = [_fact(Fields(row, errors), known, clock) for row in given]
    refuse_repeats([(row, row.values.get("report_number")) for row in given], "report_number", errors)
    if errors:
        raise LoadError(errors)
    created, updated, _ = await service.store(session, facts, now=clock.now())
    return LoadReport(created, updated)


def _fact(fields: Fields, known: Mapping[str, Any], clock: Clock) -> dict[str, Any]:
    record = fields.text("record_number", longest=60)
    patient_id = known.get(record or "")
    if record and patient_id is None:
        fields.wrong("record_number", "no patient has this number; load patients first")

    def moment(text: str) -> datetime:
        return clock.to_utc(_moment(text))

    status = fields.parsed("report_status", word("report_status"), "已出, 未出, 初步, 更正 or 取消")
    issued = fields.parsed("issued_at", moment, A_TIME, needed=status in READY)
    effective = fields.parsed("effective_at", moment, A_TIME)
    if effective is not None and effective > clock.now():
        fields.wrong("effective_at", "lies in the future")
    if issued is not None and effective is not None and issued < effective:
        fields.wrong("issued_at", "before the examination")
    return {
        "identifier": fields.text("report_number", longest=64),
        "patient_id": patient_id,
        "category": fields.parsed(
            "category", word("report_category"), "检验, 影像, 超声, 病理, 内镜 or 心电"
        ),
        "code": fields.text("examination_code", needed=False, longest=20),
        "title": fields.text("examination", longest=80),
        "status": status,
        "effective_at": effective,
        "due_at": fields.parsed("expected_at", moment, A_TIME, needed=False),
        "issued_at": issued,
        "conclusion": fields.text("conclusion", needed=False, longest=4000),
    }


def _moment(text: str) -> datetime:
    """A time of the hospital; a day alone is its morning."""
    day = datetime.fromisoformat(text.replace("/", "-"))
    return datetime.combine(day.date(), time(8)) if len(text) <= 10 else day.replace(tzinfo=None)
