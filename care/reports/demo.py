"""Reports of the demo's patients: one that is ready, one that is not."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from uuid import UUID

from care.hospital.seed import demo_id
from care.hospital.words import load
from care.reports.models import DiagnosticReport
from store.clock import Clock


def demo_reports(patient_id: UUID, record_number: str, clock: Clock) -> Iterator[DiagnosticReport]:
    """Whatever `data/seed/hospital/reports.yml` has for this record number; days count back from today."""
    midnight = clock.local().replace(hour=0, minute=0, second=0, microsecond=0)
    for one in load("reports").get(record_number, ()):
        taken = midnight - timedelta(days=one["days"]) + timedelta(hours=9)
        issued = taken + timedelta(hours=one["hours"]) if "hours" in one else None
        yield DiagnosticReport(
            id=demo_id("report", one["number"]),
            identifier=one["number"],
            patient_id=patient_id,
            category=one["category"],
            title=one["title"],
            status="final" if issued is not None else "registered",
            effective_at=taken,
            due_at=taken + timedelta(hours=one["expected"]) if "expected" in one else None,
            issued_at=issued,
            conclusion=one.get("conclusion"),
        )
