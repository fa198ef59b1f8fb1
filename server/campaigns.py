"""Campaigns in the house: the worker that runs them, and SMS templates of articles."""

from __future__ import annotations

from content.articles import texts
from content.campaigns.runner import Runner
from server.outbound import Outbound
from server.settings import Settings
from server.templates import Templates
from server.work import Job
from store.clock import Clock
from store.database import Database
from store.rounds import rounds

TEMPLATES_EVERY = 30.0
"""Seconds between two looks for articles whose short text is not registered yet."""


class ArticleTemplates:
    """Has the short texts of articles registered as SMS templates when they change."""

    def __init__(self, database: Database, clock: Clock, templates: Templates) -> None:
        self._database, self._clock, self._templates = database, clock, templates
        self._seen: texts.Mark | None = None

    async def run(self) -> None:
        await rounds("campaigns.templates_failed", TEMPLATES_EVERY, self.round)

    async def round(self) -> None:
        async with self._database.read("articles-mark") as session:
            mark = await texts.mark(session, self._clock.local().date())
        if mark != self._seen:
            await self._templates.sync()
            self._seen = mark


def campaign_jobs(
    settings: Settings, database: Database, clock: Clock, outbound: Outbound, templates: Templates
) -> list[Job]:
    """Jobs for processes with workers."""
    runner = Runner(database, clock, settings.base, outbound.delivery.wake)
    return [runner.run, ArticleTemplates(database, clock, templates).run]
