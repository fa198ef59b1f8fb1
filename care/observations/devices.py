"""Devices and the tokens they show. Nothing here commits."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from care.observations.models import ObservationDevice
from store import audit, crypto
from store.ids import new_secret
from store.tokens import hashes_of

_KIND = "observation_device"


async def add(
    session: AsyncSession, name: str, *, patient_id: UUID | None, now: datetime
) -> tuple[ObservationDevice, str]:
    """Register a device; returns it and its token, which is nowhere stored. `patient_id` None: it may send for everybody."""
    token = new_secret()
    row = ObservationDevice(
        name=name[:80], token_hash=crypto.lookup(token, _KIND), patient_id=patient_id, created_at=now
    )
    session.add(row)
    await session.flush()
    subject = audit.subject_of("device", row.id)
    audit.record(session, actor="system", action="device.add", subject=subject, at=now)
    return row, token


async def of_token(session: AsyncSession, token: str) -> ObservationDevice | None:
    """Whose token it is; None for an unknown or revoked one."""
    hashes = hashes_of(token, _KIND)
    if not hashes:
        return None
    wanted = select(ObservationDevice).where(
        ObservationDevice.token_hash.in_(hashes), ObservationDevice.revoked_at.is_(None)
    )
    return (await session.scalars(wanted)).first()


async def revoke(session: AsyncSession, device_id: UUID, now: datetime) -> bool:
    """Its token opens nothing any more. False when it was so already."""
    row = await session.get(ObservationDevice, device_id)
    if row is None or row.revoked_at is not None:
        return False
    row.revoked_at = now
    subject = audit.subject_of("device", row.id)
    audit.record(session, actor="system", action="device.revoke", subject=subject, at=now)
    return True
