"""kill -9 between storing and answering, between the facts and their mark, and right after: the sender repeats, the effect is one."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import timedelta

import pytest
from sqlalchemy import func, select, update

from care.patients.models import Condition
from care.records.models import Encounter, Procedure
from care.systems.hl7.client import Line, NoAnswer, NotHeard
from care.systems.models import Said, SystemMessage
from server.settings import ROOT
from store.clock import real_now
from store.database import Database
from store.events import PatientEvent
from tests.care.conftest import World
from tests.care.systems.hl7 import messages as said

KINDS = ("encounter.admitted", "encounter.discharged", "condition.diagnosed", "procedure.performed")


class Nursery:
    """The process that forks those that die."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process

    async def heard(self, word: str) -> int:
        """The number after the next line that begins with `word`."""
        assert self.process.stdout is not None
        while line := await asyncio.wait_for(self.process.stdout.readline(), 240):
            if line.startswith(word.encode()):
                return int(line.split()[1])
        raise AssertionError("the process ended")

    @asynccontextmanager
    async def born(self, url: str, point: str) -> AsyncIterator[int]:
        """Its port. It is killed at the end where it has not killed itself."""
        assert self.process.stdin is not None
        self.process.stdin.write(f"{url} {point}\n".encode())
        pid = await self.heard("pid")
        try:
            yield await self.heard("port")
        finally:
            with suppress(ProcessLookupError):
                if point == "never":
                    os.kill(pid, signal.SIGKILL)
            assert await self.heard("ended") == -signal.SIGKILL


@pytest.fixture(scope="module")
async def nursery() -> AsyncIterator[Nursery]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.care.systems.hl7.dying", cwd=ROOT,
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    yield Nursery(process)
    if process.returncode is None:
        process.kill()
    await process.wait()


async def say(port: int, text: str, control: str) -> str | None:
    """The answer's code; None when the process died before it."""
    line = Line("127.0.0.1", port, timeout=120)
    try:
        return (await line.say(text.encode(), control)).code
    except (NoAnswer, NotHeard):
        return None
    finally:
        await line.close()


async def until_taken(database: Database, count: int) -> None:
    for _ in range(1200):
        async with database.read() as session:
            done = select(func.count()).where(SystemMessage.status == Said.ACCEPTED)
            if await session.scalar(done) == count:
                return
        await asyncio.sleep(0.1)
    raise AssertionError("the messages were not taken")


@pytest.mark.parametrize("point", ["stored", "taken", "committed"])
async def test_one_effect_whenever_it_is_killed(
    database: Database, database_url: str, world: World, nursery: Nursery, point: str
) -> None:
    async with nursery.born(database_url, point) as port:
        heard = await say(port, said.stay(), "A1")
        assert heard is None if point == "stored" else heard in ("AA", None)
    async with database.write() as session:
        stored = await session.scalar(select(func.count()).select_from(SystemMessage))
        assert stored == 1, "it was written down before anything else"
        # The dead worker's lease runs in real time: a minute that nobody wants to wait for here.
        await session.execute(
            update(SystemMessage)
            .where(SystemMessage.lease_until.is_not(None))
            .values(lease_until=real_now() - timedelta(seconds=1))
        )
    async with nursery.born(database_url, "never") as port:
        assert await say(port, said.stay(), "A1") == "AA", "the repeat of a sender that heard nothing"
        assert await say(port, said.discharge(), "A2") == "AA"
        await until_taken(database, 2)
    async with database.read() as session:
        for table, count in ((Encounter, 1), (Condition, 2), (Procedure, 1), (SystemMessage, 2)):
            assert await session.scalar(select(func.count()).select_from(table)) == count, table
        told = await session.scalars(select(PatientEvent.kind).where(PatientEvent.kind.in_(KINDS)))
        assert sorted(told) == sorted([*KINDS, "condition.diagnosed"])
