"""Reading the hospital's structure."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from care.hospital.models import HealthcareService, Practitioner


async def departments(session: AsyncSession, *, bookable: bool = False) -> Sequence[HealthcareService]:
    """Active departments in the hospital's order.

    `bookable` leaves out walk-in ones and the emergency department.
    """
    query = select(HealthcareService).where(HealthcareService.active).order_by(HealthcareService.position)
    if bookable:
        query = query.where(HealthcareService.kind == "clinic")
    return (await session.scalars(query)).all()


async def department(session: AsyncSession, department_id: UUID) -> HealthcareService | None:
    return await session.get(HealthcareService, department_id)


async def departments_of_standard(session: AsyncSession, standard: str) -> Sequence[HealthcareService]:
    """The hospital's departments for a standard name (what triage answers), bookable ones first."""
    query = (
        select(HealthcareService)
        .where(HealthcareService.standard == standard, HealthcareService.active)
        .order_by(HealthcareService.kind != "clinic", HealthcareService.position)
    )
    return (await session.scalars(query)).all()


async def practitioners(session: AsyncSession, department_id: UUID | None = None) -> Sequence[Practitioner]:
    """Active doctors, of one department or all, by staff number."""
    query = select(Practitioner).where(Practitioner.active).order_by(Practitioner.code)
    if department_id is not None:
        query = query.where(Practitioner.department_id == department_id)
    return (await session.scalars(query)).all()


async def practitioner(session: AsyncSession, practitioner_id: UUID) -> Practitioner | None:
    return await session.get(Practitioner, practitioner_id)


def spoken_place(service: HealthcareService, *, private: bool) -> str:
    """What to call the destination: the name, or only the place where a lock screen or an SMS may show it."""
    return service.place if private and service.sensitive else service.name
