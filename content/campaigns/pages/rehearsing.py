"""Dry runs that may take longer than a request should: begun once, asked after until they are there."""

from __future__ import annotations

from functools import partial
from uuid import UUID

from content.campaigns import dryrun
from content.campaigns.dryrun import DryRun, Rehearsal
from store.database import Database
from web.aside import Aside

KEPT = 60.0
"""Seconds a result is shown again, and after which one nobody asks for is given up."""


class DryRuns:
    """The dry runs of one process's pages, one at a time: each looks at everybody."""

    def __init__(self, database: Database, rehearsal: Rehearsal) -> None:
        self._database, self._rehearsal = database, rehearsal
        self._aside = Aside[DryRun](KEPT, at_once=1)
        self.run = self._aside.run

    async def ask(
        self, campaign_id: UUID, version: int, patience: float, *, again: bool = False
    ) -> DryRun | float:
        """The result for that version of the campaign, or after `patience` seconds the seconds it has run. Raises what it raised.

        `again`: not one that was there before.
        """
        work = partial(self._run, campaign_id)
        return await self._aside.ask((campaign_id, version), work, patience, again=again)

    async def _run(self, campaign_id: UUID) -> DryRun:
        async with self._database.read("campaign dry run") as session:
            return await dryrun.run(session, campaign_id, self._rehearsal)
