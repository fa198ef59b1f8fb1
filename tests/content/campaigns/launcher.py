"""A process of its own that launches campaigns slowly, for a test to kill: `python -m tests.content.campaigns.launcher URL NOW`."""

from __future__ import annotations

import asyncio
import sys
from datetime import datetime
from typing import Any

from content.campaigns import launching
from content.campaigns.runner import Runner
from store import crypto
from store.clock import VirtualClock
from store.database import Database

SMALL = 100
WHOLE = launching.batch


async def _slowly(*args: Any) -> bool:
    more = await WHOLE(*args)
    await asyncio.sleep(0.1)  # its rows are written, and not committed yet
    return more


async def main(url: str, now: str) -> None:
    crypto.install(crypto.Keyring({"k1": b"1" * 32}, "k1", {"h1": b"2" * 32}, "h1"))
    launching.BATCH = dict.fromkeys(launching.BATCH, SMALL)
    launching.batch = _slowly
    clock = VirtualClock()
    clock.freeze(datetime.fromisoformat(now))
    await Runner(Database(url), clock, "", turn=60).round()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2]))
