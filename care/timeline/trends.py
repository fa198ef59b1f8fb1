"""Numbers over time, small enough to stand beside each other: scores of questionnaires and readings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from care.observations import service as observations
from care.observations.measures import measures
from care.questionnaires.models import Questionnaire, QuestionnaireResponse, ResponseStatus
from care.timeline.words import words

MOST = 30
"""Newest points of a line."""
LOOKED_AT = 600
WIDTH, HEIGHT, EDGE = 120.0, 32.0, 3.0


@dataclass(frozen=True, slots=True)
class Series:
    """One line, the oldest point first. `unit` as people write it."""

    title: str
    unit: str
    points: Sequence[tuple[datetime, float]]

    @property
    def line(self) -> str:
        """The points of an SVG polyline in a box of `WIDTH` × `HEIGHT`; times are to scale."""
        values = [value for _, value in self.points]
        low, high = min(values), max(values)
        first, last = self.points[0][0], self.points[-1][0]
        span = (last - first).total_seconds()
        return " ".join(
            f"{EDGE + (WIDTH - 2 * EDGE) * ((at - first).total_seconds() / span if span else 0.5):.1f},"
            f"{HEIGHT - EDGE - (HEIGHT - 2 * EDGE) * ((value - low) / (high - low) if high > low else 0.5):.1f}"
            for at, value in self.points
        )

    @property
    def end(self) -> Sequence[str]:
        """Where the last point lies: x and y."""
        return self.line.rsplit(" ", 1)[-1].split(",")


async def trends(session: AsyncSession, patient_id: UUID) -> list[Series]:
    """Every questionnaire with a score and every kind of reading there is."""
    return [*await _scores(session, patient_id), *await _readings(session, patient_id)]


async def _scores(session: AsyncSession, patient_id: UUID) -> list[Series]:
    rows = await session.execute(
        select(
            Questionnaire.name,
            Questionnaire.title,
            QuestionnaireResponse.completed_at,
            QuestionnaireResponse.score,
        )
        .join(Questionnaire, Questionnaire.id == QuestionnaireResponse.questionnaire_id)
        .where(
            QuestionnaireResponse.patient_id == patient_id,
            QuestionnaireResponse.status == ResponseStatus.COMPLETED,
            QuestionnaireResponse.score.is_not(None),
            QuestionnaireResponse.completed_at.is_not(None),
        )
        .order_by(QuestionnaireResponse.completed_at.desc())
        .limit(LOOKED_AT)
    )
    found: dict[str, list[tuple[datetime, float]]] = {}
    titles: dict[str, str] = {}
    for name, title, at, score in rows:
        titles.setdefault(name, title)
        if at is not None and score is not None:
            found.setdefault(name, []).append((at, float(score)))
    return [_series(titles[name], words("units", "score"), points) for name, points in found.items()]


async def _readings(session: AsyncSession, patient_id: UUID) -> list[Series]:
    """One kind of reading after the other: a patient has a handful of them."""
    known = measures().measures
    found = []
    for code in await observations.measured(session, patient_id):
        points = await observations.series(session, patient_id, code, MOST)
        measure = known.get(code)
        name, unit = (measure.name, measure.shown) if measure is not None else (code, "")
        found.append(Series(name, unit, points))
    return found


def _series(title: str, unit: str, newest_first: Sequence[tuple[datetime, float]]) -> Series:
    return Series(title, unit, list(reversed(newest_first[:MOST])))
