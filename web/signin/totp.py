"""The second factor: codes of an authenticator app (TOTP, RFC 6238), and recovery codes for a lost one. Nothing commits.

Six digits, 30 seconds, SHA-1: what every authenticator app does. A code of the step before or after is taken too
(a phone's clock drifts), but none of a step that was taken already (RFC 6238, 5.2).
"""

from __future__ import annotations

import base64
import secrets
from datetime import datetime
from uuid import UUID

import pyotp
import segno
from sqlalchemy import delete, func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from store import audit, crypto
from web.signin.models import RecoveryCode, StaffUser

STEP = 30
DRIFT = 1
"""Steps of 30 seconds a phone's clock may be off."""
RECOVERY_CODES = 10


def step_of(secret: str, code: str, now: datetime) -> int | None:
    """The step `code` belongs to, if it is one of now ± `DRIFT`."""
    digits = "".join(code.split())
    if len(digits) != 6 or not digits.isascii() or not digits.isdigit():
        return None
    totp, step = pyotp.TOTP(secret, interval=STEP), int(now.timestamp()) // STEP
    for one in range(step - DRIFT, step + DRIFT + 1):
        if secrets.compare_digest(totp.generate_otp(one), digits):
            return one
    return None


def provisioning_uri(user: StaffUser, issuer: str) -> str:
    """What the QR code says to an authenticator app."""
    return pyotp.TOTP(user.totp_secret, interval=STEP).provisioning_uri(
        name=user.username, issuer_name=issuer
    )


def qr_image(uri: str) -> str:
    """The code as an SVG inside the page (a `data:` address): the secret is in no address of its own."""
    return segno.make(uri, error="m").svg_data_uri(scale=5, border=4, dark="#000", light="#fff")


def grouped(secret: str) -> str:
    """The secret as it is typed: groups of four."""
    return " ".join(secret[at : at + 4] for at in range(0, len(secret), 4))


async def prepare(session: AsyncSession, staff_id: UUID) -> StaffUser:
    """The user with a secret to set up: the one begun before (a reload shows the same code), else a new one."""
    user = await session.get_one(StaffUser, staff_id, with_for_update=True)
    if user.totp_secret_sealed is None:
        user.totp_secret = pyotp.random_base32()
    await session.flush()
    return user


async def enrol(session: AsyncSession, staff_id: UUID, code: str, now: datetime) -> list[str] | None:
    """The app showed the right code: the second factor counts from now. The recovery codes, or None for a wrong code."""
    user = await session.get_one(StaffUser, staff_id, with_for_update=True)
    if user.totp_since is not None or user.totp_secret_sealed is None:
        return None
    step = step_of(user.totp_secret, code, now)
    if step is None:
        return None
    user.totp_since, user.totp_last_step = now, step
    subject = audit.subject_of("staff", staff_id)
    audit.record(session, actor=subject, action="totp_set_up", subject=subject, at=now)
    return await new_recovery_codes(session, staff_id, now)


async def accept(session: AsyncSession, user: StaffUser, code: str, now: datetime) -> bool:
    """Whether `code` is right and fresh; it is used up. Takes a recovery code as well."""
    if user.totp_since is None or user.totp_secret_sealed is None:
        return False
    step = step_of(user.totp_secret, code, now)
    if step is None:
        return await _use_recovery_code(session, user.id, code, now)
    taken = await session.scalar(
        update(StaffUser)
        .where(StaffUser.id == user.id, StaffUser.totp_last_step < step, StaffUser.totp_since.is_not(None))
        .values(totp_last_step=step)
        .returning(StaffUser.id)
    )
    return taken is not None


async def remove(session: AsyncSession, staff_id: UUID, by: UUID | None, now: datetime) -> None:
    """No second factor any more: by the user (who gave a code), or by an administrator for a lost phone."""
    await session.execute(
        update(StaffUser)
        .where(StaffUser.id == staff_id)
        .values(totp_since=None, totp_secret_sealed=None, totp_last_step=0)
    )
    await session.execute(delete(RecoveryCode).where(RecoveryCode.staff_id == staff_id))
    audit.record(
        session,
        actor=audit.subject_of("staff", by) if by is not None else "system",
        action="totp_removed",
        subject=audit.subject_of("staff", staff_id),
        at=now,
    )


async def new_recovery_codes(session: AsyncSession, staff_id: UUID, now: datetime) -> list[str]:
    """Ten new codes (50 bits each), to be shown once; older ones open nothing any more."""
    await session.execute(delete(RecoveryCode).where(RecoveryCode.staff_id == staff_id))
    codes = [_recovery_code() for _ in range(RECOVERY_CODES)]
    session.add_all(RecoveryCode(staff_id=staff_id, code_hash=_hash(staff_id, code)) for code in codes)
    subject = audit.subject_of("staff", staff_id)
    audit.record(session, actor=subject, action="recovery_codes_made", subject=subject, at=now)
    return codes


async def recovery_codes_left(session: AsyncSession, staff_id: UUID) -> int:
    counted = select(func.count()).select_from(RecoveryCode).where(RecoveryCode.staff_id == staff_id)
    return await session.scalar(counted) or 0


async def _use_recovery_code(session: AsyncSession, staff_id: UUID, code: str, now: datetime) -> bool:
    used = await session.scalar(
        delete(RecoveryCode)
        .where(RecoveryCode.staff_id == staff_id, RecoveryCode.code_hash == _hash(staff_id, code))
        .returning(RecoveryCode.id)
    )
    if used is not None:
        subject = audit.subject_of("staff", staff_id)
        audit.record(session, actor=subject, action="recovery_code_used", subject=subject, at=now)
    return used is not None


def _recovery_code() -> str:
    text = base64.b32encode(secrets.token_bytes(7)).decode().lower()[:10]
    return f"{text[:5]}-{text[5:]}"


def _hash(staff_id: UUID, code: str) -> str:
    """Keyed, so that a copy of the table is not enough to guess; typed with or without the dash and blanks."""
    plain = "".join(char for char in code.lower() if char.isalnum())[:32]
    return crypto.lookup(f"{staff_id}:{plain}", "staff.recovery_code")
