"""Exported files: behind a link of their own, opened by who proves to be the person, gone soon."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from care.privacy.models import PrivacyFile
from care.rows import add_new
from store import crypto
from store.ids import new_secret

PATH = "/my-data/"
GOOD_FOR = timedelta(hours=72)
AGAIN_WITHIN = timedelta(hours=1)
"""Once opened: long enough to take the other form too."""


@dataclass(frozen=True, slots=True)
class Made:
    """`path` holds the token, which is nowhere stored."""

    path: str
    expires_at: datetime


async def keep(
    session: AsyncSession,
    *,
    request_id: UUID,
    patient_id: UUID,
    contact_id: UUID,
    content: dict[str, Any],
    pdf: bytes,
    now: datetime,
) -> Made | None:
    """Store the file of a request, once; None when it was made before."""
    token = new_secret(24)
    row = PrivacyFile(
        request_id=request_id,
        token_hash=crypto.lookup(token, "privacy_file"),
        patient_id=patient_id,
        contact_id=contact_id,
        content=content,
        pdf=base64.b64encode(pdf).decode(),
        made_at=now,
        expires_at=now + GOOD_FOR,
    )
    return Made(f"{PATH}{token}", row.expires_at) if await add_new(session, row) else None


async def find(session: AsyncSession, token: str, now: datetime) -> PrivacyFile | None:
    """The file of a token that is still good."""
    if not 16 <= len(token) <= 64 or not token.isascii():
        return None
    hashes = crypto.lookups(token, "privacy_file")
    row = (await session.scalars(select(PrivacyFile).where(PrivacyFile.token_hash.in_(hashes)))).first()
    return row if row is not None and row.expires_at > now else None


def opened(row: PrivacyFile, now: datetime) -> None:
    """The person has it: the link is good for an hour more."""
    if row.opened_at is None:
        row.opened_at = now
        row.expires_at = min(row.expires_at, now + AGAIN_WITHIN)


def pdf_of(row: PrivacyFile) -> bytes:
    return base64.b64decode(row.pdf)
