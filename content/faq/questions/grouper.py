"""Groups the unanswered questions: each hour and on demand, in a thread; only new wordings are embedded.

Open questions are grouped anew each time, and a group keeps its id by its largest share of members. What nobody needs to answer
stays decided: a new wording near enough to a dismissed group joins it.
"""

from __future__ import annotations

import asyncio
import base64
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

import numpy as np
import structlog
from sqlalchemy import delete, func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from content.faq.questions.models import QuestionAsk, QuestionGroup, UnansweredQuestion
from content.faq.search import FaqIndex
from language.grouping import ASKED, GroupingSettings, around, asked, group
from language.retrieve import TextEmbedder, load_centre
from language.vectors import FloatArray
from store.clock import Clock
from store.database import Database
from store.ids import new_id
from store.rounds import rounds

log = structlog.get_logger(__name__)

EVERY = 3600.0
"""Seconds between two rounds."""
NEAREST = 3
LOOKED_UP = 200
"""Groups whose nearest entries are looked for each time: those that most people asked, which are the ones that are shown."""
_BATCH = 500


@dataclass(slots=True)
class _Question:
    """A wording as the grouping sees it."""

    id: UUID
    text: str
    vector: FloatArray
    group_id: UUID | None
    state: str
    people: int
    asks: int
    last: datetime
    askers: frozenset[str] = field(default_factory=frozenset)


class QuestionGrouper:
    """`keep`: how long a question is kept after it was last asked."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        embedder: TextEmbedder,
        faq: FaqIndex,
        keep: timedelta = timedelta(days=180),
        settings: GroupingSettings | None = None,
    ) -> None:
        self._database, self._clock, self._embedder, self._faq, self._keep = (
            database,
            clock,
            embedder,
            faq,
            keep,
        )
        self._settings = settings or GroupingSettings.load()
        self._centre = load_centre(embedder.weights)
        self._model = f"{embedder.weights[:50]}-{ASKED}"
        self._lock = asyncio.Lock()

    async def run(self) -> None:
        """A round each hour for ever."""
        await rounds("questions.grouping_failed", EVERY, self.refresh)

    async def refresh(self) -> int:
        """Forget what is too old, embed what is new, group; how many groups there are."""
        async with self._lock:
            await self._forget()
            await self._embed()
            async with self._database.read("questions") as session:
                questions = await self._read(session)
            groups = await asyncio.to_thread(self._group, questions)
            shown = sorted(groups, key=lambda key: -sum(one.people for one in groups[key]))[:LOOKED_UP]
            nearest = {key: await self._nearest(groups[key]) for key in shown}
            await self._write(groups, nearest)
        log.info("questions.grouped", questions=len(questions), groups=len(groups))
        return len(groups)

    async def _forget(self) -> None:
        oldest = self._clock.now() - self._keep

        async def work(session: AsyncSession) -> None:
            old = select(UnansweredQuestion.id).where(UnansweredQuestion.last_asked_at < oldest)
            await session.execute(delete(QuestionAsk).where(QuestionAsk.question_id.in_(old)))
            await session.execute(delete(UnansweredQuestion).where(UnansweredQuestion.last_asked_at < oldest))
            await session.execute(
                delete(QuestionAsk).where(QuestionAsk.day < self._clock.local(oldest).date())
            )
            used = select(UnansweredQuestion.group_id).where(UnansweredQuestion.group_id.is_not(None))
            await session.execute(delete(QuestionGroup).where(QuestionGroup.id.not_in(used)))

        await self._database.transact(work, "forget-questions")

    async def _embed(self) -> None:
        """Vectors of wordings that have none of this model yet."""
        model = self._model
        missing = select(UnansweredQuestion).where(
            UnansweredQuestion.model.is_(None) | (UnansweredQuestion.model != model)
        )
        while True:
            async with self._database.read("questions") as session:
                rows = list(await session.scalars(missing.limit(_BATCH)))
                texts = {row.id: asked(row.text) for row in rows}
            if not texts:
                return
            vectors = await asyncio.to_thread(self._embedder.embed, list(texts.values()), "query")
            packed = dict(zip(texts, (_pack(vector) for vector in vectors), strict=True))

            async def work(session: AsyncSession, packed: dict[UUID, str] = packed) -> None:
                wanted = select(UnansweredQuestion).where(UnansweredQuestion.id.in_(packed))
                for row in await session.scalars(wanted):
                    row.vector, row.model = packed[row.id], model

            await self._database.transact(work, "embed-questions")

    async def _read(self, session: AsyncSession) -> list[_Question]:
        asked: dict[UUID, tuple[set[str], int]] = defaultdict(lambda: (set(), 0))
        for question_id, asker, count in await session.execute(
            select(QuestionAsk.question_id, QuestionAsk.asker, func.sum(QuestionAsk.count)).group_by(
                QuestionAsk.question_id, QuestionAsk.asker
            )
        ):
            askers, number = asked[question_id]
            askers.add(asker)
            asked[question_id] = (askers, number + int(count))
        rows = await session.execute(
            select(UnansweredQuestion, QuestionGroup.state)
            .outerjoin(QuestionGroup, QuestionGroup.id == UnansweredQuestion.group_id)
            .where(UnansweredQuestion.model == self._model)
        )
        found = [
            _Question(
                row.id,
                row.text,
                _unpack(row.vector),
                row.group_id,
                state or "open",
                len(asked[row.id][0]),
                asked[row.id][1],
                row.last_asked_at,
                frozenset(asked[row.id][0]),
            )
            for row, state in rows
        ]
        return sorted(found, key=lambda one: (-one.people, -one.asks, one.id))

    def _group(self, questions: Sequence[_Question]) -> dict[UUID, list[_Question]]:
        """Group id → its questions, the most asked first; a new id where the group is new."""
        kept: dict[UUID, list[_Question]] = defaultdict(list)
        for one in questions:
            if one.state != "open" and one.group_id is not None:
                kept[one.group_id].append(one)
        dismissed = [
            (key, around(np.stack([one.vector for one in members]), self._centre))
            for key, members in kept.items()
            if members[0].state == "dismissed"
        ]
        free = []
        for one in questions:
            if one.state == "open":
                home = self._home(one, dismissed) if one.group_id is None else None
                if home is not None:
                    kept[home].append(one)
                else:
                    free.append(one)
        if free:
            directions = around(np.stack([one.vector for one in free]), self._centre)
            clusters: dict[int, list[_Question]] = defaultdict(list)
            for one, label in zip(free, group(directions, self._settings.distance), strict=True):
                clusters[int(label)].append(one)
            taken: set[UUID] = set()
            for members in sorted(clusters.values(), key=len, reverse=True):
                earlier = Counter(one.group_id for one in members if one.group_id is not None)
                known = [key for key, _ in earlier.most_common() if key not in taken]
                key = known[0] if known else new_id()
                taken.add(key)
                kept[key] = members
        return dict(kept)

    def _home(self, one: _Question, dismissed: Sequence[tuple[UUID, FloatArray]]) -> UUID | None:
        """The dismissed group it belongs to by the same measure the groups are made with."""
        direction = around(one.vector[None], self._centre)[0]
        near = [(float((members @ direction).mean()), key) for key, members in dismissed]
        best = max(near, default=None)
        return best[1] if best is not None and best[0] >= 1 - self._settings.distance else None

    async def _nearest(self, members: Sequence[_Question]) -> list[str]:
        """Slugs of the entries nearest to the most asked wording."""
        return [hit.entry_id for hit in await self._faq.search(members[0].text, NEAREST)]

    async def _write(self, groups: dict[UUID, list[_Question]], nearest: dict[UUID, list[str]]) -> None:
        async def work(session: AsyncSession) -> None:
            rows = {row.id: row for row in await session.scalars(select(QuestionGroup))}
            for key, members in groups.items():
                row = rows.get(key)
                if row is None:
                    row = QuestionGroup(id=key, state="open", last_asked_at=members[0].last)
                    session.add(row)
                row.people = len(frozenset().union(*(one.askers for one in members)))
                row.asks = sum(one.asks for one in members)
                row.nearest = nearest.get(key, row.nearest or [])
                row.last_asked_at = max(one.last for one in members)
            await session.flush()
            for key, members in groups.items():
                moved = [one.id for one in members if one.group_id != key]
                for first in range(0, len(moved), _BATCH):
                    await session.execute(
                        update(UnansweredQuestion)
                        .where(UnansweredQuestion.id.in_(moved[first : first + _BATCH]))
                        .values(group_id=key)
                    )
            used = select(UnansweredQuestion.group_id).where(UnansweredQuestion.group_id.is_not(None))
            await session.execute(delete(QuestionGroup).where(QuestionGroup.id.not_in(used)))

        await self._database.transact(work, "group-questions")


def _pack(vector: FloatArray) -> str:
    return base64.b64encode(vector.astype(np.float16).tobytes()).decode()


def _unpack(text: str) -> FloatArray:
    return np.frombuffer(base64.b64decode(text), dtype=np.float16).astype(np.float32)
