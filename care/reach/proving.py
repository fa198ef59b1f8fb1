"""A number or user id counts once a code that was sent there came back: word about alerts must not reach a stranger."""

from __future__ import annotations

import hmac
import secrets
from datetime import datetime, timedelta
from typing import Literal
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from care.patients.identity import parse_phone
from care.reach.models import StaffNotice, StaffReach
from care.rows import add_new
from store import audit, crypto

Channel = Literal["sms", "wecom"]
LASTS = timedelta(minutes=10)
AGAIN_AFTER = timedelta(seconds=60)
TRIES = 5
"""As with patients' codes (`care.binding`); ours."""
USER_ID = 64
"""Longest user id of WeCom, in bytes (https://developer.work.weixin.qq.com/document/path/90195)."""


async def reach_of(session: AsyncSession, staff_id: UUID) -> StaffReach | None:
    return (await session.scalars(select(StaffReach).where(StaffReach.staff_id == staff_id))).one_or_none()


async def ask(
    session: AsyncSession, staff_id: UUID, channel: Channel, address: str, now: datetime
) -> Literal["sent", "wrong", "too_soon"]:
    """Send a code there. `wrong`: no mobile number, no user id; `too_soon`: one went out within the minute."""
    to = parse_phone(address) if channel == "sms" else _user_id(address)
    if to is None:
        return "wrong"
    await add_new(session, StaffReach(staff_id=staff_id, code_tries=0))
    row = (
        await session.scalars(select(StaffReach).where(StaffReach.staff_id == staff_id).with_for_update())
    ).one()
    if row.code_until is not None and row.code_until - LASTS + AGAIN_AFTER > now:
        return "too_soon"
    code = f"{secrets.randbelow(10**6):06d}"
    row.code_for, row.code_to, row.code_tries = channel, to, 0
    row.code_hash, row.code_until = _hash(row.id, code), now + LASTS
    session.add(
        StaffNotice(
            dedup_key=f"code:{row.id}:{now.isoformat()}",
            staff_id=staff_id,
            channel=channel,
            kind="code",
            secret=code,
            status="queued",
            created_at=now,
            due_at=now,
            attempts=0,
        )
    )
    return "sent"


async def confirm(
    session: AsyncSession, staff_id: UUID, code: str, now: datetime
) -> Literal["right", "wrong", "over"]:
    """`over`: no code is open any more (too old, too many tries): ask for a new one."""
    row = (
        await session.scalars(select(StaffReach).where(StaffReach.staff_id == staff_id).with_for_update())
    ).one_or_none()
    if (
        row is None
        or row.code_hash is None
        or row.code_until is None
        or row.code_until <= now
        or row.code_tries >= TRIES
    ):
        return "over"
    row.code_tries += 1
    if not hmac.compare_digest(row.code_hash, _hash(row.id, code.strip())):
        return "wrong" if row.code_tries < TRIES else "over"
    if row.code_for == "sms":
        row.phone, row.phone_since = row.code_to, now
    else:
        row.wecom, row.wecom_since = row.code_to, now
    _audit(session, staff_id, f"reach.{row.code_for}_set", now)
    row.code_for = row.code_hash = None
    row.code_to_sealed = None
    return "right"


async def forget(session: AsyncSession, staff_id: UUID, channel: Channel, now: datetime) -> bool:
    """Nothing is sent there any more. False when nothing was kept."""
    row = await reach_of(session, staff_id)
    if row is None:
        return False
    if channel == "sms":
        row.phone_sealed, row.phone_since = None, None
    else:
        row.wecom_sealed, row.wecom_since = None, None
    _audit(session, staff_id, f"reach.{channel}_forgotten", now)
    return True


def _user_id(text: str) -> str | None:
    """A WeCom user id: letters, digits and `_-@.`, beginning with a letter or digit."""
    text = text.strip()
    fits = 0 < len(text) <= USER_ID and text.isascii() and text[0].isalnum()
    return text if fits and all(one.isalnum() or one in "_-@." for one in text) else None


def _hash(reach_id: UUID, code: str) -> str:
    return crypto.lookup(f"{reach_id}:{code}", "staff.code")


def _audit(session: AsyncSession, staff_id: UUID, action: str, now: datetime) -> None:
    subject = audit.subject_of("staff", staff_id)
    audit.record(session, actor=subject, action=action, subject=subject, at=now)
