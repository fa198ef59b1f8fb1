"""What is published, at hand for every turn: welcome texts and keyword replies by account, read again when they change."""

from __future__ import annotations

from collections.abc import Mapping

import structlog

from channels.wechat.console import service
from channels.wechat.console.content import Content, answer_to
from store.database import Database
from store.rounds import rounds

log = structlog.get_logger(__name__)


class LiveConsole:
    """Empty until `refresh` has run: then nothing is said that was not published."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._live: Mapping[str, Content] = {}

    def welcome(self, account_id: str) -> str | None:
        """The welcome text staff wrote, or None for the house's own."""
        content = self._live.get(account_id)
        return content.welcome.strip() or None if content is not None else None

    def keyword_reply(self, account_id: str, text: str) -> str | None:
        content = self._live.get(account_id)
        return answer_to(content, text) if content is not None else None

    async def refresh(self) -> None:
        async with self._database.read("console") as session:
            rows = await service.all_published(session)
        self._live = {row.account_id: service.content_of(row) for row in rows}

    async def run(self, every: float = 10.0) -> None:
        """Look again now and then: another process may have published."""
        await rounds("console.refresh_failed", every, self.refresh)
