"""Alerts and who acted on them, tasks, consents."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Select, and_, or_, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import InstrumentedAttribute

from care.alerts.models import Alert
from care.consents.models import Consent
from care.desk.models import DeskTask, TaskKind
from care.timeline.ports import Entry, Who
from care.timeline.words import words
from store.clock import Clock
from web.signin import staffing

_TONES = {"open": "badge-error", "acknowledged": "badge-warning", "taken": "badge-warning"}


def _about(
    who: Who, patient: InstrumentedAttribute[UUID | None], conversation: InstrumentedAttribute[UUID | None]
) -> ColumnElement[bool]:
    """Named in the row; or nobody is, and it came from who speaks for the patient."""
    if not who.conversations:
        return patient == who.patient_id
    return or_(patient == who.patient_id, and_(patient.is_(None), conversation.in_(who.conversations)))


@dataclass(frozen=True, slots=True)
class Alerts:
    """Implements `TimelineSource`."""

    clock: Clock
    name: str = "alert"
    kind: str = "alert"

    def rows(self, who: Who) -> Select[datetime, Any]:
        return select(Alert.opened_at, Alert.id).where(_about(who, Alert.patient_id, Alert.conversation_id))

    async def load(self, session: AsyncSession, who: Who, keys: Sequence[UUID]) -> Mapping[UUID, Entry]:
        rows = (await session.scalars(select(Alert).where(Alert.id.in_(keys)))).all()
        names = await staffing.names(
            session, {one for row in rows for one in (row.acknowledged_by, row.closed_by)}
        )
        return {one.id: self._entry(one, names) for one in rows}

    def _entry(self, row: Alert, names: Mapping[UUID | None, str]) -> Entry:
        facts = []
        for step, at, by in (
            ("escalated", row.escalated_at, None),
            ("acknowledged", row.acknowledged_at, row.acknowledged_by),
            ("closed", row.closed_at, row.closed_by),
        ):
            if at is not None:
                moment = f"{self.clock.local(at):%m-%d %H:%M}"
                facts.append(words("facts", step, at=moment, who=names.get(by, "")))
        if row.false_alarm_at is not None:
            facts.append(words("facts", "false_alarm"))
        if row.note:
            facts.append(words("facts", "note", note=row.note))
        return Entry(
            at=row.opened_at,
            title=row.title or words("alerts", row.kind),
            text=row.text or "",
            marks=[
                (words("severities", row.severity), _TONES["open"]),
                (words("states", row.status), _TONES.get(row.status, "badge-ghost")),
            ],
            facts=facts,
            by=row.owner_id if row.status == "open" else None,
        )


@dataclass(frozen=True, slots=True)
class Tasks:
    """Implements `TimelineSource`. An alert's own task is not told a second time."""

    clock: Clock
    name: str = "task"
    kind: str = "task"

    def rows(self, who: Who) -> Select[datetime, Any]:
        return select(DeskTask.created_at, DeskTask.id).where(
            _about(who, DeskTask.patient_id, DeskTask.conversation_id), DeskTask.kind != TaskKind.ALERT
        )

    async def load(self, session: AsyncSession, who: Who, keys: Sequence[UUID]) -> Mapping[UUID, Entry]:
        rows = await session.scalars(select(DeskTask).where(DeskTask.id.in_(keys)))
        return {one.id: self._entry(one) for one in rows}

    def _entry(self, row: DeskTask) -> Entry:
        when, step = (row.done_at, "done") if row.done_at is not None else (row.due_at, "due")
        return Entry(
            at=row.created_at,
            title=words("tasks", row.kind),
            text=row.note or "",
            marks=[(words("states", row.status), _TONES.get(row.status, "badge-ghost"))],
            facts=[words("facts", step, at=f"{self.clock.local(when):%m-%d %H:%M}")],
            by=row.done_by or row.assigned_to,
        )


@dataclass(frozen=True, slots=True)
class Consents:
    """Implements `TimelineSource`: the ledger of the patient and of who speaks for them."""

    name: str = "consent"
    kind: str = "consent"

    def rows(self, who: Who) -> Select[datetime, Any]:
        return select(Consent.at, Consent.id).where(Consent.subject_id.in_((who.patient_id, *who.contacts)))

    async def load(self, session: AsyncSession, who: Who, keys: Sequence[UUID]) -> Mapping[UUID, Entry]:
        rows = await session.scalars(select(Consent).where(Consent.id.in_(keys)))
        return {one.id: self._entry(one) for one in rows}

    @staticmethod
    def _entry(row: Consent) -> Entry:
        given = "granted" if row.granted else "withdrawn"
        return Entry(
            at=row.at,
            title=words("purposes", row.purpose),
            marks=[
                (words("states", given), "badge-success" if row.granted else "badge-warning"),
                (words("channels", row.channel), "badge-ghost"),
            ],
            facts=[words("facts", "text_version", version=row.text_version)],
        )
