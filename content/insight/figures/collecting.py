"""All figures of a period, a part at a time."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime

from content.faq.questions import service as asked
from content.insight.figures import articles, campaigns, lost, plans, surveys, talks, visits
from content.insight.figures.rows import Figures
from content.insight.period import Period
from store.database import Database

PARTS = 6
Progress = Callable[[int], Awaitable[None]]
"""Hears after each part how many of `PARTS` are done."""


async def collect(database: Database, period: Period, now: datetime, done: Progress) -> Figures:
    """Each part reads in a session of its own: on SQLite one long reader would keep the log from being cut."""
    made = Figures()
    async with database.read("insight campaigns") as session:
        made.reached = await campaigns.reached(session, period, now)
    await done(1)
    async with database.read("insight articles") as session:
        made.articles = await articles.articles(session, period)
    await done(2)
    async with database.read("insight visits") as session:
        made.visits = await visits.visits(session, period)
        made.lost = await lost.lost(session, period)
        made.plans = await plans.plans(session, period)
        made.touches = await plans.touches(session, period)
        made.surveys = await surveys.surveys(session, period)
        made.marks = await surveys.marks(session, period)
    await done(3)
    async with database.read("insight talks") as session:
        made.talks = await talks.talks(session, period)
    await done(4)
    async with database.read("insight desk") as session:
        made.waits = await talks.waits(session, period)
        made.grumbles = await talks.grumbles(session, period)
    await done(5)
    async with database.read("insight questions") as session:
        made.questions = await talks.questions(session, period)
        states = await asked.counts(session)
    made.open_questions, made.answered_questions = states["open"], states["answered"]
    await done(PARTS)
    return made
