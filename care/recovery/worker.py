"""Reads finished surveys by cursor, opens what asks for a call, and looks a second time."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from uuid import UUID

import structlog
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from care.questionnaires.models import QuestionnaireResponse
from care.recovery import service
from care.recovery.service import Complains, DueAt
from store.clock import Clock
from store.database import Database
from store.events import advance, read_after

log = structlog.get_logger(__name__)

CONSUMER = "recovery"
EVERY = 3.0
"""Seconds between two looks."""
FRESH = timedelta(days=1)
"""What is older is nothing to call about within the hour (an installation that is brought up to date)."""


class RecoveryWorker:
    """`complains` judges a comment: it runs in a thread, outside any transaction."""

    def __init__(
        self, database: Database, clock: Clock, *, complains: Complains, due_at: DueAt, hospital: str
    ) -> None:
        self._database, self._clock = database, clock
        self._complains, self._due_at, self._hospital = complains, due_at, hospital

    async def run(self) -> None:
        while True:
            try:
                while await self.once():
                    pass
            except Exception:
                log.exception("recovery.failed")
            await asyncio.sleep(EVERY)

    async def once(self) -> int:
        """One batch of events and one second look; how many events were read."""
        now = self._clock.now()
        async with self._database.read("recovery events") as session:
            found = await read_after(session, CONSUMER)
            ids = [
                UUID(str(one.data["response_id"]))
                for one in found
                if one.kind == "questionnaire.completed" and one.at > now - FRESH
            ]
            rows = (
                await session.scalars(select(QuestionnaireResponse).where(QuestionnaireResponse.id.in_(ids)))
            ).all()
        wanted = [row.id for row in rows if await asyncio.to_thread(service.wants_call, row, self._complains)]

        async def open_all(session: AsyncSession) -> None:
            for response_id in wanted:
                response = await session.get(QuestionnaireResponse, response_id)
                if response is not None:
                    await service.consider(
                        session,
                        response,
                        complains=lambda _: True,  # judged before, outside the transaction
                        due_at=self._due_at,
                        hospital=self._hospital,
                        now=now,
                    )
            await service.second_look(session, due_at=self._due_at, now=now)
            if found:
                await advance(session, CONSUMER, found[-1].id)

        if found or await self._second_due():
            await self._database.transact(open_all, "recovery")
        return len(found)

    async def _second_due(self) -> bool:
        now = self._clock.now()
        async with self._database.read("recovery second look") as session:
            cases = await service.open_cases(session, 1)
            return bool(cases) and cases[0].second_at <= now
