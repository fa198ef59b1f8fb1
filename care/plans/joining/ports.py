"""What is needed of the room above: audiences to choose from, and who is in one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol
from uuid import UUID

from sqlalchemy import Select
from sqlalchemy.ext.asyncio import AsyncSession


@dataclass(frozen=True, slots=True)
class Choice:
    """A saved audience in its newest version. `said`: who that is, in a sentence."""

    version_id: UUID
    name: str
    said: str


class AudienceBook(Protocol):
    """`content.audiences`."""

    async def offered(self, session: AsyncSession) -> Sequence[Choice]: ...

    async def of(self, session: AsyncSession, version_id: UUID) -> Select[Any] | None:
        """Ids of everybody the rule holds for, in care or not; None when there is no such version."""
        ...
