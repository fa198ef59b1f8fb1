"""The worker of campaigns: each is a leased row (`store.leases`), taken in turn by whichever process is free.

A process that dies leaves a lease that runs out, and every step goes on where the last commit was.
"""

from __future__ import annotations

from uuid import UUID

import structlog
from sqlalchemy import select

from content.campaigns.models import Campaign
from content.campaigns.turn import SLOW, Turn, Worker
from store import leases
from store.rounds import rounds

log = structlog.get_logger(__name__)

POLL = 1.0
"""Seconds between two looks for campaigns that are due."""
MOST = 20
"""Campaigns taken in one round."""


class Runner(Worker):
    """Runs beside the other workers of a process."""

    async def run(self) -> None:
        """Work for ever."""
        await rounds("campaigns.failed", POLL, self.round)

    async def round(self) -> int:
        """A turn for each campaign that is due now; how many there were."""
        done, now = 0, self.clock.now()
        while await self._due() and done < MOST:
            async with self.database.write("campaigns-claim") as session:
                token, found = await leases.claim(session, Campaign, now=now, limit=1, lease=self.lease)
            if not found:
                break
            await self._one(found[0].id, token)
            done += 1
        return done

    async def _due(self) -> bool:
        async with self.database.read("campaigns-peek") as session:
            due = select(Campaign.id).where(Campaign.due_at <= self.clock.now())
            return await session.scalar(due.limit(1)) is not None

    async def _one(self, campaign_id: UUID, token: UUID) -> None:
        try:
            await Turn(self, campaign_id, token).work()
        except Exception:
            log.exception("campaigns.turn_failed", campaign=str(campaign_id))
            async with self.database.write("campaigns-release") as session:
                again = self.clock.now() + SLOW
                await leases.release(session, Campaign, campaign_id, token, due_at=again)
