"""Topics a patient wants nothing more of: one tap on an article's page, respected at the send gate. Nothing here commits."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from uuid import UUID

from sqlalchemy import Select, delete, select
from sqlalchemy.ext.asyncio import AsyncSession

from care.gate.ports import Piece
from content.articles.models import Article
from content.articles.refs import slug_of
from content.reading.models import TopicStop
from store import events, sets
from store.database import insert_new


async def stop(
    session: AsyncSession, patient_id: UUID, topic: str, now: datetime, link_id: UUID | None = None
) -> None:
    """Nothing more of `topic` for education; said twice, it is kept once. Emits `topic.stopped`."""
    values = {"patient_id": patient_id, "topic": topic, "link_id": link_id, "at": now}
    if await insert_new(session, TopicStop, values):
        events.emit(session, patient_id, "topic.stopped", now, topic=topic)


async def resume(session: AsyncSession, patient_id: UUID, topic: str, now: datetime) -> None:
    """Take it back. Emits `topic.resumed`."""
    gone = await session.execute(
        delete(TopicStop)
        .where(TopicStop.patient_id == patient_id, TopicStop.topic == topic)
        .returning(TopicStop.topic)
    )
    if gone.first() is not None:
        events.emit(session, patient_id, "topic.resumed", now, topic=topic)


async def is_stopped(session: AsyncSession, patient_id: UUID, topic: str) -> bool:
    return await session.get(TopicStop, (patient_id, topic)) is not None


def people(topics: Collection[str]) -> Select[UUID]:
    """Patients who stopped one of `topics`: for whoever plans a sending, and leaves them out at once."""
    return select(TopicStop.patient_id).where(TopicStop.topic.in_(topics))


_STOPPED = (
    select(TopicStop.patient_id, Article.slug)
    .join(Article, Article.topic == TopicStop.topic)
    .where(sets.among(TopicStop.patient_id, "patients"))
)


class StoppedTopics:
    """Implements `care.gate.ports.Stops` for articles."""

    async def stopped(self, session: AsyncSession, pieces: Collection[Piece]) -> Collection[Piece]:
        """One statement a batch."""
        asked: dict[Piece, Piece] = {}
        for patient_id, ref in pieces:
            if (slug := slug_of(ref)) is not None:
                asked[patient_id, slug] = (patient_id, ref)
        if not asked:
            return ()
        slugs = {slug for _, slug in asked}
        rows = await session.execute(
            _STOPPED.where(Article.slug.in_(slugs)), {"patients": list({one for one, _ in asked})}
        )
        return {asked[found] for row in rows if (found := (row[0], row[1])) in asked}
