"""How many days before a visit its reminders go: the hospital's days, and departments' own over them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from uuid import UUID

from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncSession

from care.appointments.coming.models import ReminderLead
from store.clock import Clock
from store.database import insert_new

MORNING, EVENING = time(9, 0), time(20, 0)
"""Reminders leave between these, hospital time; ours: nobody is woken, and there is time to answer the same day."""
MOST, LONGEST = 3, 14
"""Reminders a visit, and days before it, at most; ours."""


class LeadError(ValueError):
    """`code` names the words in `data/seed/coming_words.yml`."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


def read(text: str) -> tuple[int, ...]:
    """`3,1`, with Chinese commas too. Raises `LeadError`."""
    parts = text.replace("\u3001", ",").replace("\uff0c", ",").replace(" ", "").split(",")
    if not all(one.isascii() and one.isdigit() for one in parts):
        raise LeadError("lead_numbers")
    days = tuple(sorted({int(one) for one in parts}, reverse=True))
    if not 1 <= len(days) <= MOST or not 1 <= days[-1] <= days[0] <= LONGEST:
        raise LeadError("lead_range")
    return days


@dataclass(frozen=True, slots=True)
class Leads:
    """`usual` days, the longest first, and departments' own."""

    usual: tuple[int, ...]
    own: Mapping[UUID, tuple[int, ...]] = field(default_factory=dict)

    def groups(self) -> list[tuple[tuple[int, ...], list[UUID] | None]]:
        """(days, departments): None is everybody who has none of their own."""
        by_days: dict[tuple[int, ...], list[UUID]] = defaultdict(list)
        for department, days in self.own.items():
            by_days[days].append(department)
        return [(self.usual, None), *by_days.items()]

    def of(self, department_id: UUID) -> tuple[int, ...]:
        return self.own.get(department_id, self.usual)


def due_at(day: date, lead: int, clock: Clock) -> datetime:
    """When the reminder `lead` days before `day` is due, aware."""
    return clock.to_utc(datetime.combine(day - timedelta(days=lead), MORNING))


async def load(session: AsyncSession, usual: Sequence[int]) -> Leads:
    rows = (await session.scalars(select(ReminderLead))).all()
    return Leads(tuple(sorted(usual, reverse=True)), {row.department_id: tuple(row.days) for row in rows})


async def change(
    session: AsyncSession, department_id: UUID, days: tuple[int, ...] | None, *, by: UUID, now: datetime
) -> None:
    """None: as the hospital's."""
    await session.execute(delete(ReminderLead).where(ReminderLead.department_id == department_id))
    if days is not None:
        values = {
            "department_id": department_id,
            "days": list(days),
            "changed_by": by,
            "changed_at": now,
        }
        await insert_new(session, ReminderLead, values)
