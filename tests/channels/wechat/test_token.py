"""One token for all processes: shared, refreshed under the lock, never in a storm."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from channels.wechat.token import MemoryTokenStore, StoredToken, TokenKeeper
from store.clock import VirtualClock


class Vendor:
    """Counts fetches; each gives a new token of two hours."""

    def __init__(self, clock: VirtualClock) -> None:
        self.clock = clock
        self.fetches = 0
        self.down = False

    async def fetch(self) -> StoredToken:
        await asyncio.sleep(0.01)
        if self.down:
            raise ConnectionError
        self.fetches += 1
        now = self.clock.now().timestamp()
        return StoredToken(f"t{self.fetches}", now + 7200, now)


@pytest.fixture
def clock() -> VirtualClock:
    clock = VirtualClock()
    clock.freeze()
    return clock


@pytest.fixture
def vendor(clock: VirtualClock) -> Vendor:
    return Vendor(clock)


def keepers(vendor: Vendor, clock: VirtualClock, count: int = 4) -> list[TokenKeeper]:
    """As many processes sharing one store."""
    store = MemoryTokenStore()
    return [TokenKeeper("main", store, vendor.fetch, clock) for _ in range(count)]


async def test_many_processes_fetch_once(vendor: Vendor, clock: VirtualClock) -> None:
    all_of_them = keepers(vendor, clock)
    tokens = await asyncio.gather(*(keeper.current() for keeper in all_of_them for _ in range(5)))
    assert set(tokens) == {"t1"}
    assert vendor.fetches == 1
    clock.advance(timedelta(seconds=6000))
    assert await all_of_them[0].current() == "t1"
    clock.advance(timedelta(seconds=601))
    tokens = await asyncio.gather(*(keeper.current() for keeper in all_of_them))
    assert set(tokens) == {"t2"}
    assert vendor.fetches == 2
    assert all_of_them[0].age() == 0


async def test_a_process_notices_a_new_token_within_a_minute(vendor: Vendor, clock: VirtualClock) -> None:
    one, two, *_ = keepers(vendor, clock)
    assert await one.current() == await two.current() == "t1"
    clock.advance(timedelta(seconds=10))
    assert await two.replace("t1") == "t2"
    assert await one.current() == "t1"
    clock.advance(timedelta(seconds=60))
    assert await one.current() == "t2"


async def test_refused_token_is_fetched_once_for_all(vendor: Vendor, clock: VirtualClock) -> None:
    all_of_them = keepers(vendor, clock)
    await asyncio.gather(*(keeper.current() for keeper in all_of_them))
    clock.advance(timedelta(seconds=10))
    replaced = await asyncio.gather(*(keeper.replace("t1") for keeper in all_of_them for _ in range(3)))
    assert set(replaced) == {"t2"}
    assert vendor.fetches == 2
    assert await all_of_them[0].replace("t2") is None
    assert vendor.fetches == 2


async def test_a_live_token_outlasts_the_vendors_outage(vendor: Vendor, clock: VirtualClock) -> None:
    (keeper,) = keepers(vendor, clock, 1)
    assert await keeper.current() == "t1"
    clock.advance(timedelta(seconds=6900))
    vendor.down = True
    assert await keeper.current() == "t1"
    clock.advance(timedelta(seconds=400))
    with pytest.raises(ConnectionError):
        await keeper.current()


def test_tokens_show_no_value() -> None:
    assert "abc" not in repr(StoredToken("abc", 1, 0))
