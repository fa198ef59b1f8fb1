"""What a batch of touches says, written in a handful of statements; each person's messages keep their order."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from channels.outbox.bulk import Push, enqueue_all
from channels.outbox.service import NOTICE_PRIORITY


class How(NamedTuple):
    """What messages of one step have in common."""

    purpose: str
    campaign: str
    expires_at: datetime


class Together:
    def __init__(self, now: datetime) -> None:
        self._now = now
        self._said: list[tuple[Push, How]] = []

    def add(self, push: Push, how: How) -> None:
        self._said.append((push, how))

    async def write(self, session: AsyncSession) -> None:
        """Everybody's first message, then everybody's second: a contact is in each batch once."""
        said, self._said = self._said, []
        for (_, how), pushes in _batches(said).items():
            await enqueue_all(
                session,
                pushes,
                purpose=how.purpose,
                campaign=how.campaign,
                now=self._now,
                expires_at=how.expires_at,
                priority=NOTICE_PRIORITY,
            )


def _batches(said: Iterable[tuple[Push, How]]) -> dict[tuple[int, How], list[Push]]:
    turn: Counter[UUID] = Counter()
    found: dict[tuple[int, How], list[Push]] = {}
    for push, how in said:
        found.setdefault((turn[push.contact_id], how), []).append(push)
        turn[push.contact_id] += 1
    return dict(sorted(found.items(), key=lambda one: one[0][0]))
