"""What a subject gives to the timeline."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID

from sqlalchemy import Select
from sqlalchemy.ext.asyncio import AsyncSession

from channels.outbox.models import OutboundMessage

Key = UUID | int
Said = Callable[[OutboundMessage], str]
"""The words of a message as its own account sends them; empty where there are none."""


@dataclass(frozen=True, slots=True)
class Who:
    """Whose timeline. `contacts` speak for the patient; `conversations` are those of theirs the reader may see."""

    patient_id: UUID
    contacts: tuple[UUID, ...] = ()
    conversations: tuple[UUID, ...] = ()


@dataclass(frozen=True, slots=True)
class Entry:
    """One line, ready to be shown. All words are Chinese.

    `side`: `in` (the patient said it), `out` (we did), else empty. `marks`: (words, tone) with a tone of daisyUI's badges. `facts`:
    short lines below. `pairs`: question and answer. `by`: who of the staff. `href`: a page with more.
    """

    at: datetime
    title: str
    text: str = ""
    side: str = ""
    marks: Sequence[tuple[str, str]] = ()
    facts: Sequence[str] = ()
    pairs: Sequence[tuple[str, str]] = ()
    by: UUID | None = None
    href: str = ""


class TimelineSource(Protocol):
    """A subject's share. `name` is its own, `kind` the filter it belongs to (a code of `kinds` in data/seed/timeline_words.yml)."""

    @property
    def name(self) -> str: ...

    @property
    def kind(self) -> str: ...

    def rows(self, who: Who) -> Select[datetime, Any]:
        """Two columns: the moment (aware UTC) and the key (a UUID or a number, unique in this source). No order, no limit."""
        ...

    async def load(self, session: AsyncSession, who: Who, keys: Sequence[Any]) -> Mapping[Any, Entry]:
        """The entries of some of these keys, in a handful of statements whatever their number."""
        ...
