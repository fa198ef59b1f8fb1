"""How long it is kept what patients were sent and read, and who is forgotten before."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from sqlalchemy import ColumnElement, delete, select, update

from care.consents.models import ConsentNow, Purpose
from content.reading.models import ArticleFeedback, ArticleLink, ArticleRead, ArticleSent
from store.clock import Clock
from store.database import Database
from store.rounds import rounds

EVERY = 6 * 3600.0
BATCH = 5000
UNCARRIED = timedelta(days=30)
"""After so long nothing will carry a link any more that was never in a message."""


class Keeper:
    """Deletes in small transactions. `keep`: from the sending, the look or the answer on."""

    def __init__(self, database: Database, clock: Clock, keep: timedelta) -> None:
        self._database, self._clock, self._keep = database, clock, keep

    async def run(self) -> None:
        await rounds("reading.keeping_failed", EVERY, self.round)

    async def round(self) -> int:
        """Forget what is due; how many rows. Numbers without people (`ArticleTally`) stay."""
        oldest = self._clock.now() - self._keep
        unwilling = (
            select(ConsentNow.subject_id)
            .where(
                ConsentNow.subject_id == ArticleRead.patient_id,
                ConsentNow.purpose == Purpose.TRACKING.value,
                ConsentNow.granted.is_(False),
            )
            .exists()
        )
        due: Sequence[tuple[Any, ColumnElement[bool]]] = (
            (ArticleRead, unwilling),
            (ArticleRead, ArticleRead.opened_at < oldest),
            (ArticleSent, ArticleSent.sent_at < oldest),
            (ArticleFeedback, ArticleFeedback.at < oldest),
            (ArticleLink, ArticleLink.issued_at < oldest),
        )
        gone = 0
        for table, condition in due:
            gone += await self._delete(table, condition)
        async with self._database.write("links nothing carries") as session:
            await session.execute(
                update(ArticleLink)
                .where(
                    ArticleLink.settled_at.is_(None), ArticleLink.issued_at < self._clock.now() - UNCARRIED
                )
                .values(settled_at=self._clock.now())
                .execution_options(synchronize_session=False)
            )
        return gone

    async def _delete(self, table: Any, condition: ColumnElement[bool]) -> int:
        gone = 0
        while True:
            async with self._database.write("reading kept") as session:
                some = select(table.id).where(condition).limit(BATCH)
                done = await session.execute(
                    delete(table).where(table.id.in_(some)).execution_options(synchronize_session=False)
                )
            count = int(getattr(done, "rowcount", 0))
            gone += count
            if count < BATCH:
                return gone
