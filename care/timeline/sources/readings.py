"""Readings of devices and of people: those taken together are one line."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Select, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from care.observations.measures import measures
from care.observations.models import Observation
from care.timeline.ports import Entry, Who
from care.timeline.words import words


@dataclass(frozen=True, slots=True)
class Readings:
    """Implements `TimelineSource`; the key is the panel's."""

    name: str = "reading"
    kind: str = "reading"

    def rows(self, who: Who) -> Select[datetime, Any]:
        return (
            select(func.max(Observation.effective_at), Observation.panel_id)
            .where(Observation.patient_id == who.patient_id, Observation.voided_at.is_(None))
            .group_by(Observation.panel_id)
        )

    async def load(self, session: AsyncSession, who: Who, keys: Sequence[UUID]) -> Mapping[UUID, Entry]:
        rows = await session.scalars(
            select(Observation)
            .where(
                Observation.panel_id.in_(keys),
                Observation.patient_id == who.patient_id,
                Observation.voided_at.is_(None),
            )
            .order_by(Observation.code.desc())
        )
        panels: dict[UUID, list[Observation]] = {}
        for row in rows:
            panels.setdefault(row.panel_id, []).append(row)
        return {panel: self._entry(found) for panel, found in panels.items()}

    @staticmethod
    def _entry(rows: Sequence[Observation]) -> Entry:
        known = measures().measures
        said = [
            f"{known[one.code].name} {one.value:g} {known[one.code].shown}"
            if one.code in known
            else f"{one.code} {one.value:g} {one.unit}"
            for one in rows
        ]
        return Entry(
            at=max(one.effective_at for one in rows),
            title=words("titles", "reading"),
            text=words("answers", "and").join(said),
            marks=[(words("sources", rows[0].source), "badge-ghost")],
        )
