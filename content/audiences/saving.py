"""Saving what was put together, with its audit row."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from content.audiences import service
from content.audiences.check import Problem
from content.audiences.models import AudienceVersion
from content.audiences.rules import Group
from store import audit
from store.clock import Clock
from store.database import Database
from web.signin.models import StaffUser

LONGEST_NAME = 60


class Desk(Protocol):
    """What is needed of the pages' desk."""

    @property
    def database(self) -> Database: ...
    @property
    def clock(self) -> Clock: ...


class Drafted(Protocol):
    """What is needed of the form."""

    @property
    def rule(self) -> Group: ...
    @property
    def id(self) -> UUID | None: ...
    @property
    def seen(self) -> int: ...
    @property
    def name(self) -> str: ...
    @property
    def note(self) -> str: ...


@dataclass(frozen=True, slots=True)
class Saved:
    """`version`: what was saved; None: nothing was, for the reason `wrong` with its `values`. `newer`: what another person saved."""

    version: AudienceVersion | None = None
    wrong: str = ""
    values: Mapping[str, Any] = field(default_factory=dict)
    newer: AudienceVersion | None = None


async def save(desk: Desk, staff: StaffUser, draft: Drafted, problems: Sequence[Problem]) -> Saved:
    """A new audience, or a version of the one `draft.id` names."""
    if not draft.name:
        return Saved(wrong="no_name")
    if len(draft.name) > LONGEST_NAME:
        return Saved(wrong="long_name")
    if blocking := [one for one in problems if one.blocks]:
        return Saved(wrong="problems", values={"number": len(blocking)})
    async with desk.database.write("save audience") as session:
        try:
            done = await _store(session, desk, staff, draft)
        except service.NameTaken:
            return Saved(wrong="name_taken")
        if isinstance(done, service.Changed):
            return Saved(wrong="changed", values={"number": done.newest.number}, newer=done.newest)
        if done is None:
            return Saved(wrong="stale")
        record(session, desk, staff, "save", done.audience_id, version=done.number)
    return Saved(done)


async def _store(
    session: AsyncSession, desk: Desk, staff: StaffUser, draft: Drafted
) -> AudienceVersion | service.Changed | None:
    given: dict[str, Any] = {
        "name": draft.name,
        "note": draft.note,
        "rule": draft.rule,
        "now": desk.clock.now(),
        "staff_id": staff.id,
    }
    if draft.id is None:
        return await service.create(session, **given)
    audience = await service.get(session, draft.id)
    return None if audience is None else await service.change(session, audience, seen=draft.seen, **given)


async def archive(desk: Desk, staff: StaffUser, audience_id: UUID, *, back: bool) -> bool:
    """Put away, or `back`; False when there is none."""
    async with desk.database.write("archive audience") as session:
        audience = await service.get(session, audience_id)
        if audience is None:
            return False
        audience.archived_at = None if back else desk.clock.now()
        record(session, desk, staff, "restore" if back else "archive", audience_id)
    return True


def record(
    session: AsyncSession, desk: Desk, staff: StaffUser, action: str, audience_id: UUID, **detail: Any
) -> None:
    audit.record(
        session,
        actor=audit.subject_of("staff", staff.id),
        action=action,
        subject=audit.subject_of("audience", audience_id),
        at=desk.clock.now(),
        detail=detail,
    )
