"""A link of one's own to a response's page. Nothing here commits."""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from care.questionnaires.entrance.models import ResponseLink
from store import crypto
from store.tokens import hashes_of, link_token

PATH = "/q/"
_KIND = "response_link"


async def issue(
    session: AsyncSession, response_id: UUID, *, now: datetime, lasts: timedelta, code_id: UUID | None = None
) -> str:
    """Make a link; returns its path (`/q/<token>`), which is nowhere stored. `code_id`: the code that was typed for it."""
    token = link_token()
    session.add(
        ResponseLink(
            token_hash=crypto.lookup(token, _KIND),
            response_id=response_id,
            code_id=code_id,
            issued_at=now,
            expires_at=now + lasts,
        )
    )
    await session.flush()
    return f"{PATH}{token}"


async def find(session: AsyncSession, token: str) -> ResponseLink | None:
    """The link of `token`, expired or not; None for a token that never was ours."""
    hashes = hashes_of(token, _KIND)
    if not hashes:
        return None
    return (await session.scalars(select(ResponseLink).where(ResponseLink.token_hash.in_(hashes)))).first()
