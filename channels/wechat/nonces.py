"""Which body came with a nonce: for plain mode, whose signature does not cover the body.

WeChat's own retry brings the same body and is judged by its MsgId; another body under a used nonce is a forgery. In a scaled
installation the memory is shared in Redis: a captured signature must not serve at the process next door either.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from typing import Any, Protocol

from redis.asyncio import Redis
from redis.exceptions import RedisError

LIFETIME = 600
"""Seconds a nonce is remembered: twice the 300 s a timestamp may differ, before and after."""


class Nonces(Protocol):
    async def reused(self, account: str, timestamp: str, nonce: str, body: bytes, now: float) -> bool:
        """Whether the nonce came before with another body; remembers it otherwise."""
        ...


class MemoryNonces:
    """Of one process; bounded."""

    def __init__(self, lifetime: float = LIFETIME, size: int = 50_000) -> None:
        self._seen: OrderedDict[tuple[str, str, str], tuple[float, bytes]] = OrderedDict()
        self._lifetime = lifetime
        self._size = size

    async def reused(self, account: str, timestamp: str, nonce: str, body: bytes, now: float) -> bool:
        while self._seen and (
            len(self._seen) >= self._size or next(iter(self._seen.values()))[0] < now - self._lifetime
        ):
            self._seen.popitem(last=False)
        key = (account, timestamp, nonce)
        digest = hashlib.sha256(body).digest()
        known = self._seen.setdefault(key, (now, digest))
        return known[1] != digest


class RedisNonces:
    """Shared by every process. While Redis is away each process judges by its own memory: no message is lost for it."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._own = MemoryNonces()

    async def reused(self, account: str, timestamp: str, nonce: str, body: bytes, now: float) -> bool:
        digest = hashlib.sha256(body).hexdigest().encode()
        key = "banyi:wechat:nonce:" + hashlib.sha256(f"{account}\0{timestamp}\0{nonce}".encode()).hexdigest()
        here = await self._own.reused(account, timestamp, nonce, body, now)
        try:
            known: Any = await self._redis.set(key, digest, ex=LIFETIME, nx=True, get=True)
        except (RedisError, OSError):
            return here
        return here or (known is not None and bytes(known) != digest)
