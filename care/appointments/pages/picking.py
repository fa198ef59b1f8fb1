"""Finding the patient who stands at the counter, by name, record number, phone or the last four of it. Masked, and recorded."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy.ext.asyncio import AsyncSession

from care.access import service as access
from care.appointments.pages.shared import PAGE
from care.desk.pages.desk import Desk
from care.patients import service as patients
from care.patients.pages.finding import Face, faces_of
from store import audit
from web.signin.models import StaffUser

FOUND = 10


@dataclass(frozen=True, slots=True)
class Found:
    """`hidden`: confidential ones that are not in the looker's charge; `more`: ask for more of the name."""

    query: str
    faces: Sequence[Face]
    hidden: int
    more: bool


async def find(session: AsyncSession, staff: StaffUser, desk: Desk, query: str) -> Found:
    """An empty query finds nobody."""
    now = desk.clock.now()
    people = await patients.search(session, query, FOUND + 1)
    hidden = await access.hidden(session, staff.id, people[:FOUND], now=now)
    shown = [one for one in people[:FOUND] if one.id not in hidden]
    await access.seen(session, staff, [one.id for one in shown], PAGE, now=now)
    await access.seen(session, staff, sorted(hidden), PAGE, now=now, refused=True)
    if not people:
        audit.read(session, staff.id, ["patients"], now, PAGE)
    faces = await faces_of(session, desk.clock.local().date(), shown)
    return Found(query.strip(), faces, len(hidden), len(people) > FOUND)
