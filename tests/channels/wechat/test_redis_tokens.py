"""One token for all processes, in a real Redis: sealed there, fetched by one at a time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from redis.asyncio import Redis

from channels.wechat.redis_tokens import RedisTokenStore
from channels.wechat.token import StoredToken, TokenKeeper
from store.clock import VirtualClock
from tests.factories.servers import Valkey


@pytest.fixture
async def redis(valkey: Valkey, keyring: object) -> AsyncIterator[Redis]:
    client = Redis.from_url(valkey.url)
    await client.flushall()
    yield client
    await client.aclose()


async def test_a_token_comes_back_and_lies_sealed_in_redis(redis: Redis, clock: VirtualClock) -> None:
    store = RedisTokenStore(redis)
    assert await store.get("hospital") is None
    token = StoredToken("secret-token-value", clock.now().timestamp() + 7200, clock.now().timestamp())
    await store.put("hospital", token)
    assert await store.get("hospital") == token
    kept = [await redis.get(key) for key in await redis.keys("*")]
    assert kept
    assert all(b"secret-token-value" not in value for value in kept)


async def test_a_token_of_another_account_does_not_open(redis: Redis, clock: VirtualClock) -> None:
    store = RedisTokenStore(redis)
    await store.put("one", StoredToken("t", clock.now().timestamp() + 7200, clock.now().timestamp()))
    await redis.rename("banyi:wechat:token:one", "banyi:wechat:token:two")
    assert await store.get("two") is None


async def test_many_processes_fetch_once(redis: Redis, clock: VirtualClock) -> None:
    fetched = 0

    async def fetch() -> StoredToken:
        nonlocal fetched
        fetched += 1
        await asyncio.sleep(0.05)
        return StoredToken(f"token-{fetched}", clock.now().timestamp() + 7200, clock.now().timestamp())

    keepers = [TokenKeeper("hospital", RedisTokenStore(redis), fetch, clock) for _ in range(8)]
    assert set(await asyncio.gather(*(keeper.current() for keeper in keepers))) == {"token-1"}
    assert fetched == 1
