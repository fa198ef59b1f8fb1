"""How fast a vendor's account may be used: messages a second, shared by all processes through Redis where there is one.

A moving window of one second (the `limits` library). Bulk leaves a share of it to conversation, which is never starved.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from limits import RateLimitItemPerSecond
from limits.aio.storage import MemoryStorage, RedisStorage, Storage
from limits.aio.strategies import MovingWindowRateLimiter

from channels.outbox.jobs import SenderKey

CONVERSATION_SHARE = 0.25
"""Part of an account's rate, and of the places in hand, that bulk leaves free; ours."""
LOOK_AGAIN = 0.05
"""Seconds between two looks while the rate is used up."""
PATIENCE = 20.0
"""Seconds after which a message leaves although the rate is used up: its lease must not run out. The vendor says no then."""


class Rates:
    """`per_second` by account; what is not there is not limited."""

    def __init__(self, per_second: Mapping[SenderKey, int] | None = None, redis_url: str = "") -> None:
        self._items = {
            key: RateLimitItemPerSecond(rate, namespace="banyi")
            for key, rate in (per_second or {}).items()
            if rate > 0
        }
        storage: Storage = (
            RedisStorage(f"async+{redis_url}", implementation="redispy") if redis_url else MemoryStorage()
        )
        self._storage = storage
        self._limiter = MovingWindowRateLimiter(storage)

    async def places(self) -> dict[str, tuple[int, int]]:
        """How many messages of each limited account (`channel/account`) may leave now: of conversation, and of bulk."""
        found = {}
        for key, item in self._items.items():
            left = (await self._limiter.get_window_stats(item, *key)).remaining
            found["/".join(key)] = (left, max(0, left - reserve(item.amount)))
        return found

    async def wait(self, key: SenderKey) -> None:
        """Count one message against its account's rate; waits until it is within it."""
        item = self._items.get(key)
        if item is None:
            return
        loop = asyncio.get_running_loop()
        end = loop.time() + PATIENCE
        while not await self._limiter.hit(item, *key) and loop.time() < end:
            await asyncio.sleep(LOOK_AGAIN)

    async def clear(self) -> None:
        """Forget what was counted (after a restart of the vendor's own counters, and in tests)."""
        for key, item in self._items.items():
            await self._limiter.clear(item, *key)

    async def close(self) -> None:
        """Let go of Redis."""
        client: Any = getattr(getattr(self._storage, "bridge", None), "storage", None)
        if client is not None:
            await client.aclose()


def reserve(places: int) -> int:
    """How many of `places` bulk leaves to conversation: none of a single one."""
    return max(1, round(places * CONVERSATION_SHARE)) if places > 1 else 0
