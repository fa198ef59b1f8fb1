"""How often something may be done: counted in memory, or in Redis where several processes share the counts."""

from __future__ import annotations

from limits import parse
from limits.aio.strategies import MovingWindowRateLimiter
from limits.storage import storage_from_string


class Limits:
    """`storage_url`: `memory://` or `redis://…`."""

    def __init__(self, storage_url: str = "memory://") -> None:
        options = {"implementation": "redispy"} if storage_url.startswith("redis") else {}
        self._limiter = MovingWindowRateLimiter(storage_from_string(f"async+{storage_url}", **options))

    async def allow(self, limit: str, *key: str) -> bool:
        """Count this under `key`; False when there were more than `limit` (`30/minute`) of it."""
        return await self._limiter.hit(parse(limit), *key)
