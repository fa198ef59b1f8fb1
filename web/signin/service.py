"""Rules of sign-in. Nothing here commits.

Times are real time (`store.clock.real_now`), not the hospital's business clock: a jump of the demo's virtual
clock must neither sign people out nor lift a lock.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from datetime import datetime, timedelta
from functools import cache

from pwdlib import PasswordHash
from pwdlib.hashers.argon2 import Argon2Hasher
from sqlalchemy import delete, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from store import audit
from store.ids import new_secret
from web.signin.models import Role, StaffSession, StaffUser
from web.texts import say

SESSION_LASTS = timedelta(hours=12)
TRIES_BEFORE_LOCK = 5
LOCK_LASTS = timedelta(minutes=15)
PASSWORD_AT_LEAST = 8
PASSWORD_AT_MOST = 256

# argon2id with 19 MiB, 2 passes, 1 lane: OWASP Password Storage Cheat Sheet's first choice for argon2id.
_hasher = PasswordHash((Argon2Hasher(time_cost=2, memory_cost=19456, parallelism=1),))


class AccountError(ValueError):
    """An account cannot be made like this; the message (Chinese) says why."""


@cache
def _nobodys_hash() -> str:
    return _hasher.hash("nobody has this password")


def normal_username(username: str) -> str:
    return username.strip().lower()[:64]


def password_fits(user: StaffUser | None, password: str) -> bool:
    """Whether `password` opens `user`'s account. 20 ms of CPU: call it in a thread, with no session open.

    An unknown user costs the same time, so that the answer's delay does not tell who exists.
    """
    fits = _hasher.verify(
        password[:PASSWORD_AT_MOST], user.password_hash if user is not None else _nobodys_hash()
    )
    return fits and user is not None


async def find_user(session: AsyncSession, username: str) -> StaffUser | None:
    """The account of that name, as a plain value: it outlives the session and follows no later change."""
    found: StaffUser | None = await session.scalar(
        select(StaffUser).where(StaffUser.username == normal_username(username))
    )
    return _value(session, found)


def may_try(user: StaffUser | None, now: datetime) -> bool:
    """False while the account is locked or switched off."""
    return user is None or (user.active and (user.locked_until is None or user.locked_until <= now))


async def record_failure(session: AsyncSession, user: StaffUser | None, now: datetime) -> None:
    """Count a failed try, in the database, so that no process forgets it; the fifth locks the account."""
    if user is None:
        audit.record(session, actor="system", action="sign_in_failed", subject="staff:unknown", at=now)
        return
    tries = await session.scalar(
        update(StaffUser)
        .where(StaffUser.id == user.id)
        .values(failed_tries=StaffUser.failed_tries + 1)
        .returning(StaffUser.failed_tries)
    )
    if tries is not None and tries >= TRIES_BEFORE_LOCK:
        await session.execute(
            update(StaffUser)
            .where(StaffUser.id == user.id)
            .values(failed_tries=0, locked_until=now + LOCK_LASTS)
        )
    audit.record(
        session,
        actor="system",
        action="sign_in_failed",
        subject=audit.subject_of("staff", user.id),
        at=now,
        detail={"tries": tries},
    )


async def open_session(session: AsyncSession, user: StaffUser, now: datetime) -> str:
    """Sign `user` in; returns the token for the browser's cookie. Expired sessions are swept on the way."""
    token = new_secret()
    await session.execute(delete(StaffSession).where(StaffSession.expires_at <= now))
    await session.execute(
        update(StaffUser).where(StaffUser.id == user.id).values(failed_tries=0, locked_until=None)
    )
    session.add(
        StaffSession(
            staff_id=user.id, token_hash=hash_token(token), created_at=now, expires_at=now + SESSION_LASTS
        )
    )
    subject = audit.subject_of("staff", user.id)
    audit.record(session, actor=subject, action="sign_in", subject=subject, at=now)
    return token


async def staff_of(session: AsyncSession, token: str, now: datetime) -> StaffUser | None:
    """Whose browser holds `token`, as a plain value.

    None when it expired, was signed out, or the account is switched off.
    """
    found: StaffUser | None = await session.scalar(
        select(StaffUser)
        .join(StaffSession, StaffSession.staff_id == StaffUser.id)
        .where(
            StaffSession.token_hash == hash_token(token),
            StaffSession.expires_at > now,
            StaffUser.active.is_(True),
        )
    )
    return _value(session, found)


def _value(session: AsyncSession, user: StaffUser | None) -> StaffUser | None:
    if user is not None:
        session.expunge(user)
    return user


async def close_session(session: AsyncSession, token: str, now: datetime) -> None:
    """Sign out; a token nobody knows is no error."""
    staff_id = await session.scalar(
        delete(StaffSession)
        .where(StaffSession.token_hash == hash_token(token))
        .returning(StaffSession.staff_id)
    )
    if staff_id is not None:
        subject = audit.subject_of("staff", staff_id)
        audit.record(session, actor=subject, action="sign_out", subject=subject, at=now)


async def create_user(
    session: AsyncSession, *, username: str, display_name: str, password: str, roles: Iterable[Role]
) -> StaffUser:
    """A new account. Raises `AccountError` for a taken or empty name or a short password."""
    name = normal_username(username)
    if not name:
        raise AccountError(say("account.no_name"))
    if not PASSWORD_AT_LEAST <= len(password) <= PASSWORD_AT_MOST:
        raise AccountError(say("account.short_password", length=PASSWORD_AT_LEAST))
    if await find_user(session, name) is not None:
        raise AccountError(say("account.name_taken"))
    user = StaffUser(
        username=name,
        display_name=display_name.strip() or name,
        password_hash=_hasher.hash(password),
        roles=sorted(set(roles)),
        active=True,
        failed_tries=0,
    )
    session.add(user)
    await session.flush()
    return user


async def ensure_admin(session: AsyncSession, username: str, password: str) -> bool:
    """Create the first administrator, True; or leave an existing account as it is, False."""
    if await find_user(session, username) is not None:
        return False
    name = say("account.admin_name")
    await create_user(session, username=username, display_name=name, password=password, roles=[Role.ADMIN])
    return True


def hash_token(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
