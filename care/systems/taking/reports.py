"""Reports and their numbers as a laboratory or imaging system tells of them."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from care.observations import service as observations
from care.reports import service as reports
from care.reports.models import DiagnosticReport, ReportStatus
from care.systems.taking import claims
from care.systems.taking.claims import Source
from care.systems.taking.facts import Outcome, ReportFact, Taken, Unusable
from care.systems.taking.models import TakenFact
from store import crypto

FIELDS = ("category", "code", "title", "status", "effective_at", "issued_at", "conclusion")


async def take_report(session: AsyncSession, system: str, fact: ReportFact, now: datetime) -> Taken:
    """A report by its number, with its numbers as observations. Who is concerned hears once that it is signed (`report.issued`).

    Raises `Unusable`.
    """
    source = Source(system, "report", fact.external_id, fact.as_of, now)
    before = await claims.known(session, source)
    if claims.is_stale(before, source):
        return claims.stale(before)
    if len(fact.external_id) > 64 or not fact.title.strip():
        raise Unusable("report", fact.external_id[:64])
    row = await _row(session, fact.external_id)
    if row is not None and row.patient_id != fact.patient_id:
        raise Unusable("other_patient", fact.external_id)
    values = {name: getattr(fact, name) for name in FIELDS}
    was = None if row is None else {name: getattr(row, name) for name in FIELDS}
    if was != values:
        whole = {"identifier": fact.external_id, "patient_id": fact.patient_id, **values}
        await reports.store(session, [whole], now=now)
    row = await _row(session, fact.external_id)
    assert row is not None
    changed = await observations.keep_results(
        session,
        fact.patient_id,
        key=crypto.lookup(f"{system}|{fact.external_id}", "observation.identifier"),
        readings=() if fact.status == ReportStatus.CANCELLED else fact.readings,
        effective_at=fact.effective_at,
        source="laboratory",
        now=now,
    )
    claims.keep(session, before, source, patient_id=fact.patient_id, row_id=row.id, made=was is None)
    outcome = Outcome.NEW if was is None else Outcome.CHANGED if changed or was != values else Outcome.SAME
    if outcome != Outcome.SAME:
        claims.told(session, source, fact.patient_id, row.id, outcome)
    return Taken(outcome, fact.patient_id, row.id)


async def _row(session: AsyncSession, number: str) -> DiagnosticReport | None:
    found: DiagnosticReport | None = await session.scalar(
        select(DiagnosticReport)
        .where(DiagnosticReport.identifier == number)
        .execution_options(populate_existing=True)
    )
    return found


async def withdraw(session: AsyncSession, fact: TakenFact, source: Source) -> None:
    """The report does not hold: it stays, as cancelled, since it may have been read; its numbers are taken back."""
    row = await session.get(DiagnosticReport, fact.row_id)
    if row is None:
        return
    row.status = ReportStatus.CANCELLED
    key = crypto.lookup(f"{source.system}|{source.external_id}", "observation.identifier")
    await observations.keep_results(
        session,
        row.patient_id,
        key=key,
        readings=(),
        effective_at=row.effective_at,
        source="laboratory",
        now=source.now,
    )
