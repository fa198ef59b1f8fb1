"""Reports in our own table: stored, told of once when they are signed, and found for who asks."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from care.patients.models import PatientContact, Relation
from care.reports.models import READY, DiagnosticReport, ReportStatus
from care.reports.ports import Report
from channels.contacts.models import Contact, Conversation
from channels.outbox import service as outbox
from channels.ports import ChannelName
from channels.reply import Reply
from store import events

NEWS = timedelta(days=3)
"""A report signed longer ago is no news: nobody is told of what is loaded for completeness."""
WORTH = timedelta(days=3)
"""How long the notice is worth sending."""


class StoredReports:
    """Implements `ReportSystem` over our own table."""

    async def reports(
        self, session: AsyncSession, patient_ids: Sequence[UUID], *, since: datetime
    ) -> Sequence[Report]:
        rows = await session.scalars(
            select(DiagnosticReport)
            .where(
                DiagnosticReport.patient_id.in_(patient_ids),
                DiagnosticReport.effective_at >= since,
                DiagnosticReport.status != ReportStatus.CANCELLED,
            )
            .order_by(DiagnosticReport.effective_at.desc(), DiagnosticReport.id.desc())
        )
        return [_told(one) for one in rows]


def _told(row: DiagnosticReport) -> Report:
    return Report(
        identifier=row.identifier,
        patient_id=row.patient_id,
        category=row.category,
        title=row.title,
        ready=row.status in READY,
        effective_at=row.effective_at,
        issued_at=row.issued_at,
        expected_at=row.due_at,
    )


async def store(
    session: AsyncSession, rows: Iterable[dict[str, Any]], *, now: datetime
) -> tuple[int, int, int]:
    """Add reports or bring them up to date, by `identifier`; who is concerned hears once of each that is signed now.

    Each row has the fields of `DiagnosticReport`. Returns how many are new, changed, and were told of. Emits `report.issued`.
    """
    given = list(rows)
    found = await session.scalars(
        select(DiagnosticReport).where(DiagnosticReport.identifier.in_([one["identifier"] for one in given]))
    )
    known = {one.identifier: one for one in found}
    created, signed = 0, []
    for values in given:
        row = known.get(values["identifier"])
        was_ready = row is not None and row.status in READY
        if row is None:
            row = DiagnosticReport(**values)
            session.add(row)
            created += 1
        else:
            for name, value in values.items():
                setattr(row, name, value)
        if row.status in READY and not was_ready:
            signed.append(row)
    await session.flush()
    for row in signed:
        at = row.issued_at or now
        events.emit(
            session, row.patient_id, "report.issued", at, report_id=str(row.id), category=row.category
        )
    fresh = [one for one in signed if one.issued_at is None or one.issued_at > now - NEWS]
    return created, len(given) - created, await announce(session, fresh, now=now)


async def announce(session: AsyncSession, reports: Sequence[DiagnosticReport], *, now: datetime) -> int:
    """Queue a notice for each report's patient, once a report: that one is ready and where it is, not which and not what it says.

    To the patient's own contact, WeChat before the phone; of a child to who brought it. Returns how many were queued.
    """
    told = 0
    talks = await _talks(session, {one.patient_id for one in reports})
    for row in reports:
        if (talk := talks.get(row.patient_id)) is None:
            continue
        queued = await outbox.enqueue(
            session,
            talk,
            Reply("report.ready"),
            dedup_key=f"report:{row.id}",
            purpose="service_notice",
            now=now,
            priority=outbox.NOTICE_PRIORITY,
            patient_id=row.patient_id,
            expires_at=now + WORTH,
        )
        told += queued is not None
    return told


async def _talks(session: AsyncSession, patient_ids: Iterable[UUID]) -> dict[UUID, Conversation]:
    """The conversation each patient hears of it in; whether they still may is for the gate."""
    rows = await session.execute(
        select(PatientContact, Contact, Conversation)
        .join(Contact, Contact.id == PatientContact.contact_id)
        .join(Conversation, Conversation.contact_id == Contact.id)
        .where(
            PatientContact.patient_id.in_(list(patient_ids)),
            PatientContact.relation.in_((Relation.SELF, Relation.CHILD)),
            Contact.status == "active",
        )
    )
    ranked = sorted(
        rows,
        key=lambda row: (
            row[0].relation != Relation.SELF,
            row[1].channel != ChannelName.WECHAT,
            row[0].confirmed_at,
        ),
    )
    found: dict[UUID, Conversation] = {}
    for link, _, talk in ranked:
        found.setdefault(link.patient_id, talk)
    return found
