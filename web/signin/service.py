"""Rules of sign-in: passwords, failed tries, sessions. Nothing here commits.

Times are real time (`store.clock.real_now`), not the hospital's business clock: a jump of the demo's virtual
clock must neither sign people out nor lift a lock.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from datetime import datetime, timedelta
from functools import cache
from uuid import UUID

from pwdlib import PasswordHash
from pwdlib.hashers.argon2 import Argon2Hasher
from sqlalchemy import delete, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from store import audit
from store.ids import new_secret
from web.signin.models import Role, StaffSession, StaffUser, Stage
from web.signin.rules import IDLE, SignInRules
from web.texts import say

STEPS_LAST = timedelta(minutes=10)
"""How long somebody who gave the password has for what else is asked."""
TRIES_BEFORE_LOCK = 5
LOCK_LASTS = timedelta(minutes=15)
PASSWORD_AT_LEAST = 8
PASSWORD_AT_MOST = 256

# argon2id with 19 MiB, 2 passes, 1 lane: OWASP Password Storage Cheat Sheet's first choice for argon2id.
_hasher = PasswordHash((Argon2Hasher(time_cost=2, memory_cost=19456, parallelism=1),))


class AccountError(ValueError):
    """An account cannot be made or changed like this; the message (Chinese) says why."""


@cache
def _nobodys_hash() -> str:
    return _hasher.hash("nobody has this password")


def normal_username(username: str) -> str:
    return username.strip().lower()[:64]


def password_fits(user: StaffUser | None, password: str) -> bool:
    """Whether `password` opens `user`'s account. 20 ms of CPU: call it in a thread, with no session open.

    An unknown user, or one without a password, costs the same time, so that the answer's delay does not tell who exists.
    """
    known = user.password_hash if user is not None else ""
    return _hasher.verify(password[:PASSWORD_AT_MOST], known or _nobodys_hash()) and bool(known)


def hash_password(password: str, username: str) -> str:
    """20 ms of CPU. Raises `AccountError` for a password that is too short, too long or too easily guessed."""
    if not PASSWORD_AT_LEAST <= len(password) <= PASSWORD_AT_MOST:
        raise AccountError(say("account.short_password", length=PASSWORD_AT_LEAST))
    plain = password.strip().lower()
    if len(set(plain)) < 4 or plain == username * (len(plain) // max(1, len(username))):
        raise AccountError(say("account.weak_password"))
    return _hasher.hash(password)


async def find_user(session: AsyncSession, username: str) -> StaffUser | None:
    """The account of that name, as a plain value: it outlives the session and follows no later change."""
    found: StaffUser | None = await session.scalar(
        select(StaffUser).where(StaffUser.username == normal_username(username))
    )
    return _value(session, found)


def may_try(user: StaffUser | None, now: datetime) -> bool:
    """False while the account is locked or switched off."""
    return user is None or (user.active and (user.locked_until is None or user.locked_until <= now))


async def record_failure(
    session: AsyncSession, user: StaffUser | None, now: datetime, stage: str = "password"
) -> None:
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
        detail={"tries": tries, "stage": stage},
    )


async def begin_session(
    session: AsyncSession,
    user: StaffUser,
    now: datetime,
    rules: SignInRules,
    *,
    way: str = "password",
    address: str = "",
    agent: str = "",
) -> tuple[str, Stage]:
    """The password was right (or the hospital's sign-on said so): a new session's token for the cookie, and what it waits for.

    Expired sessions are swept on the way.
    """
    await session.execute(delete(StaffSession).where(StaffSession.expires_at <= now))
    stage, token = rules.stage(user, way), new_secret()
    row = StaffSession(
        staff_id=user.id,
        token_hash=hash_token(token),
        stage=stage,
        way=way,
        created_at=now,
        last_seen_at=now,
        expires_at=now + (rules.lasts if stage is Stage.FULL else STEPS_LAST),
        address=address[:64],
        agent=agent[:200],
    )
    session.add(row)
    if stage is Stage.FULL:
        await _signed_in(session, user.id, way, now)
    return token, stage


async def open_session(session: AsyncSession, user: StaffUser, now: datetime) -> str:
    """Sign `user` in without asking for more; returns the token for the browser's cookie."""
    token, _ = await begin_session(session, user, now, SignInRules(totp="off"), way="trusted")
    return token


async def advance(
    session: AsyncSession, row: StaffSession, user: StaffUser, now: datetime, rules: SignInRules
) -> tuple[str, Stage]:
    """The step `row` waited for is done: a new token (the old one opens nothing any more) and the next step."""
    stage, token = rules.stage(user, row.way, Stage(row.stage)), new_secret()
    values = {"token_hash": hash_token(token), "stage": stage, "last_seen_at": now}
    if stage is Stage.FULL:
        values |= {"created_at": now, "expires_at": now + rules.lasts}
    await session.execute(update(StaffSession).where(StaffSession.id == row.id).values(**values))
    if stage is Stage.FULL:
        await _signed_in(session, user.id, row.way, now)
    return token, stage


async def _signed_in(session: AsyncSession, staff_id: UUID, way: str, now: datetime) -> None:
    """Only now earlier failures are forgotten: else a known password would buy endless tries at the code."""
    await session.execute(
        update(StaffUser)
        .where(StaffUser.id == staff_id)
        .values(failed_tries=0, locked_until=None, last_sign_in_at=now)
    )
    subject = audit.subject_of("staff", staff_id)
    audit.record(session, actor=subject, action="sign_in", subject=subject, at=now, detail={"way": way})


async def session_of(
    session: AsyncSession, token: str, now: datetime, idle: timedelta = IDLE
) -> tuple[StaffUser, StaffSession] | None:
    """Whose browser holds `token`, and its session, as plain values.

    None when it expired, stood idle, was signed out, or the account is switched off.
    """
    found = (
        await session.execute(
            select(StaffUser, StaffSession)
            .join(StaffSession, StaffSession.staff_id == StaffUser.id)
            .where(
                StaffSession.token_hash == hash_token(token),
                StaffSession.expires_at > now,
                StaffSession.last_seen_at > now - idle,
                StaffUser.active.is_(True),
            )
        )
    ).first()
    if found is None:
        return None
    user, row = found
    session.expunge(user)
    session.expunge(row)
    return user, row


async def staff_of(
    session: AsyncSession, token: str, now: datetime, idle: timedelta = IDLE
) -> StaffUser | None:
    """Who is fully signed in with `token`."""
    found = await session_of(session, token, now, idle)
    return found[0] if found is not None and found[1].stage == Stage.FULL else None


async def touch(session: AsyncSession, session_id: UUID, now: datetime) -> None:
    """Somebody did something: the idle time begins anew."""
    await session.execute(update(StaffSession).where(StaffSession.id == session_id).values(last_seen_at=now))


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


async def add_user(
    session: AsyncSession,
    *,
    username: str,
    display_name: str,
    roles: Iterable[Role],
    password_hash: str = "",
    must_change: bool = False,
    external_id: str | None = None,
) -> StaffUser:
    """A new account, with a password or for the hospital's sign-on. Raises `AccountError` for a taken or empty name."""
    name = normal_username(username)
    if not name:
        raise AccountError(say("account.no_name"))
    if await find_user(session, name) is not None:
        raise AccountError(say("account.name_taken"))
    user = StaffUser(
        username=name,
        display_name=display_name.strip()[:64] or name,
        password_hash=password_hash,
        must_change_password=must_change,
        roles=sorted(set(roles)),
        active=True,
        failed_tries=0,
        external_id=external_id,
        totp_last_step=0,
    )
    session.add(user)
    await session.flush()
    return user


async def create_user(
    session: AsyncSession, *, username: str, display_name: str, password: str, roles: Iterable[Role]
) -> StaffUser:
    """As `add_user`, with a password in plain; `AccountError` also for a poor one."""
    hashed = hash_password(password, normal_username(username))
    return await add_user(
        session, username=username, display_name=display_name, password_hash=hashed, roles=roles
    )


async def ensure_admin(
    session: AsyncSession, username: str, password: str, must_change: bool = False
) -> bool:
    """Create the first administrator, True; or leave an existing account as it is, False."""
    if await find_user(session, username) is not None:
        return False
    await add_user(
        session,
        username=username,
        display_name=say("account.admin_name"),
        password_hash=hash_password(password, normal_username(username)),
        roles=[Role.ADMIN],
        must_change=must_change,
    )
    return True


def _value(session: AsyncSession, user: StaffUser | None) -> StaffUser | None:
    if user is not None:
        session.expunge(user)
    return user


def hash_token(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
