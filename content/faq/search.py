"""Searching the FAQ: the house's retriever over the published entries, kept fresh from the database.

Edited entries are found within `REFRESH` seconds without a restart: the newest change is looked up, only what changed is
read and indexed again, and many new entries are found slice by slice while the rest is still being read.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

import structlog
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from content.faq.models import FaqEntry
from language.retrieve import HybridIndex
from store.database import Database
from store.rounds import rounds

log = structlog.get_logger(__name__)

REFRESH = 2.0
_SLICE = 500
"""Entries read and indexed at a time."""

_Mark = tuple[datetime | None, int, int]
"""Newest change, number of entries, sum of their revisions: an edit moves it even when the demo's clock was turned back."""


@dataclass(frozen=True, slots=True)
class _Said:
    """What is said of an entry."""

    question: str
    answer: str
    source: str


@dataclass(frozen=True, slots=True)
class FaqHit:
    """An entry for a question; `score` 0..1 is the probability that it is the right one."""

    entry_id: str
    question: str
    answer: str
    source: str
    score: float
    sms_key: str


@dataclass(frozen=True, slots=True)
class Near:
    """An entry that has a text nearly the same as a new one: `theirs` beside `ours`."""

    entry_id: str
    question: str
    ours: str
    theirs: str
    cosine: float


@dataclass(frozen=True, slots=True)
class Twins:
    """Two entries, the text of each that is nearly the other's, and their cosine."""

    one: str
    other: str
    text: str
    other_text: str
    cosine: float


class FaqIndex:
    """`on_change` is awaited after entries changed, so that SMS templates can follow."""

    def __init__(
        self,
        database: Database,
        index: HybridIndex,
        on_change: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        self._database = database
        self._index = index
        self._entries: dict[str, _Said] = {}
        self._revisions: dict[str, int] = {}  # of every entry, published or not
        self._seen: _Mark = (None, 0, 0)
        self._on_change = on_change
        self._cache: OrderedDict[tuple[str, int], Sequence[FaqHit]] = OrderedDict()
        self._lock = asyncio.Lock()
        self._twins: tuple[object, list[Twins]] | None = None
        self.answer_from = index.settings.answer_from
        self.offer_from = index.settings.offer_from

    async def refresh(self) -> int:
        """Bring the index in line with the database; how many entries were indexed anew or taken out."""
        async with self._lock:
            async with self._database.read("faq-refresh") as session:
                mark = await _mark(session)
                if mark == self._seen:
                    return 0
                fresh, gone = await self._changes(session, mark)
            changed = await self._apply(gone, {})
            for start in range(0, len(fresh), _SLICE):
                async with self._database.read("faq-refresh") as session:
                    wanted = select(FaqEntry).where(FaqEntry.slug.in_(fresh[start : start + _SLICE]))
                    changed += await self._apply((), {row.slug: row for row in await session.scalars(wanted)})
            self._seen = mark
        if changed:
            log.info("faq.indexed", changed=changed, entries=len(self._entries))
            if self._on_change is not None:
                await self._on_change()
        return changed

    async def _changes(self, session: AsyncSession, mark: _Mark) -> tuple[list[str], set[str]]:
        """Slugs of entries that are new or of another revision, and of those that are gone.

        What changed since the newest change seen is enough if it accounts for the new mark; else all are compared.
        """
        newest, count, revisions = self._seen
        columns = select(FaqEntry.slug, FaqEntry.revision)
        if newest is not None:
            since = {
                row.slug: row.revision
                for row in await session.execute(columns.where(FaqEntry.changed_at >= newest))
            }
            rise = sum(revision - self._revisions.get(slug, 0) for slug, revision in since.items())
            if (len(since.keys() - self._revisions.keys()), rise) == (mark[1] - count, mark[2] - revisions):
                return self._other(since), set()
        now = {row.slug: row.revision for row in await session.execute(columns)}
        return self._other(now), self._revisions.keys() - now.keys()

    def _other(self, now: dict[str, int]) -> list[str]:
        return [slug for slug, revision in now.items() if self._revisions.get(slug) != revision]

    async def _apply(self, gone: Collection[str], rows: dict[str, FaqEntry]) -> int:
        """Index `rows` anew, forget what is `gone` or no longer published; how many published entries that touched."""
        shown = {slug: row for slug, row in rows.items() if row.status == "published"}
        hidden = [slug for slug in (*gone, *(rows.keys() - shown.keys())) if slug in self._entries]
        for slug in hidden:
            await asyncio.to_thread(self._index.remove, slug)
            del self._entries[slug]
        if shown:
            texts = [(slug, [row.question, *row.similar]) for slug, row in shown.items()]
            await asyncio.to_thread(self._index.add_many, texts)
        self._entries |= {slug: _Said(row.question, row.answer, row.source) for slug, row in shown.items()}
        self._revisions |= {slug: row.revision for slug, row in rows.items()}
        for slug in gone:
            self._revisions.pop(slug, None)
        self._cache.clear()
        return len(hidden) + len(shown)

    async def run(self) -> None:
        """Keep fresh for ever."""
        await rounds("faq.refresh_failed", REFRESH, self.refresh)

    async def search(self, text: str, k: int = 4) -> Sequence[FaqHit]:
        """The `k` likeliest entries, best first. The last questions are remembered: an action asks twice in a turn."""
        key = (text, k)
        if key in self._cache:
            return self._cache[key]
        hits = await asyncio.to_thread(self._index.search, text, k)
        found = [self._hit(hit.id, hit.score) for hit in hits if hit.id in self._entries]
        self._cache[key] = found
        while len(self._cache) > 256:
            self._cache.popitem(last=False)
        return found

    async def near(self, texts: Sequence[str], same: float, but: str = "") -> list[Near]:
        """Entries other than `but` that have a text nearly the same as one of `texts` (cosine `same` or more), nearest first."""
        found: dict[str, Near] = {}

        def look() -> None:
            for text in texts:
                for hit in self._index.search(text, 4):
                    if hit.id == but or hit.id not in self._entries:
                        continue
                    cosine = self._index.closeness(text, hit.text)
                    if cosine >= same and (hit.id not in found or found[hit.id].cosine < cosine):
                        found[hit.id] = Near(
                            hit.id, self._entries[hit.id].question, text, hit.text, round(cosine, 3)
                        )

        await asyncio.to_thread(look)
        return sorted(found.values(), key=lambda one: -one.cosine)

    async def twins(self, same: float) -> list[Twins]:
        """Pairs of entries with nearly the same text, nearest first; looked for anew after a change only."""
        if self._twins is None or self._twins[0] != (self._seen, same):
            mark = self._seen
            pairs = await asyncio.to_thread(self._index.twins, same)
            self._twins = ((mark, same), [Twins(*pair) for pair in pairs])
        return self._twins[1]

    def entry(self, entry_id: str) -> FaqHit | None:
        return self._hit(entry_id, 1.0) if entry_id in self._entries else None

    def _hit(self, entry_id: str, score: float) -> FaqHit:
        entry = self._entries[entry_id]
        return FaqHit(entry_id, entry.question, entry.answer, entry.source, score, f"faq:{entry_id}")


async def _mark(session: AsyncSession) -> _Mark:
    row = (
        await session.execute(
            select(func.max(FaqEntry.changed_at), func.count(), func.sum(FaqEntry.revision)).select_from(
                FaqEntry
            )
        )
    ).one()
    return row[0], int(row[1]), int(row[2] or 0)


def sms_text(entry: FaqEntry) -> str:
    """The entry's SMS template: its own text and the landline (`{landline}` is filled in by the catalogue)."""
    return f"{entry.sms.rstrip('。')}{sms_tail()}"


def sms_tail() -> str:
    """What every entry's SMS ends with."""
    return "。更多请致电{landline}"
