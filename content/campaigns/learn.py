"""Thompson sampling: which text is read, learned while it is sent (Thompson, Biometrika 25, 1933; Chapelle and Li, NIPS 2011).

For each arm there is a Beta(1 + successes, 1 + trials - successes). The next recipients are shared out by how often each arm is the
best of draws from these; no arm falls below `LEAST`, so that a slow start is not the end of it. Only patients who agreed to have
their reading kept (`tracking`) are counted: of the others nobody knows.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from random import Random
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, and_, case, exists, func, or_, select, true
from sqlalchemy.ext.asyncio import AsyncSession

from care.consents.models import ConsentNow, Purpose
from content.campaigns.errors import say
from content.campaigns.kinds import Goal
from content.campaigns.models import Campaign, CampaignRecipient, CampaignVariant
from content.reading.models import ArticleRead

DRAWS = 2_000
LEAST = 0.05
WAIT = timedelta(hours=24)
"""Who has not read it by then counts as one who did not; most open within the day."""
EVERY = timedelta(minutes=5)
EARLY = 20
"""Trials below which nothing is claimed."""
_ROW: Any = CampaignRecipient.__table__


def chances(arms: Sequence[tuple[int, int]], seed: str) -> list[float]:
    """How likely each arm is the best, by its (trials, successes); the same for the same seed."""
    chance = Random(seed)
    wins = [0] * len(arms)
    for _ in range(DRAWS):
        drawn = [chance.betavariate(1 + good, 1 + max(0, tried - good)) for tried, good in arms]
        wins[drawn.index(max(drawn))] += 1
    return [won / DRAWS for won in wins]


def shares(arms: Sequence[tuple[int, int]], seed: str) -> list[float]:
    """What part of the next recipients each arm gets; they add up to 1."""
    floor = min(LEAST, 1 / len(arms))
    free = 1 - floor * len(arms)
    return [floor + free * one for one in chances(arms, seed)]


async def learn(session: AsyncSession, row: Campaign, now: datetime) -> None:
    """Count anew what came of the arms and share out accordingly; no more often than `EVERY`."""
    arms = await _arms(session, row.id)
    if not arms or any(one.learned_at is not None and one.learned_at + EVERY > now for one in arms):
        return
    found = {arm: (tried, good) for arm, tried, good in await session.execute(_counting(row, now))}
    results = [found.get(one.arm, (0, 0)) for one in arms]
    seed = f"{row.id}/{sum(tried for tried, _ in results)}"
    for one, (tried, good), share in zip(arms, results, shares(results, seed), strict=True):
        one.trials, one.successes, one.share, one.learned_at = tried, good, share, now
    await session.flush()


async def _arms(session: AsyncSession, campaign_id: UUID) -> Sequence[CampaignVariant]:
    wanted = select(CampaignVariant).where(CampaignVariant.campaign_id == campaign_id)
    return (await session.scalars(wanted.order_by(CampaignVariant.arm))).all()


def _counting(row: Campaign, now: datetime) -> Any:
    reached = _reached(Goal(row.goal))
    counted = exists().where(
        ConsentNow.subject_id == _ROW.c.patient_id,
        ConsentNow.purpose == Purpose.TRACKING,
        ConsentNow.granted == true(),
    )
    return (
        select(_ROW.c.arm, func.count(), func.sum(case((reached, 1), else_=0)))
        .where(
            _ROW.c.campaign_id == row.id,
            _ROW.c.state.in_(("sent", "delivered")),
            counted,
            or_(_ROW.c.settled_at <= now - WAIT, reached),
        )
        .group_by(_ROW.c.arm)
    )


def _reached(goal: Goal) -> ColumnElement[bool]:
    read = and_(
        ArticleRead.campaign_id == _ROW.c.campaign_id,
        ArticleRead.patient_id == _ROW.c.patient_id,
        ArticleRead.arm == _ROW.c.arm,
    )
    match goal:
        case Goal.FINISHED:
            return exists().where(read, ArticleRead.finished_at.is_not(None))
        case Goal.HELPFUL:
            return exists().where(read, ArticleRead.helpful == true())
        case Goal.OPENED:
            return exists().where(read)


def explain(row: Campaign, arms: Sequence[CampaignVariant]) -> list[str]:
    """The state in sentences a doctor follows, the conclusion first."""
    trials = sum(one.trials for one in arms)
    goal = say("goals", row.goal)
    if not trials:
        return [say("learning", "none"), say("learning", "untracked")]
    lines = [
        say(
            "learning",
            "arm",
            arm=one.arm.upper(),
            trials=one.trials,
            successes=one.successes,
            goal=goal,
            share=_percent(one.share),
        )
        for one in arms
    ]
    if trials < EARLY:
        return [say("learning", "early", trials=trials), *lines, say("learning", "untracked")]
    likely = chances([(one.trials, one.successes) for one in arms], str(row.id))
    best = max(range(len(arms)), key=likely.__getitem__)
    leads = say(
        "learning",
        "leads",
        arm=arms[best].arm.upper(),
        goal=goal,
        rate=_percent(arms[best].successes / max(1, arms[best].trials)),
        chance=_percent(likely[best]),
        share=_percent(arms[best].share),
    )
    return [leads, *lines, say("learning", "untracked")]


def _percent(part: float) -> str:
    return f"{part:.0%}"
