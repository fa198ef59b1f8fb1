"""A system of the hospital's that has the last word about bookings, if there is one: told in the booking's own transaction."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession


class Outside(Protocol):
    """What `care.systems` does when one of our appointments changes by our own doing.

    `lists_times`: its times are mirrored and are the only ones; else our own weekly clinics make them.
    """

    lists_times: bool

    async def booked(
        self, session: AsyncSession, appointment_id: UUID, replaces_id: UUID | None, now: datetime
    ) -> None:
        """It is `pending`. What it replaces is cancelled already, but keeps its place until this one is accepted."""
        ...

    async def cancelled(self, session: AsyncSession, appointment_id: UUID, now: datetime) -> bool:
        """Whether its place stays taken until the system agrees; False: the system never heard of it."""
        ...


_current: Outside | None = None


def install(outside: Outside | None) -> None:
    """Make `outside` the process's own; None: our rows are the truth. Called by the composition root and by tests."""
    global _current
    _current = outside


def current() -> Outside | None:
    return _current


def lists_times() -> bool:
    """Whether a system outside says which times there are: nothing is planned here then."""
    return _current is not None and _current.lists_times
