"""Reports of examinations, with what they came to: for who cares for the patient."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Select, select
from sqlalchemy.ext.asyncio import AsyncSession

from care.reports.models import READY, DiagnosticReport
from care.timeline.ports import Entry, Who
from care.timeline.words import words
from store.clock import Clock


@dataclass(frozen=True, slots=True)
class Reports:
    """Implements `TimelineSource`, at the time of the examination."""

    clock: Clock
    name: str = "report"
    kind: str = "report"

    def rows(self, who: Who) -> Select[datetime, Any]:
        return select(DiagnosticReport.effective_at, DiagnosticReport.id).where(
            DiagnosticReport.patient_id == who.patient_id
        )

    async def load(self, session: AsyncSession, who: Who, keys: Sequence[UUID]) -> Mapping[UUID, Entry]:
        rows = await session.scalars(select(DiagnosticReport).where(DiagnosticReport.id.in_(keys)))
        return {one.id: self._entry(one) for one in rows}

    def _entry(self, row: DiagnosticReport) -> Entry:
        at = row.issued_at
        return Entry(
            at=row.effective_at,
            title=row.title,
            text=row.conclusion or "",
            marks=[(words("states", row.status), "badge-success" if row.status in READY else "badge-ghost")],
            facts=[words("facts", "issued", at=f"{self.clock.local(at):%m-%d %H:%M}")] if at else [],
        )
