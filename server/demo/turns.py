"""Who plays the demo's past: one process at a time, the others wait; one that dies is followed by the next, where it had come to."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncSession

from care.hospital.seed import demo_id
from care.rows import add_new
from server.demo.models import DemoPlay
from store import leases
from store.database import Database

PLAY = demo_id("play", "follow-up")
LEASE = timedelta(seconds=30)
"""Real time one moment of the play may take at most."""
LOOK_EVERY = 0.5
"""Seconds between two looks whether the play is over, or nobody's."""


class TurnLost(RuntimeError):
    """Another process took the play over."""


@dataclass(frozen=True, slots=True)
class Turn:
    """`begun_at`, `come_to`: as on the row; `come_to` None: nothing has happened yet."""

    token: UUID
    begun_at: datetime
    come_to: datetime | None

    async def comes_to(self, session: AsyncSession, moment: datetime) -> None:
        """In the transaction of the facts of `moment`. Raises `TurnLost`."""
        mine = (DemoPlay.id == PLAY, DemoPlay.lease_token == self.token)
        await session.execute(update(DemoPlay).where(*mine).values(come_to=moment))
        if not await leases.extend(session, DemoPlay, self.token, LEASE):
            raise TurnLost

    async def over(self, session: AsyncSession, now: datetime) -> None:
        await leases.release(session, DemoPlay, PLAY, self.token, due_at=None, ended_at=now)


async def begin(session: AsyncSession, now: datetime) -> None:
    """There is something to play, unless somebody said so before."""
    await add_new(session, DemoPlay(id=PLAY, begun_at=now, due_at=now, attempts=0))


async def turn(database: Database) -> Turn | None:
    """This process's turn, waited for while another has it; None: it has been played to its end."""

    async def claimed(session: AsyncSession) -> Turn | None:
        # Always due, whatever the house's clock was moved to.
        token, rows = await leases.claim(session, DemoPlay, now=row.begun_at, limit=1, lease=LEASE)
        return Turn(token, rows[0].begun_at, rows[0].come_to) if rows else None

    while True:
        async with database.read("demo-play") as session:
            row = await session.get_one(DemoPlay, PLAY)
        if row.ended_at is not None:
            return None
        if (mine := await database.transact(claimed, "demo-play")) is not None:
            return mine
        await asyncio.sleep(LOOK_EVERY)
