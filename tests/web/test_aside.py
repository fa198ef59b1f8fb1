"""Work begun once and asked after: by two at a time, while it runs, when it fails, anew, and given up at the end."""

from __future__ import annotations

import asyncio

import pytest

from web.aside import Aside


class Work:
    """Ends when `done` is set; counts how often it was begun."""

    def __init__(self) -> None:
        self.done, self.begun = asyncio.Event(), 0

    async def __call__(self) -> str:
        self.begun += 1
        await self.done.wait()
        if self.begun == 3:
            raise ValueError("third")
        return f"result {self.begun}"


async def test_begun_once_and_asked_after() -> None:
    aside, work = Aside[str](60.0, at_once=2), Work()
    assert isinstance(await aside.ask("a", work, 0.01), float)
    waiting = asyncio.create_task(aside.ask("a", work, 30))
    await asyncio.sleep(0)
    work.done.set()
    assert await waiting == "result 1"
    assert await aside.ask("a", work, 30) == "result 1"
    assert await aside.ask("a", work, 30, again=True) == "result 2"
    with pytest.raises(ValueError, match="third"):
        await aside.ask("b", work, 30)
    assert await aside.ask("b", work, 30) == "result 4", "what failed is forgotten"


async def test_what_nobody_waits_for_is_given_up_at_the_end() -> None:
    aside, work = Aside[str](60.0, at_once=1), Work()
    running = asyncio.create_task(aside.run())
    await asyncio.sleep(0)
    await aside.ask("a", work, 0.01)
    assert isinstance(await aside.ask("b", work, 0.01), float)
    assert work.begun == 1, "one at a time"
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    work.done.set()
    assert await aside.ask("a", work, 30) == "result 2", "begun anew"
