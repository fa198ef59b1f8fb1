"""Asking the engine, with no session open: one turn, or one for each half of a message with two requests."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager, nullcontext
from typing import Any
from uuid import UUID

import structlog

from bot import two_requests
from bot.engine_client import EmptyTurn, EngineAnswer, EngineClient
from bot.plan import Plan, engine_text
from channels.contacts.models import Contact
from channels.inbox.models import InboundMessage
from channels.inbox.queue import Claimed
from channels.wechat.typing import Typing

log = structlog.get_logger(__name__)

EMPTY_TURNS = 2
"""How often a turn in which an action failed is given again before people take it."""


class Asker:
    """`typing` shows WeChat's patients that an answer is on its way."""

    def __init__(self, engine: EngineClient, typing: Typing | None = None) -> None:
        self._engine = engine
        self._typing = typing

    async def ask(
        self, claimed: Claimed, message: InboundMessage, plan: Plan, *, retry: bool
    ) -> EngineAnswer | None:
        """The engine's answer, or None when it has nothing to say after `EMPTY_TURNS` tries: people take over then.

        Raises `EngineUnavailable`.
        """
        if plan.engine is None:
            return None
        text, metadata = plan.engine
        halves = await self._two(text, plan)
        if halves is None:
            return await self._turn(claimed, text, metadata, message.id, retry=retry)
        metadata = {**metadata, "half": True}
        aside = None
        if halves.aside is not None:
            given = {**metadata, "text": engine_text(halves.aside)}
            aside_id = two_requests.aside_id(message.id)
            aside = await self._turn(claimed, given["text"], given, aside_id, retry=retry)
        given = {**metadata, "text": engine_text(halves.main)}
        main = await self._turn(claimed, given["text"], given, message.id, retry=retry)
        return two_requests.together(halves, main, aside, plan.asked) if main is not None else None

    async def _two(self, text: str, plan: Plan) -> two_requests.Halves | None:
        """The two requests of a message, when the engine is sure of both. Raises `EngineUnavailable`."""
        if plan.halves is None:
            return None
        heard = await self._engine.understand([engine_text(half) for half in plan.halves])
        return two_requests.plan(text, plan.halves, heard, in_form=plan.asked is not None)

    async def _turn(
        self, claimed: Claimed, text: str, metadata: dict[str, Any], inbound_id: UUID, *, retry: bool
    ) -> EngineAnswer | None:
        metadata = {**metadata, "inbound_id": str(inbound_id)}
        for attempt in range(EMPTY_TURNS):
            metadata["retry"] = retry or attempt > 0
            try:
                async with self._thinking(claimed.contact):
                    return await self._engine.turn(
                        claimed.conversation.engine_id,
                        text,
                        metadata,
                        retry=retry or attempt > 0,
                        fresh=attempt > 0,
                    )
            except EmptyTurn as error:
                log.warning("engine.empty_turn", intent=str(error), attempt=attempt + 1)
        return None

    def _thinking(self, contact: Contact) -> AbstractAsyncContextManager[None]:
        return self._typing.while_slow(contact) if self._typing is not None else nullcontext()
