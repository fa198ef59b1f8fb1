"""Whose patient somebody is."""

from __future__ import annotations

from collections.abc import Collection
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from care.access.models import CareTeamMember, TeamRole
from store import sets
from web.signin.models import StaffUser


async def doctors_of(session: AsyncSession, patient_ids: Collection[UUID]) -> dict[UUID, UUID]:
    """The doctor on each patient's care team who has been there longest."""
    rows = await session.execute(
        select(CareTeamMember.patient_id, CareTeamMember.staff_id)
        .join(StaffUser, StaffUser.id == CareTeamMember.staff_id)
        .where(
            sets.among(CareTeamMember.patient_id, "ids"),
            CareTeamMember.role == TeamRole.DOCTOR,
            StaffUser.active,
        )
        .order_by(CareTeamMember.since.desc(), CareTeamMember.staff_id),
        {"ids": list(patient_ids)},
    )
    return dict(rows.tuples().all())
