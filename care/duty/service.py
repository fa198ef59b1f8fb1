"""Who is on duty at a moment, and who stands in where the roster is empty."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from care.duty.models import Position, Shift
from web.signin.models import Role, StaffUser

ROLE = {Position.NURSE: Role.NURSE, Position.HEAD_NURSE: Role.NURSE, Position.DOCTOR: Role.DOCTOR}
"""Who may be put on for a position, and who stands in where the roster is empty."""


@dataclass(frozen=True, slots=True)
class Called:
    """Who is called. `how`: `roster`; `role` (the roster has a hole here); `all` (everybody on duty, and the operators)."""

    staff: tuple[UUID, ...]
    how: Literal["roster", "role", "all"]

    @property
    def rostered(self) -> bool:
        return self.how == "roster"


async def on_duty(
    session: AsyncSession, at: datetime, position: Position | None = None, department_id: UUID | None = None
) -> Sequence[Shift]:
    """The shifts that run at `at`, of active staff, by position and start. With a department: its own, else the whole
    hospital's; without: the whole hospital's, else everybody's of the position."""
    query = (
        select(Shift)
        .join(StaffUser, StaffUser.id == Shift.staff_id)
        .where(Shift.starts_at <= at, Shift.ends_at > at, StaffUser.active)
        .order_by(Shift.position, Shift.starts_at, Shift.id)
    )
    if position is not None:
        query = query.where(Shift.position == position)
    running = (await session.scalars(query)).all()
    if position is None:
        return running
    own = [one for one in running if one.department_id == department_id and department_id is not None]
    house = [one for one in running if one.department_id is None]
    return own or house or (running if department_id is None else [])


async def called_for(
    session: AsyncSession, position: Position, at: datetime, department_id: UUID | None = None
) -> Called:
    """Who answers for `position` now: the roster; nobody there: everybody with the role; no such role: see `everybody`."""
    shifts = await on_duty(session, at, position, department_id)
    if shifts:
        return Called(tuple(dict.fromkeys(one.staff_id for one in shifts)), "roster")
    stand_ins = await _with_roles(session, {ROLE[position]})
    if stand_ins:
        return Called(stand_ins, "role")
    return await everybody(session, at)


async def everybody(session: AsyncSession, at: datetime) -> Called:
    """Everybody on duty (nobody on the roster: every nurse and doctor) and the operators; no operators: administrators."""
    running = [one.staff_id for one in await on_duty(session, at)]
    people = running or list(await _with_roles(session, {Role.NURSE, Role.DOCTOR}))
    operators = await _with_roles(session, {Role.OPERATOR}) or await _with_roles(session, {Role.ADMIN})
    return Called(tuple(dict.fromkeys([*people, *operators])), "all")


async def _with_roles(session: AsyncSession, roles: set[Role]) -> tuple[UUID, ...]:
    """Active staff who hold one of the roles. Their list is JSON: read here, a hospital has hundreds of staff, not millions."""
    rows = await session.execute(
        select(StaffUser.id, StaffUser.roles).where(StaffUser.active).order_by(StaffUser.id)
    )
    return tuple(row.id for row in rows if roles & set(row.roles))
