"""One campaign's turn: make due launches, write a launch's recipients down, queue messages as far as the outbox takes them, copy
outcomes back, look for the end. Each step is a transaction of its own, a few seconds in all."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import timedelta
from time import monotonic
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from content.audiences import service as audiences
from content.audiences.day import Day
from content.campaigns import dispatch, ending, late, launching, learn, occasions, personal, settle, times
from content.campaigns.kinds import Choosing, Kind, State
from content.campaigns.models import Campaign, CampaignLaunch
from store import leases
from store.clock import Clock
from store.database import Database, after_commit

SLOW = timedelta(minutes=1)
"""Between two wider looks: for late reports, for what was learned."""


TURN = 5.0
"""Seconds one campaign is worked on before the next one's turn."""
SHARE = 20
"""Recipients are counted, and late reports looked for, no more often than that it takes one part in so many of the time."""


@dataclass(slots=True)
class Worker:
    """What a turn works with. `base`: how the world reaches us. `wake`: called when messages were queued. `turn`: seconds a campaign
    is worked on at a time."""

    database: Database
    clock: Clock
    base: str
    wake: Callable[[], None] = lambda: None
    turn: float = TURN
    lease: timedelta = leases.DEFAULT_LEASE
    rests: dict[tuple[str, UUID], float] = field(default_factory=dict)
    """By what is done and campaign, the moment (`monotonic`) from which on it is done again."""

    def may(self, what: str, campaign_id: UUID) -> bool:
        return monotonic() >= self.rests.get((what, campaign_id), 0.0)

    def did(self, what: str, campaign_id: UUID, begun: float) -> None:
        """It began at `begun` and is done now: what takes long is done more seldom."""
        now = monotonic()
        self.rests[what, campaign_id] = now + SHARE * (now - begun)


@dataclass(slots=True)
class Turn:
    """Under one lease. A pause or an abort meanwhile is seen at the next step: each reads the campaign under a lock."""

    worker: Worker
    id: UUID
    token: UUID
    began: float = field(default_factory=monotonic)
    _wide: bool = False

    async def work(self) -> None:
        async with self.worker.database.read("campaign") as session:
            row = await session.get_one(Campaign, self.id)
        if row.state == State.RUNNING:
            await self._steps("campaign-plan", self._plan)
            await self._steps("campaign-launch", self._launch)
            await self._steps("campaign-dispatch", self._dispatch)
        elif row.state == State.ABORTED:
            await self._steps("campaign-give-up", self._give_up)
        elif row.state == State.APPROVED:
            await self._steps("campaign-forget", self._forget)
        await self._settle()
        await self._steps("campaign-end", self._end)

    async def _steps(self, doing: str, step: Callable[[AsyncSession, Campaign], Awaitable[bool]]) -> None:
        """Once, and again while it says that there is more and the turn lasts."""
        more = True
        while more:
            async with self.worker.database.write(doing) as session:
                row = await session.get_one(Campaign, self.id, with_for_update=True)
                more = await step(session, row)
                if doing != "campaign-end":
                    await leases.extend(session, Campaign, self.token, self.worker.lease)
            more = more and monotonic() - self.began < self.worker.turn

    async def _plan(self, session: AsyncSession, row: Campaign) -> bool:
        """What was learned, the next launch of an audience, or entries by events and dates."""
        clock = self.worker.clock
        now = clock.now()
        outside = (row.end_at is not None and row.end_at <= now) or (
            row.start_at is not None and now < row.start_at
        )
        if row.state != State.RUNNING:
            return False
        if row.choosing == Choosing.THOMPSON:
            await learn.learn(session, row, now)
        if outside:
            return False
        if row.kind == Kind.EVENT:
            await occasions.by_events(session, row, clock)
        elif row.kind == Kind.RELATIVE:
            if ending.looks_at_dates(row, clock) <= now:
                await occasions.by_dates(session, row, clock)
                row.looked_until = now
        elif (launch := await ending.newest(session, row.id)) is None or launch.state == "made":
            due = times.next_due(row, clock, launch.occurrence if launch is not None else 0)
            if due is not None and due[1] <= now:
                await launching.begin(session, row, *due, now)
        return False

    async def _launch(self, session: AsyncSession, row: Campaign) -> bool:
        """The next stretch of recipients, or those who came late."""
        launch = await ending.newest(session, row.id)
        if row.state != State.RUNNING or launch is None:
            return False
        now, day = self.worker.clock.now(), Day.of(self.worker.clock)
        if launch.state == "making":
            if launch.span is None:
                await self._measure(session, launch, day)
                return True
            return await launching.batch(session, row, launch, day, now)
        if late.sweeps(row, launch, now):
            await launching.newcomers(session, row, launch, day, now)
        return False

    async def _measure(self, session: AsyncSession, launch: CampaignLaunch, day: Day) -> None:
        rule = await audiences.rule_of(session, launch.audience_version_id)
        assert rule is not None
        launch.total, launch.span = await launching.measure(session, rule, day)

    async def _dispatch(self, session: AsyncSession, row: Campaign) -> bool:
        count = await dispatch.once(session, row, self.worker.base, self.worker.clock.now())
        if count:
            after_commit(session, self.worker.wake)
        return bool(count)

    async def _give_up(self, session: AsyncSession, row: Campaign) -> bool:
        return bool(await settle.give_up(session, row.id, self.worker.clock.now()))

    async def _forget(self, session: AsyncSession, row: Campaign) -> bool:
        launch = await ending.newest(session, row.id)
        if row.state != State.APPROVED or launch is None:
            return False
        return bool(await settle.forget(session, row.id))

    async def _settle(self) -> None:
        """What became of messages. It is looked for without a lock, and written where there is something."""
        now, begun = self.worker.clock.now(), monotonic()
        async with self.worker.database.read("campaign") as session:
            row = await session.get_one(Campaign, self.id)
            due = row.settled_until is None or row.settled_until + SLOW <= now
            personally = due and await personal.asks(session, row)
        if personally:
            async with self.worker.database.write("campaign-take-back") as session:
                await personal.take_back(session, row, now)
        self._wide = due and self.worker.may("reports", self.id)
        more = True
        while more:
            async with self.worker.database.read("campaign-moved") as session:
                patients = await settle.moved(session, self.id, now, left_too=self._wide)
            if patients:
                async with self.worker.database.write("campaign-settle") as session:
                    await settle.copy(session, self.id, patients, now)
                    await leases.extend(session, Campaign, self.token, self.worker.lease)
            more = len(patients) == settle.BATCH and monotonic() - self.began < self.worker.turn
        if self._wide:
            self.worker.did("reports", self.id, begun)

    async def _end(self, session: AsyncSession, row: Campaign) -> bool:
        """Count, see whether it is over, and give the lease back with the next moment to look."""
        clock = self.worker.clock
        facts = await ending.look(session, row, clock.now())
        if row.state == State.RUNNING:
            await ending.finish_if_over(session, row, facts, clock)
        over = row.state in (State.DONE, State.ABORTED) and not facts.open
        if self._wide:
            row.settled_until = clock.now()
        if over or self.worker.may("count", row.id):
            begun = monotonic()
            row.counts, row.counted_at = await settle.counts(session, row.id), clock.now()
            self.worker.did("count", row.id, begun)
        await session.flush()
        due = ending.next_look(row, facts, clock)
        await leases.release(session, Campaign, row.id, self.token, due_at=due)
        return False
