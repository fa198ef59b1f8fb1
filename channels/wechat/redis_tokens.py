"""The access token in Redis: every process of a scaled installation reads it there, one at a time refreshes it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import orjson
from redis.asyncio import Redis

from channels.wechat.token import StoredToken
from store import crypto

LOCK_SECONDS = 20.0
"""A refresher that died frees the lock after this long."""


class RedisTokenStore:
    """Implements `TokenStore`. The token is sealed: whoever reads Redis cannot speak for the hospital."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    async def get(self, account_id: str) -> StoredToken | None:
        sealed: Any = await self._redis.get(self._key(account_id))
        if sealed is None:
            return None
        try:
            raw = orjson.loads(crypto.keyring().open(bytes(sealed), self._key(account_id)))
        except crypto.CryptoError:
            return None  # sealed under a key that is gone: fetch a new one
        return StoredToken(value=raw["value"], expires_at=raw["expires_at"], fetched_at=raw["fetched_at"])

    async def put(self, account_id: str, token: StoredToken) -> None:
        raw = {"value": token.value, "expires_at": token.expires_at, "fetched_at": token.fetched_at}
        sealed = crypto.keyring().seal(orjson.dumps(raw), self._key(account_id))
        await self._redis.set(self._key(account_id), sealed, ex=7200)

    @asynccontextmanager
    async def lock(self, account_id: str) -> AsyncIterator[None]:
        async with self._redis.lock(
            f"{self._key(account_id)}:lock", timeout=LOCK_SECONDS, blocking_timeout=LOCK_SECONDS
        ):
            yield

    @staticmethod
    def _key(account_id: str) -> str:
        return f"banyi:wechat:token:{account_id}"
