"""Six digits for those without a link: an SMS carries one fixed address and a code. Nothing here commits.

A code leads to one response and only as far as the question whom it is for; once that is answered it is used up. One response has
one code at a time.
"""

from __future__ import annotations

import secrets
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from care.patients.identity import fold_number
from care.questionnaires.entrance.models import ResponseCode
from care.rows import add_new
from store import crypto

DIGITS = 6
_KIND = "response_code"
_DRAWS = 20
"""How often a code is drawn that another response has just now. With 10,000 codes out, one draw in a hundred meets one."""


async def issue(session: AsyncSession, response_id: UUID, *, now: datetime, lasts: timedelta) -> str:
    """A new code; the response's earlier one ends."""
    await _close(session, "replaced", ResponseCode.response_id == response_id)
    for _ in range(_DRAWS):
        code = f"{secrets.randbelow(10**DIGITS):0{DIGITS}d}"
        hashed = crypto.lookup(code, _KIND)
        await _close(session, "expired", ResponseCode.open_hash == hashed, ResponseCode.expires_at <= now)
        row = ResponseCode(
            open_hash=hashed, response_id=response_id, status="open", issued_at=now, expires_at=now + lasts
        )
        if await add_new(session, row):
            return code
    raise RuntimeError("no free code was found: too many are open at once")


async def find(session: AsyncSession, typed: str, now: datetime) -> ResponseCode | None:
    """The code that was typed, if it can be used; digits of any width, with or without spaces."""
    code = fold_number(typed)
    if len(code) != DIGITS or not (code.isascii() and code.isdecimal()):
        return None
    wanted = select(ResponseCode).where(
        ResponseCode.open_hash.in_(crypto.lookups(code, _KIND)), ResponseCode.expires_at > now
    )
    return (await session.scalars(wanted)).first()


async def use(session: AsyncSession, code_id: UUID) -> None:
    """Whoever typed it proved who they are: nobody else comes in by it."""
    await _close(session, "used", ResponseCode.id == code_id)


async def _close(session: AsyncSession, status: str, *which: object) -> None:
    await session.execute(
        update(ResponseCode)
        .where(*which, ResponseCode.status == "open")  # type: ignore[arg-type]
        .values(status=status, open_hash=None)
    )
