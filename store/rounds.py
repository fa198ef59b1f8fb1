"""A job done again and again: what fails is logged, and the next round comes all the same."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import structlog

log = structlog.get_logger(__name__)

AFTER_FAILURE = 60.0
"""Seconds after which a job of rarer rounds is tried again when it failed."""


async def rounds(name: str, every: float, job: Callable[[], Awaitable[object]]) -> None:
    """Do `job`, wait `every` seconds, for ever. A failure is logged as `name`; it waits `AFTER_FAILURE` seconds at most."""
    while True:
        wait = every
        try:
            await job()
        except Exception:
            log.exception(name)
            wait = min(every, AFTER_FAILURE)
        await asyncio.sleep(wait)
