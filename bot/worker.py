"""The inbox worker: leases conversations, handles their messages in order, many conversations at once."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import structlog
from prometheus_client import Counter, Histogram
from sqlalchemy.ext.asyncio import AsyncSession

from bot.alarms import urgent
from bot.applying import after_the_line
from bot.conversation import ConversationHandler
from bot.engine_client import EngineError, EngineUnavailable
from bot.plan import State
from bot.ports import People
from channels.inbox import queue
from channels.inbox.models import InboundMessage
from channels.inbox.queue import Claimed, LeaseLost
from channels.outbox import service as outbox
from channels.reply import Reply
from store import claiming
from store.clock import Clock
from store.database import Database

log = structlog.get_logger(__name__)

HANDLED = Counter("banyi_handled_total", "Inbound messages handled, by end", ["end"])
WAIT_SECONDS = Histogram(
    "banyi_handle_seconds",
    "Seconds from stored to answered rows",
    buckets=(0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 30),
)

MAX_ATTEMPTS = 3
MAX_ENGINE_ERRORS = 6
"""An engine that is there and fails this often at one message hands it to people, or the conversation would wait for ever."""
ENGINE_RETRY = (1.0, 2.0, 5.0, 10.0)
"""Seconds until a conversation is tried again while the engine is away; that is nobody's fault and never ends in a dead letter."""

Turn = tuple[Claimed, State | None]
"""A conversation in hand, and what its first message needs to know."""


class InboxWorker:
    """`delivery_wake` is called when replies were queued."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        handler: ConversationHandler,
        people: People,
        delivery_wake: Callable[[], None] = lambda: None,
        concurrency: int = 16,
    ) -> None:
        self._database = database
        self._clock = clock
        self._handler = handler
        self._people = people
        self._delivery_wake = delivery_wake
        self._engine_failures = 0
        self._loop = claiming.ClaimLoop(
            "inbox", due=self._due, claim=self._claim, work=self._conversation, concurrency=concurrency
        )

    def wake(self) -> None:
        """Something was stored: look now, without asking first whether there is anything."""
        self._loop.wake()

    async def run(self, poll: float = 0.5) -> None:
        """Work for ever. A failure of the loop itself is logged and does not end it."""
        await self._loop.run(poll)

    async def drain(self) -> None:
        """Wait for the conversations in hand (at shutdown)."""
        await self._loop.drain()

    async def run_once(self) -> int:
        """Handle what is due now; how many conversations were. For tests and commands."""
        return await self._loop.run_once()

    async def _due(self) -> bool:
        async with self._database.read("inbox-peek") as session:
            return await queue.due(session, self._clock.now())

    async def _claim(self, limit: int) -> claiming.Claimed[Turn]:
        """Lease due conversations, and read what their first message needs in the same transaction."""
        now = self._clock.now()

        async def work(session: AsyncSession) -> list[Turn]:
            claimed = await queue.claim(session, now, limit)
            turns = [(one, one.messages[0]) for one in claimed if one.messages]
            states = await self._handler.look_in(session, turns) if turns else []
            first = {one.conversation.id: state for (one, _), state in zip(turns, states, strict=True)}
            return [(one, first.get(one.conversation.id)) for one in claimed]

        return claiming.Claimed(await self._database.transact(work, "inbox-claim"))

    async def _conversation(self, turn: Turn) -> bool:
        """Handle what waits in one conversation. It wakes the loop itself when more does."""
        claimed, first = turn
        try:
            if not claimed.messages:
                await self._nothing_waits(claimed)
                return False
            read_for = claimed.messages[0]
            waiting = await _urgent_first(claimed.messages)
            for n, message in enumerate(waiting):
                last = n == len(waiting) - 1
                claimed.behind = waiting[n + 1 :]
                state = first if n == 0 and message is read_for else None
                if not await self._message(claimed, message, state, last=last):
                    if claimed.hurry:
                        self.wake()
                    return False
            if claimed.more:
                self.wake()
        except LeaseLost:
            log.warning("inbox.lease_lost", conversation=str(claimed.conversation.id))
        except Exception:
            # Not even the failure could be recorded (the database is away): the lease runs out and another look is taken.
            log.exception("inbox.conversation_failed", conversation=str(claimed.conversation.id))
        return False

    async def _nothing_waits(self, claimed: Claimed) -> None:
        async def work(session: AsyncSession) -> None:
            await queue.give_back(session, claimed, None)

        await self._database.transact(work, "inbox-idle")

    async def _message(
        self, claimed: Claimed, message: InboundMessage, state: State | None, *, last: bool
    ) -> bool:
        """Handle one message; False when the rest of the conversation must wait. `state` if it was read already."""
        retry = message.attempts > 0 or claimed.conversation.attempts > 1
        message.attempts += 1
        try:
            state = state or await self._handler.look(claimed, message)
            await self._handler.listen(message, state)
            plan = self._handler.decide(message, claimed.contact, state)
            answer = await self._handler.ask(claimed, message, plan, retry=retry)
        except EngineUnavailable as error:
            if isinstance(error, EngineError):
                if message.attempts >= MAX_ENGINE_ERRORS:
                    return await self._failed(claimed, message, type(error).__name__, last=last)
            else:
                # That the engine is away is not the message's fault; 1 still says that it may have been given.
                message.attempts = max(1, message.attempts - 1)
            await self._engine_away(claimed, message, str(error))
            return False
        except Exception as error:
            log.exception("inbox.message_failed", inbound=str(message.id), attempt=message.attempts)
            return await self._failed(claimed, message, type(error).__name__, last=last)
        self._engine_failures = 0

        async def work(session: AsyncSession) -> None:
            now = self._clock.now()
            await self._handler.apply(session, claimed, message, state, plan, answer, now, last=last)

        try:
            await self._database.transact(work, "turn-apply")
        except LeaseLost:
            raise
        except Exception as error:
            log.exception("inbox.apply_failed", inbound=str(message.id), attempt=message.attempts)
            return await self._failed(claimed, message, type(error).__name__, last=last)
        HANDLED.labels("answered").inc()
        WAIT_SECONDS.observe(max(0.0, (self._clock.now() - message.received_at).total_seconds()))
        self._delivery_wake()
        return True

    async def _engine_away(self, claimed: Claimed, message: InboundMessage, reason: str) -> None:
        """The patient hears that someone will answer shortly; the message waits."""
        delay = ENGINE_RETRY[min(self._engine_failures, len(ENGINE_RETRY) - 1)]
        self._engine_failures += 1
        log.warning("engine.unavailable", reason=reason, retry_in=delay)
        claimed.hurry = any(await urgent(claimed.behind))

        async def work(session: AsyncSession) -> None:
            now = self._clock.now()
            await outbox.enqueue(
                session,
                claimed.conversation,
                Reply("common.please_wait"),
                dedup_key=f"wait:{message.id}",
                purpose="reply",
                now=now,
                due_at=after_the_line(message, now),
                inbound_id=message.id,
            )
            await queue.give_back(session, claimed, now + timedelta(seconds=delay), message)

        await self._database.transact(work, "engine-away")
        HANDLED.labels("waiting").inc()
        self._delivery_wake()

    async def _failed(self, claimed: Claimed, message: InboundMessage, reason: str, *, last: bool) -> bool:
        """Try again later, or after `MAX_ATTEMPTS` hand the message to people and go on with the next."""
        dead = message.attempts >= MAX_ATTEMPTS
        claimed.hurry = not dead and any(await urgent(claimed.behind))

        async def work(session: AsyncSession) -> None:
            now = self._clock.now()
            if not dead:
                await queue.give_back(session, claimed, now + timedelta(seconds=message.attempts), message)
                return
            message.dead_reason = reason[:200]
            reply = await self._people.call_a_person(
                session,
                conversation=claimed.conversation,
                contact=claimed.contact,
                inbound_id=message.id,
                now=now,
            )
            await outbox.enqueue(
                session,
                claimed.conversation,
                reply,
                dedup_key=f"dead:{message.id}",
                purpose="reply",
                now=now,
                due_at=after_the_line(message, now),
                inbound_id=message.id,
            )
            await queue.finish(session, claimed, message, now, last=last, status="dead")

        await self._database.transact(work, "inbox-failed")
        HANDLED.labels("dead" if dead else "retry").inc()
        self._delivery_wake()
        return dead


async def _urgent_first(messages: list[InboundMessage]) -> list[InboundMessage]:
    """In order; only behind a message that failed before, an emergency waits no longer."""
    if len(messages) == 1 or not messages[0].attempts:
        return messages
    hurry = await urgent(messages)
    return [one for _, one in sorted(zip(hurry, messages, strict=True), key=lambda pair: not pair[0])]
