"""What the desk's own pages need of the house beside database and clock, and what they share."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any
from uuid import UUID

from fastapi import Request
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.responses import Response

from care.desk.hours import DutyHours
from care.desk.live import Live
from care.desk.models import TaskKind
from care.desk.pages.desk import NURSES, Desk, show, words
from care.desk.weighing import Weigher
from care.gate.reasons import words as reason_words
from care.hospital import service as hospital
from channels.media.vault import Vault
from channels.ops.shown import OpsWords, Times, masked
from channels.outbox.models import OutboundMessage
from channels.reply import Reply
from store.clock import Clock
from web.signin import staffing
from web.signin.access import may
from web.signin.models import Role, StaffUser


@dataclass(frozen=True, slots=True)
class Tools:
    """`within`: how soon a person is promised; `speak`: a message as the patient reads it; `say`: a wording of the house on WeChat;
    `promised`: a due time in words; `due`: by when people see to a task; `queued`: called when something was queued."""

    desk: Desk
    live: Live
    vault: Vault
    weigher: Weigher
    hours: DutyHours
    stale_after: timedelta
    within: timedelta
    speak: Callable[[OutboundMessage], str]
    say: Callable[[Reply], str]
    promised: Callable[[datetime], str]
    due: Callable[[TaskKind, datetime], datetime]
    queued: Callable[[], None]

    @property
    def clock(self) -> Clock:
        return self.desk.clock


_ops_words = OpsWords(reason_words)


def page(tools: Tools, request: Request, staff: StaffUser, template: str, **values: Any) -> Response:
    """`show`, with what the desk's own templates count on."""
    return show(
        tools.desk,
        request,
        f"desk/{template}",
        times=Times(tools.clock, _ops_words),
        at=partial(_at, tools.clock),
        masked=masked,
        reason=reason_words,
        me=staff.id,
        now=tools.clock.now(),
        may_see_delivery=may(staff, (Role.OPERATOR, Role.NURSE)),
        **values,
    )


def _at(clock: Clock, moment: datetime | None) -> str:
    """A moment to the minute: today only the time, else with the date; empty for None."""
    if moment is None:
        return ""
    local, today = clock.local(moment), clock.local().date()
    if local.date() == today:
        return local.strftime("%H:%M")
    return local.strftime("%m-%d %H:%M" if local.year == today.year else "%Y-%m-%d %H:%M")


async def names_of(session: AsyncSession, ids: Iterable[UUID | None]) -> dict[UUID | None, str]:
    """Display names of staff."""
    return await staffing.said_names(
        session, ids, somebody=words("labels", "somebody"), system=words("labels", "system")
    )


async def colleagues(session: AsyncSession, but: UUID) -> list[StaffUser]:
    """Nurses and doctors whom a conversation may be passed on to."""
    rows = await session.scalars(
        select(StaffUser).where(StaffUser.active, StaffUser.id != but).order_by(StaffUser.display_name)
    )
    return [one for one in rows if set(NURSES) & set(one.roles)]


async def groups(session: AsyncSession) -> dict[str, str]:
    """Positions and departments a conversation may be passed on to: code → name."""
    departments = await hospital.departments(session)
    return {
        **words.known("positions"),
        **{f"department:{one.code}"[:40]: one.name for one in departments},
    }


def week(hours: DutyHours) -> list[tuple[str, str]]:
    """When somebody is on duty, in words: days with the same hours together."""
    found: list[tuple[list[int], str]] = []
    for day, spans in enumerate(hours.week):
        text = " ".join(f"{begin:%H:%M}-{end:%H:%M}" for begin, end in spans)
        if found and found[-1][1] == text:
            found[-1][0].append(day)
        else:
            found.append(([day], text))
    days = words.known("days")
    return [
        (
            days[str(group[0])] if len(group) == 1 else f"{days[str(group[0])]}–{days[str(group[-1])]}",
            text or words("labels", "nobody"),
        )
        for group, text in found
    ]
