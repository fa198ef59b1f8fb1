"""The desk's three lists: not begun, under way, completed today."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, UnaryExpression, select
from sqlalchemy.ext.asyncio import AsyncSession

from care.access import service as access
from care.alerts.models import Alert
from care.patients.identity import mask_name
from care.patients.models import Patient
from care.questionnaires.entrance.models import ResponseCall
from care.questionnaires.models import Questionnaire, QuestionnaireResponse, ResponseStatus
from web.signin.models import StaffUser

MOST = 100
"""Of each list."""
_GRAVE = ("emergency", "urgent", "soon")


@dataclass(frozen=True, slots=True)
class Line:
    """A response in a list. `flag`: the gravest severity that rang, empty: none. `calls`: how often a nurse rang."""

    id: UUID
    patient_id: UUID
    patient: str
    number: str
    title: str
    channel: str
    at: datetime
    due: datetime | None
    paused: bool
    scores: Sequence[str]
    flag: str
    calls: int


@dataclass(frozen=True, slots=True)
class Lists:
    """`hidden`: confidential patients' responses that are kept back."""

    waiting: Sequence[Line]
    under_way: Sequence[Line]
    completed: Sequence[Line]
    hidden: int

    @property
    def patients(self) -> list[UUID]:
        return [one.patient_id for one in (*self.waiting, *self.under_way, *self.completed)]


async def lists(session: AsyncSession, staff: StaffUser, now: datetime, midnight: datetime) -> Lists:
    """What the member of staff may see of them, in a handful of statements. `midnight`: today's, aware."""
    row = QuestionnaireResponse
    is_open = row.status == ResponseStatus.IN_PROGRESS
    parts = [
        await _rows(session, (is_open, row.channel.is_(None)), row.expires_at),
        await _rows(session, (is_open, row.channel.is_not(None)), row.updated_at.desc()),
        await _rows(
            session,
            (row.status == ResponseStatus.COMPLETED, row.completed_at >= midnight),
            row.completed_at.desc(),
        ),
    ]
    people = {patient.id: patient for part in parts for _, patient, _ in part}
    hidden = await access.hidden(session, staff.id, people.values(), now=now)
    ids = [response.id for part in parts for response, patient, _ in part if patient.id not in hidden]
    flags, calls = await _flags(session, ids), await _calls(session, ids)
    made = [
        [
            _line(response, patient, title, flags.get(response.id, ""), calls.get(response.id, 0))
            for response, patient, title in part
            if patient.id not in hidden
        ]
        for part in parts
    ]
    kept_back = sum(patient.id in hidden for part in parts for _, patient, _ in part)
    return Lists(made[0], made[1], made[2], kept_back)


async def _rows(
    session: AsyncSession, which: Sequence[ColumnElement[bool]], order: UnaryExpression[Any] | Any
) -> list[tuple[QuestionnaireResponse, Patient, str]]:
    query = (
        select(QuestionnaireResponse, Patient, Questionnaire.title)
        .join(Patient, Patient.id == QuestionnaireResponse.patient_id)
        .join(Questionnaire, Questionnaire.id == QuestionnaireResponse.questionnaire_id)
        .where(*which)
        .order_by(order, QuestionnaireResponse.id)
        .limit(MOST)
    )
    return [(response, patient, title) for response, patient, title in await session.execute(query)]


def _line(response: QuestionnaireResponse, patient: Patient, title: str, flag: str, calls: int) -> Line:
    return Line(
        id=response.id,
        patient_id=patient.id,
        patient=mask_name(patient.name),
        number=f"＊{patient.record_number[-4:]}",
        title=title,
        channel=response.channel or "",
        at=response.completed_at or response.updated_at,
        due=response.expires_at,
        paused=response.paused_at is not None,
        scores=scores_of(response),
        flag=flag,
        calls=calls,
    )


def scores_of(response: QuestionnaireResponse) -> list[str]:
    """`总分 12（中度）` for every scale."""
    found = (response.scores or {}).values()
    return [
        f"{one['title']} {one['value']:g}" + (f"（{one['band']}）" if one.get("band") else "")
        for one in found
    ]


async def _flags(session: AsyncSession, ids: Sequence[UUID]) -> dict[UUID, str]:
    rows = await session.execute(
        select(Alert.response_id, Alert.severity).where(Alert.response_id.in_(ids)).distinct()
    )
    found: dict[UUID, str] = {}
    for response_id, severity in rows:
        assert response_id is not None  # asked for by id
        known = found.get(response_id, _GRAVE[-1])
        found[response_id] = min(known, severity, key=_GRAVE.index)
    return found


async def _calls(session: AsyncSession, ids: Sequence[UUID]) -> dict[UUID, int]:
    rows = await session.scalars(select(ResponseCall.response_id).where(ResponseCall.response_id.in_(ids)))
    found: dict[UUID, int] = {}
    for response_id in rows:
        found[response_id] = found.get(response_id, 0) + 1
    return found
