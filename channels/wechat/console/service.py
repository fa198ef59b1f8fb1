"""Drafts, published versions, history and roll-back of an account's console. Never commits; talks to no vendor."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from channels.wechat.console.content import Content
from channels.wechat.console.models import ConsoleVersion
from store import audit

DRAFT, PUBLISHED, REPLACED = "draft", "published", "replaced"


@dataclass(frozen=True, slots=True)
class Conflict:
    """Somebody else saved meanwhile: `content` is what stands there now, `by` who wrote it."""

    content: Content
    by: UUID | None


@dataclass(frozen=True, slots=True)
class Change:
    """One difference of a later version. `what`: menu, welcome, keyword; `name` says which button or word."""

    what: str
    name: str
    before: str
    after: str


def content_of(row: ConsoleVersion) -> Content:
    return Content(row.menu, row.welcome, row.keywords)


async def published(session: AsyncSession, account_id: str) -> ConsoleVersion | None:
    return await _newest(session, account_id, PUBLISHED)


async def draft(session: AsyncSession, account_id: str) -> ConsoleVersion | None:
    return await _newest(session, account_id, DRAFT)


async def all_published(session: AsyncSession) -> Sequence[ConsoleVersion]:
    """The versions in use, of every account."""
    rows = await session.scalars(
        select(ConsoleVersion).where(ConsoleVersion.state == PUBLISHED).order_by(ConsoleVersion.number)
    )
    return rows.all()


async def history(session: AsyncSession, account_id: str, limit: int = 50) -> Sequence[ConsoleVersion]:
    """Versions that were published once, the newest first."""
    rows = await session.scalars(
        select(ConsoleVersion)
        .where(ConsoleVersion.account_id == account_id, ConsoleVersion.state != DRAFT)
        .order_by(ConsoleVersion.number.desc())
        .limit(limit)
    )
    return rows.all()


async def version(session: AsyncSession, account_id: str, number: int) -> ConsoleVersion | None:
    """A version that was published once."""
    found: ConsoleVersion | None = await session.scalar(
        select(ConsoleVersion).where(
            ConsoleVersion.account_id == account_id,
            ConsoleVersion.number == number,
            ConsoleVersion.state != DRAFT,
        )
    )
    return found


async def save(
    session: AsyncSession,
    account_id: str,
    content: Content,
    *,
    seen: str,
    fallback: Content,
    staff_id: UUID,
    now: datetime,
) -> ConsoleVersion | Conflict:
    """Keep `content` as the draft. `seen` is the tag of what the editor began from: another's work is never overwritten unseen.

    `fallback` is what stands there before anything was written."""
    row = await draft(session, account_id)
    live = await published(session, account_id)
    there = content_of(row) if row else content_of(live) if live else fallback
    if there.tag not in (seen, content.tag):
        return Conflict(there, row.created_by if row else None)
    if row is None:
        row = ConsoleVersion(
            account_id=account_id,
            number=await _next_number(session, account_id),
            state=DRAFT,
            menu=content.menu,
            welcome=content.welcome,
            keywords=content.keywords,
            note="",
            created_by=staff_id,
            created_at=now,
        )
        session.add(row)
    else:
        row.menu, row.welcome, row.keywords = content.menu, content.welcome, content.keywords
        row.created_by, row.created_at = staff_id, now
    await session.flush()
    return row


async def discard(session: AsyncSession, account_id: str) -> Content | None:
    """Drop the draft; what it held, so that it can be put back."""
    row = await draft(session, account_id)
    if row is None:
        return None
    held = content_of(row)
    await session.delete(row)
    await session.flush()
    return held


async def publish(
    session: AsyncSession,
    account_id: str,
    content: Content,
    *,
    note: str,
    staff_id: UUID | None,
    now: datetime,
) -> ConsoleVersion:
    """`content` is in use from now on, under a number of its own; the draft that held it is gone."""
    row = await draft(session, account_id)
    if row is not None and content_of(row).tag != content.tag:
        row = None  # somebody goes on writing: that stays a draft
    if (live := await published(session, account_id)) is not None:
        live.state = REPLACED
    number = await _next_number(session, account_id)
    if row is None:
        row = ConsoleVersion(account_id=account_id, created_by=staff_id, created_at=now, number=number)
        session.add(row)
    elif row.number != number - 1:
        row.number = number  # others were published since it was begun
    row.menu, row.welcome, row.keywords = content.menu, content.welcome, content.keywords
    row.state, row.note = PUBLISHED, note.strip()[:200]
    row.published_by, row.published_at = staff_id, now
    await session.flush()
    audit.record(
        session,
        actor=f"staff:{staff_id}" if staff_id else "system",
        action="console_published",
        subject=f"wechat:{account_id}",
        at=now,
        detail={"number": row.number},
    )
    return row


def changes(before: Content, after: Content) -> list[Change]:
    """What is different, in the order of the page."""
    found = []
    old, new = _buttons(before), _buttons(after)
    for place in sorted(old.keys() | new.keys()):
        if old.get(place) != new.get(place):
            found.append(Change("menu", _place(place), old.get(place, ""), new.get(place, "")))
    if before.welcome != after.welcome:
        found.append(Change("welcome", "", before.welcome, after.welcome))
    was, now = _rules(before), _rules(after)
    for words in [*was, *(one for one in now if one not in was)]:
        if was.get(words) != now.get(words):
            found.append(Change("keyword", words, was.get(words, ""), now.get(words, "")))
    if list(was) != list(now) and set(was) == set(now):
        found.append(Change("order", "", " → ".join(was), " → ".join(now)))
    return found


def _buttons(content: Content) -> dict[tuple[int, int], str]:
    found = {}
    for n, button in enumerate(content.menu["button"]):
        found[n, -1] = _said(button)
        for m, child in enumerate(button.get("sub_button", ())):
            found[n, m] = _said(child)
    return found


def _said(button: dict[str, object]) -> str:
    target = button.get("url") or button.get("key") or ""
    return f"{button['name']} · {target}" if target else str(button["name"])


def _place(place: tuple[int, int]) -> str:
    return str(place[0] + 1) if place[1] < 0 else f"{place[0] + 1}-{place[1] + 1}"


def _rules(content: Content) -> dict[str, str]:
    return {"、".join(rule["words"]): f"{rule['text']}\n{rule['match']}" for rule in content.keywords}


async def _newest(session: AsyncSession, account_id: str, state: str) -> ConsoleVersion | None:
    found: ConsoleVersion | None = await session.scalar(
        select(ConsoleVersion)
        .where(ConsoleVersion.account_id == account_id, ConsoleVersion.state == state)
        .order_by(ConsoleVersion.number.desc())
        .limit(1)
    )
    return found


async def _next_number(session: AsyncSession, account_id: str) -> int:
    last = await session.scalar(
        select(func.max(ConsoleVersion.number)).where(ConsoleVersion.account_id == account_id)
    )
    return (last or 0) + 1
