"""Where reports come from: our own table, or another system of the hospital."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession


@dataclass(frozen=True, slots=True)
class Report:
    """What may be said of a report; never what it says. `identifier`: the hospital's number of it. `category`: HL7 table 0074.

    `ready`: signed. `expected_at`: when it should be, where the hospital says so.
    """

    identifier: str
    patient_id: UUID
    category: str
    title: str
    ready: bool
    effective_at: datetime
    issued_at: datetime | None
    expected_at: datetime | None


class ReportSystem(Protocol):
    """The hospital's reports, as far as patients ask after them."""

    async def reports(
        self, session: AsyncSession, patient_ids: Sequence[UUID], *, since: datetime
    ) -> Sequence[Report]:
        """Those examined since then, the newest first; cancelled ones are left out."""
        ...
