"""One access token shared by every process.

WeChat's stable token (https://developers.weixin.qq.com/doc/service/api/base/api_getstableaccesstoken) stays
the same until its last five minutes; a new one leaves the old valid for five more.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from typing import Protocol

from store.clock import Clock

LOCAL_SECONDS = 60.0
"""Longest a process trusts its own copy."""
REFRESH_BEFORE = 600.0
"""Seconds of life left at which the token is fetched anew."""
REFETCH_PAUSE = 5.0
"""A token fetched this recently is not fetched again because a call refused it."""


@dataclass(frozen=True, slots=True)
class StoredToken:
    """A token with its end and when it was fetched (both seconds since 1970)."""

    value: str = field(repr=False)
    expires_at: float
    fetched_at: float


class TokenStore(Protocol):
    """Where the processes of one installation share a token. `lock` lets one of them refresh at a time."""

    async def get(self, account_id: str) -> StoredToken | None: ...

    async def put(self, account_id: str, token: StoredToken) -> None: ...

    def lock(self, account_id: str) -> AbstractAsyncContextManager[None]: ...


class MemoryTokenStore:
    """For one process."""

    def __init__(self) -> None:
        self._tokens: dict[str, StoredToken] = {}
        self._locks: dict[str, asyncio.Lock] = {}

    async def get(self, account_id: str) -> StoredToken | None:
        return self._tokens.get(account_id)

    async def put(self, account_id: str, token: StoredToken) -> None:
        self._tokens[account_id] = token

    @asynccontextmanager
    async def lock(self, account_id: str) -> AsyncIterator[None]:
        async with self._locks.setdefault(account_id, asyncio.Lock()):
            yield


Fetch = Callable[[], Awaitable[StoredToken]]


class TokenKeeper:
    """Gives the current token, fetching through `fetch` only under the store's lock."""

    def __init__(self, account_id: str, store: TokenStore, fetch: Fetch, clock: Clock) -> None:
        self._account_id = account_id
        self._store = store
        self._fetch = fetch
        self._clock = clock
        self._local: StoredToken | None = None
        self._read_at = float("-inf")

    async def current(self) -> str:
        """A token with life left. Raises what `fetch` raises when there is none to fall back on."""
        now = self._now()
        token = self._local
        if (
            token is not None
            and 0 <= now - self._read_at < LOCAL_SECONDS
            and now < token.expires_at - REFRESH_BEFORE
        ):
            return token.value
        token = await self._store.get(self._account_id)
        if token is None or now >= token.expires_at - REFRESH_BEFORE:
            token = await self._refresh(token)
        return self._keep(token)

    async def replace(self, refused: str) -> str | None:
        """Another token than `refused`, or the same one fetched anew; `None` when it was fetched seconds
        ago."""
        token = await self._store.get(self._account_id)
        if token is None or token.value == refused:
            if token is not None and self._now() - token.fetched_at < REFETCH_PAUSE:
                return None
            self._local = None
            token = await self._refresh(token, refused)
        return self._keep(token)

    async def _refresh(self, known: StoredToken | None, refused: str = "") -> StoredToken:
        async with self._store.lock(self._account_id):
            token = await self._store.get(self._account_id)
            if token is not None and token != known and token.value != refused:
                return token
            try:
                fresh = await self._fetch()
            except Exception:
                if token is not None and token.value != refused and self._now() < token.expires_at:
                    return token
                raise
            await self._store.put(self._account_id, fresh)
            return fresh

    def _keep(self, token: StoredToken) -> str:
        self._local, self._read_at = token, self._now()
        return token.value

    def _now(self) -> float:
        return self._clock.now().timestamp()

    def age(self) -> float | None:
        """Seconds since the token in use was fetched, for the health page."""
        return None if self._local is None else self._now() - self._local.fetched_at
