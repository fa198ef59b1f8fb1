"""Patients who ask what the FAQ does not answer."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from uuid import UUID, uuid5

from content.faq.questions import collect
from store.database import Database

SHANGHAI = timezone(timedelta(hours=8))
_SPACE = UUID("6ba7b810-9dad-11d1-80b4-00c04fd430c8")


def person(name: str) -> UUID:
    """The conversation of somebody."""
    return uuid5(_SPACE, name)


async def asked(database: Database, now: datetime, *questions: str, by: str = "a", days_ago: int = 0) -> None:
    """`by` asks each of `questions`."""
    at = now - timedelta(days=days_ago)
    async with database.write("test") as session:
        for text in questions:
            await collect.note(
                session, text, conversation_id=person(by), now=at, day=at.astimezone(SHANGHAI).date()
            )
