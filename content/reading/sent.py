"""`ArticleSent` for links whose message was accepted: a job over those that still wait, in batches, on any number of workers."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import and_, bindparam, func, insert, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased

from channels.outbox.models import OutboundMessage
from content.articles.models import ArticleRevision
from content.reading.models import ArticleLink, ArticleSent
from store import sets
from store.clock import Clock
from store.database import Database
from store.rounds import rounds

EVERY = 5.0
"""Seconds between two looks."""
WINDOW = 20_000
"""Links looked at at a time: a million that wait for the morning cost no more than these."""
BATCH = 1000
FIRST, LAST = UUID(int=0), UUID(int=(1 << 128) - 1)
REACHED = ("accepted", "delivered")
SENT_AGAIN = timedelta(days=3)
"""So long people may have a message sent again that failed."""

_ON = aliased(OutboundMessage)
_STATUS = func.coalesce(_ON.status, OutboundMessage.status)
_ended_at = func.coalesce(_ON.finished_at, OutboundMessage.finished_at, OutboundMessage.created_at)
_CARRIED = OutboundMessage.dedup_key == ArticleLink.outbound_key
_WENT_ON = _ON.continues == OutboundMessage.id
"""What was `passed_on` ends as the message that went on; what is `uncertain` may turn out either way."""

_WAITING = (
    ArticleLink.settled_at.is_(None),
    ArticleLink.id > bindparam("after", type_=ArticleLink.id.type),
)
_EDGE = select(ArticleLink.id).where(*_WAITING).order_by(ArticleLink.id).offset(WINDOW - 1).limit(1)
_ENDED = (
    select(ArticleLink.id)
    .join(OutboundMessage, _CARRIED)
    .outerjoin(_ON, _WENT_ON)
    .where(
        *_WAITING,
        ArticleLink.id <= bindparam("edge", type_=ArticleLink.id.type),
        or_(
            _STATUS.in_((*REACHED, "suppressed")),
            and_(
                _STATUS == "failed", _ended_at < bindparam("long_ago", type_=OutboundMessage.finished_at.type)
            ),
        ),
    )
)
_LINK: Any = ArticleLink.__table__
_TAKE = (
    update(_LINK)
    .where(sets.among(_LINK.c.id, "links"), _LINK.c.settled_at.is_(None))
    .values(settled_at=bindparam("now", type_=ArticleLink.settled_at.type))
    .returning(_LINK.c.id)
)
_SENT: Any = ArticleSent.__table__
_WRITE = insert(_SENT).from_select(
    ["id", "patient_id", "article_id", "revision_id", "topic", "sent_at"],
    select(
        ArticleLink.id,
        ArticleLink.patient_id,
        ArticleLink.article_id,
        ArticleRevision.id,
        ArticleLink.topic,
        _ended_at,
    )
    .join(OutboundMessage, _CARRIED)
    .outerjoin(_ON, _WENT_ON)
    .outerjoin(
        ArticleRevision,
        and_(
            ArticleRevision.article_id == ArticleLink.article_id,
            ArticleRevision.number == ArticleLink.revision,
        ),
    )
    .where(sets.among(ArticleLink.id, "links"), _STATUS.in_(REACHED)),
    include_defaults=False,
)


class SentWriter:
    """Runs beside the workers."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database, self._clock = database, clock
        self._after = FIRST

    async def run(self) -> None:
        await rounds("reading.sent_failed", EVERY, self.round)

    async def round(self) -> int:
        """Settle links whose message has ended, from where the last round stopped; how many. Goes on while there are many."""
        done = 0
        while True:
            async with self._database.read("links that wait") as session:
                edge = await session.scalar(_EDGE, {"after": self._after})
                values = {
                    "after": self._after,
                    "edge": edge or LAST,
                    "long_ago": self._clock.now() - SENT_AGAIN,
                }
                ended = (await session.scalars(_ENDED, values)).all()
            for start in range(0, len(ended), BATCH):
                async with self._database.write("articles sent") as session:
                    done += await self._settle(session, ended[start : start + BATCH])
            self._after = edge or FIRST
            if edge is None or len(ended) < BATCH:
                return done

    async def _settle(self, session: AsyncSession, ended: Sequence[UUID]) -> int:
        """What another worker took meanwhile is left alone."""
        taken = await session.scalars(_TAKE, {"links": ended, "now": self._clock.now()})
        mine = taken.all()
        if mine:
            await session.execute(_WRITE, {"links": mine})
        return len(mine)
