"""Searching the published articles for what answers a question: the house's retriever, kept fresh from the database.

An article is found by its title, the questions it answers and its summary, and is sure only where question and article speak of the
same illnesses (`language.illnesses`): "how much may I drink" is no question about a failing heart. What is published, changed,
expired or recalled is followed within `REFRESH` seconds without a restart: `texts.mark` is looked up, and only what changed is read
and indexed again.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

import structlog

from content.articles import texts
from content.articles.texts import PublishedText
from language.illnesses import named
from language.retrieve import Hit, HybridIndex, RetrievalSettings
from store.clock import Clock
from store.database import Database
from store.rounds import rounds

log = structlog.get_logger(__name__)

REFRESH = 2.0
ANSWER_FROM = 0.4
"""A health question is answered by an article found with this probability: docs/education-in-chat.md says how it was measured."""
OFFER_FROM = 0.15
"""From here on an article is worth offering as a choice."""
FIRST = 2.0
"""Seconds a question waits for the first indexing, where a start did not: less than what makes a patient hear "please wait"."""
_SLICE = 8
"""Articles read at a time: their Markdown is made plain on the event loop, a few milliseconds each."""
_CACHED = 256


@dataclass(frozen=True, slots=True)
class ArticleHit:
    """An article for a question; `score` 0..1 is the probability that it is the right one."""

    article: PublishedText
    score: float


def settings() -> RetrievalSettings:
    """The FAQ's curve, which was learned on the same embedder and questions of the same kind, with thresholds of the articles' own."""
    return replace(RetrievalSettings.load(), answer_from=ANSWER_FROM, offer_from=OFFER_FROM)


def searched(article: PublishedText) -> list[str]:
    """The texts an article is found by."""
    return [article.title, *article.questions, article.summary]


def spoken_of(article: PublishedText) -> frozenset[str]:
    """The illnesses it says anything of."""
    return named("\n".join((*searched(article), article.plain)))


def judged(hit: Hit, asked: frozenset[str], told: frozenset[str], answer_from: float) -> float:
    """The hit's score; nothing where an illness is `asked` about that the article (`told`) says nothing of; just not sure where the text
    it was found by is about one that was not asked about."""
    if not asked <= told:
        return 0.0
    return hit.score if named(hit.text) <= asked else min(hit.score, answer_from - 0.01)


class ArticleIndex:
    """All published articles in memory, and the way to the one that answers a question."""

    def __init__(self, database: Database, clock: Clock, index: HybridIndex) -> None:
        self._database = database
        self._clock = clock
        self._index = index
        self._articles: dict[str, PublishedText] = {}
        self._speaks_of: dict[str, frozenset[str]] = {}
        self._seen: texts.Mark | None = None
        self._cache: OrderedDict[tuple[str, int], Sequence[ArticleHit]] = OrderedDict()
        self._lock = asyncio.Lock()
        self._ready = asyncio.Event()
        self.answer_from = index.settings.answer_from
        self.offer_from = index.settings.offer_from

    async def refresh(self) -> int:
        """Bring the index in line with the database; how many articles were indexed anew or taken out."""
        async with self._lock:
            today = self._clock.local().date()
            async with self._database.read("articles-refresh") as session:
                mark = await texts.mark(session, today)
                if mark == self._seen:
                    return 0
                live = await texts.live(session, today)
            gone = self._articles.keys() - live.keys()
            changed = await self._forget(gone)
            known = {slug: one.revision for slug, one in self._articles.items()}
            fresh = [slug for slug, number in live.items() if known.get(slug) != number]
            for start in range(0, len(fresh), _SLICE):
                async with self._database.read("articles-refresh") as session:
                    some = fresh[start : start + _SLICE]
                    changed += await self._take(await texts.published_texts(session, today, only=some))
            self._seen = mark
            self._ready.set()
        if changed:
            log.info("articles.indexed", changed=changed, articles=len(self._articles))
        return changed

    async def _forget(self, slugs: Collection[str]) -> int:
        for slug in slugs:
            await asyncio.to_thread(self._index.remove, slug)
            del self._articles[slug], self._speaks_of[slug]
        self._cache.clear()
        return len(slugs)

    async def _take(self, found: Sequence[PublishedText]) -> int:
        await asyncio.to_thread(self._index.add_many, [(one.slug, searched(one)) for one in found])
        self._articles |= {one.slug: one for one in found}
        self._speaks_of |= {one.slug: spoken_of(one) for one in found}
        self._cache.clear()
        return len(found)

    async def run(self) -> None:
        """Keep fresh for ever."""
        await rounds("articles.refresh_failed", REFRESH, self.refresh)

    async def search(self, text: str, k: int = 4) -> Sequence[ArticleHit]:
        """The `k` likeliest articles, best first. The last questions are remembered: an action asks twice in a turn."""
        await self.ready()
        key = (text, k)
        if key in self._cache:
            return self._cache[key]
        hits = await asyncio.to_thread(self._index.search, text, k)
        illnesses = named(text)
        found = [
            ArticleHit(self._articles[hit.id], judged(hit, illnesses, told, self.answer_from))
            for hit in hits
            if (told := self._speaks_of.get(hit.id)) is not None
        ]
        found.sort(key=lambda hit: -hit.score)
        self._cache[key] = found
        while len(self._cache) > _CACHED:
            self._cache.popitem(last=False)
        return found

    async def ready(self) -> None:
        """Wait for the first indexing after a start, `FIRST` seconds at most."""
        if not self._ready.is_set():
            try:
                async with asyncio.timeout(FIRST):
                    await self._ready.wait()
            except TimeoutError:
                log.warning("articles.not_indexed_yet")

    def article(self, slug: str) -> PublishedText | None:
        """A published article; None for one that is not (or no longer)."""
        return self._articles.get(slug)

    def published(self) -> Collection[PublishedText]:
        """All of them, as they are now."""
        return self._articles.values()
