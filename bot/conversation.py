"""One inbound message: looked at, decided, asked about, applied.

The decision is made from what was read (`deciding`); the engine is asked with no session open (`asking`); everything that
follows is applied in one transaction (`applying`).
"""

from __future__ import annotations

import asyncio

from sqlalchemy.ext.asyncio import AsyncSession

from bot.applying import Applier
from bot.asking import Asker
from bot.deciding import Decider
from bot.engine_client import EngineClient
from bot.looking import look_in
from bot.plan import State
from bot.ports import Console, People
from channels.inbox.models import InboundMessage
from channels.inbox.queue import Claimed
from channels.wechat.typing import Typing
from language.screen import Ear, screen
from store.clock import Clock
from store.database import Database


class ConversationHandler:
    """The four steps over the house's parts. One instance a process."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        engine: EngineClient,
        people: People,
        *,
        hears: bool = False,
        console: Console | None = None,
        typing: Typing | None = None,
        ear: Ear | None = None,
    ) -> None:
        """`hears`: voices are written down by a transcriber; otherwise patients are asked to type. `ear`: the sentence model."""
        self._ear = ear
        self._database = database
        self._clock = clock
        self._people = people
        self.decide = Decider(clock, hears=hears, console=console).decide
        self.ask = Asker(engine, typing).ask
        self.apply = Applier(clock, people).apply

    async def look(self, claimed: Claimed, message: InboundMessage) -> State:
        """Read what the decision needs, in a session of its own."""
        async with self._database.read("conversation-look") as session:
            return (await self.look_in(session, [(claimed, message)]))[0]

    async def listen(self, message: InboundMessage, state: State) -> None:
        """Screen the message in a thread: tens of milliseconds for a long one."""
        if message.kind != "event" and message.text:
            state.found = await asyncio.to_thread(screen, message.text, self._ear)

    async def look_in(
        self, session: AsyncSession, turns: list[tuple[Claimed, InboundMessage]]
    ) -> list[State]:
        """As `look`, for several conversations in the caller's session: a handful of statements for all."""
        return await look_in(session, self._people, self._clock, turns)
