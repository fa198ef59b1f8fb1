"""Sends reminders when their time has come."""

from __future__ import annotations

from sqlalchemy import select

from care.reminders import service
from care.reminders.models import Reminder
from store.clock import Clock
from store.database import Database
from store.rounds import rounds

EVERY = 5.0
"""Seconds between two looks."""


class ReminderWorker:
    def __init__(self, database: Database, clock: Clock) -> None:
        self._database, self._clock = database, clock

    async def run(self) -> None:
        await rounds("reminders.failed", EVERY, self.once)

    async def once(self) -> int:
        """Everything that is due; how many were handled."""
        now, handled = self._clock.now(), 0
        async with self._database.read("reminders due") as session:
            due = await session.scalar(select(Reminder.id).where(Reminder.due_at <= now).limit(1))
        while due is not None:
            found = await self._database.transact(
                lambda session: service.send_due(session, self._clock), "reminders"
            )
            handled += found
            if found < service.BATCH:
                break
        return handled
