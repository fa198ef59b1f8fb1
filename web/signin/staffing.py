"""What an administrator does to accounts, and people to their own. Nothing here commits.

Whoever loses a role or is switched off is signed out at once. One active administrator with a password always
remains: the way in when the hospital's sign-on is away.
"""

from __future__ import annotations

import base64
import hashlib
import secrets
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import delete, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from store import audit
from web.signin import totp
from web.signin.models import Role, StaffSession, StaffUser
from web.signin.service import AccountError, add_user, find_user, normal_username
from web.texts import say


def start_password() -> str:
    """Four groups of four letters and digits (80 bits) that are easy to read out and to type."""
    text = base64.b32encode(secrets.token_bytes(10)).decode().lower()
    return "-".join(text[at : at + 4] for at in range(0, 16, 4))


async def everybody(session: AsyncSession, q: str = "", state: str = "") -> Sequence[StaffUser]:
    """Accounts by name; `q` in either name, `state`: `on`, `off` or all."""
    found = select(StaffUser).order_by(StaffUser.active.desc(), StaffUser.username)
    if q:
        found = found.where(
            or_(
                StaffUser.username.contains(q.lower(), autoescape=True),
                StaffUser.display_name.contains(q, autoescape=True),
            )
        )
    if state:
        found = found.where(StaffUser.active.is_(state == "on"))
    return (await session.scalars(found)).all()


async def names(session: AsyncSession, ids: Iterable[UUID | None]) -> dict[UUID | None, str]:
    """Display names by id; nobody's for None and for ids of nobody."""
    wanted = {one for one in ids if one is not None}
    found = await session.execute(
        select(StaffUser.id, StaffUser.display_name).where(StaffUser.id.in_(wanted))
    )
    return {row[0]: row[1] for row in found}


async def said_names(
    session: AsyncSession, ids: Iterable[UUID | None], *, somebody: str, system: str
) -> dict[UUID | None, str]:
    """The same for a page: `somebody` for who is no longer there, `system` (by None) for the house itself."""
    wanted = {one for one in ids if one is not None}
    return {**dict.fromkeys(wanted, somebody), **await names(session, wanted), None: system}


async def sessions_of(session: AsyncSession, staff_id: UUID, now: datetime) -> Sequence[StaffSession]:
    """The account's living sessions, the newest first."""
    found = select(StaffSession).where(StaffSession.staff_id == staff_id, StaffSession.expires_at > now)
    return (await session.scalars(found.order_by(StaffSession.created_at.desc()))).all()


async def end_sessions(
    session: AsyncSession, staff_id: UUID, *, keep: UUID | None = None, only: UUID | None = None
) -> int:
    """Sign the account out everywhere, but not in `keep`; or only in the session `only`."""
    ending = delete(StaffSession).where(StaffSession.staff_id == staff_id)
    if keep is not None:
        ending = ending.where(StaffSession.id != keep)
    if only is not None:
        ending = ending.where(StaffSession.id == only)
    return len((await session.scalars(ending.returning(StaffSession.id))).all())


async def set_password(
    session: AsyncSession,
    staff_id: UUID,
    hashed: str,
    *,
    by: UUID | None,
    now: datetime,
    must_change: bool = False,
    keep: UUID | None = None,
) -> None:
    """A new password; every other session ends, a lock is lifted."""
    await session.execute(
        update(StaffUser)
        .where(StaffUser.id == staff_id)
        .values(password_hash=hashed, must_change_password=must_change, failed_tries=0, locked_until=None)
    )
    await end_sessions(session, staff_id, keep=keep)
    note(session, by, "password_reset" if must_change else "password_changed", staff_id, now)


async def change(
    session: AsyncSession,
    staff_id: UUID,
    display_name: str,
    roles: Sequence[Role],
    *,
    by: UUID,
    now: datetime,
) -> bool:
    """Name and roles; True if the roles changed (the account is signed out then). Raises `AccountError`."""
    user, others = await _locked(session, staff_id)
    wanted = sorted(str(role) for role in set(roles))
    if user.external_id is not None:
        wanted = sorted(user.roles)  # the hospital's sign-on says them anew each time
    if Role.ADMIN in user.roles and Role.ADMIN not in wanted:
        _keep_an_admin(user, others, by)
    before, user.roles = sorted(user.roles), wanted
    user.display_name = display_name.strip()[:64] or user.username
    if before == wanted:
        return False
    await end_sessions(session, staff_id)
    note(session, by, "roles_changed", staff_id, now, before=before, after=wanted)
    return True


async def switch(
    session: AsyncSession, staff_id: UUID, active: bool, *, by: UUID | None, now: datetime
) -> None:
    """On or off. Off ends every session. Raises `AccountError`."""
    user, others = await _locked(session, staff_id)
    if user.active == active:
        return
    if not active:
        if staff_id == by:
            raise AccountError(say("staff.not_yourself"))
        if Role.ADMIN in user.roles:
            _keep_an_admin(user, others, by)
        await end_sessions(session, staff_id)
    user.active = active
    note(session, by, "switched_on" if active else "switched_off", staff_id, now)


async def unlock(session: AsyncSession, staff_id: UUID, *, by: UUID | None, now: datetime) -> None:
    """Lift the lock of too many failed tries."""
    await session.execute(
        update(StaffUser).where(StaffUser.id == staff_id).values(failed_tries=0, locked_until=None)
    )
    note(session, by, "unlocked", staff_id, now)


async def reset_totp(session: AsyncSession, staff_id: UUID, *, by: UUID | None, now: datetime) -> None:
    """The phone is lost: no second factor until it is set up anew, and signed out everywhere."""
    await totp.remove(session, staff_id, by, now)
    await end_sessions(session, staff_id)


async def from_hospital(
    session: AsyncSession,
    external_id: str,
    username: str,
    display_name: str,
    roles: Iterable[Role],
    now: datetime,
) -> StaffUser:
    """The account of who came by the hospital's sign-on: made at the first visit, name and roles as they are there today.

    A local account of the same name stays somebody else's: names can be chosen, `external_id` cannot. Roles that were
    taken away end the sessions that had them. Raises nothing: the caller asks for `active` and `roles`.
    """
    wanted = sorted(str(role) for role in set(roles))
    user = await session.scalar(
        select(StaffUser).where(StaffUser.external_id == external_id).with_for_update()
    )
    if user is None:
        name = normal_username(username)
        if not name or await find_user(session, name) is not None:
            name = f"{name[:56]}~{hashlib.sha256(external_id.encode()).hexdigest()[:7]}"
        user = await add_user(
            session, username=name, display_name=display_name, roles=[], external_id=external_id
        )
        note(session, None, "staff_created", user.id, now, way="oidc")
    user.display_name = display_name.strip()[:64] or user.username
    if sorted(user.roles) != wanted:
        note(session, None, "roles_changed", user.id, now, before=sorted(user.roles), after=wanted)
        user.roles = wanted
        await end_sessions(session, user.id)
    await session.flush()
    return user


def note(
    session: AsyncSession, by: UUID | None, action: str, staff_id: UUID, now: datetime, **detail: Any
) -> None:
    """An audit row about an account; `by` None: from the command line."""
    audit.record(
        session,
        actor=audit.subject_of("staff", by) if by is not None else "system",
        action=action,
        subject=audit.subject_of("staff", staff_id),
        at=now,
        detail=detail,
    )


async def _locked(session: AsyncSession, staff_id: UUID) -> tuple[StaffUser, list[StaffUser]]:
    """The account and all others, none of which changes meanwhile: two administrators cannot remove each other at once."""
    everyone = list(await session.scalars(select(StaffUser).order_by(StaffUser.id).with_for_update()))
    user = next((one for one in everyone if one.id == staff_id), None)
    if user is None:
        raise AccountError(say("staff.gone"))
    return user, [one for one in everyone if one is not user]


def _keep_an_admin(losing: StaffUser, others: list[StaffUser], by: UUID | None) -> None:
    """Raises `AccountError` if `losing` is the asker's own account, or the last that opens this page by password."""
    if losing.id == by:
        raise AccountError(say("staff.not_yourself"))
    if not any(one.active and Role.ADMIN in one.roles and one.password_hash for one in others):
        raise AccountError(say("staff.last_admin"))
