"""Plain mode signs no body: a nonce belongs to the first one seen, at whichever process."""

from __future__ import annotations

from redis.asyncio import Redis

from channels.wechat.nonces import MemoryNonces, RedisNonces
from tests.factories.servers import Valkey

NOW = 1_700_000_000.0


async def test_a_retry_is_no_reuse_and_another_body_is() -> None:
    seen = MemoryNonces()
    assert not await seen.reused("main", "1", "n", b"one", NOW)
    assert not await seen.reused("main", "1", "n", b"one", NOW + 1)
    assert await seen.reused("main", "1", "n", b"two", NOW + 2)
    assert not await seen.reused("other", "1", "n", b"two", NOW + 2)


async def test_the_memory_is_bounded_in_time_and_size() -> None:
    seen = MemoryNonces(lifetime=10, size=3)
    for n in range(5):
        assert not await seen.reused("main", "1", str(n), b"one", NOW)
    assert not await seen.reused("main", "1", "0", b"two", NOW)  # forgotten for room
    assert await seen.reused("main", "1", "4", b"two", NOW)
    assert not await seen.reused("main", "1", "4", b"two", NOW + 11)  # forgotten by age


async def test_another_process_remembers_too(valkey: Valkey) -> None:
    one, two = Redis.from_url(valkey.url), Redis.from_url(valkey.url)
    first, second = RedisNonces(one), RedisNonces(two)
    assert not await first.reused("nonces", "1", "n", b"one", NOW)
    assert not await second.reused("nonces", "1", "n", b"one", NOW)
    assert await second.reused("nonces", "1", "n", b"two", NOW)
    await one.aclose()
    await two.aclose()


async def test_while_redis_is_away_each_judges_for_itself() -> None:
    away = RedisNonces(Redis.from_url("redis://127.0.0.1:9"))
    assert not await away.reused("main", "1", "n", b"one", NOW)
    assert await away.reused("main", "1", "n", b"two", NOW)
