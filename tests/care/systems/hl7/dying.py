"""Processes that listen and take, and are killed (SIGKILL, by themselves) at the point named. Each line of standard input, a database's URL
and a point, forks one; it says `port N`, and once it has ended `ended N` follows. Importing the house once is what takes time.

`stored`: the message is committed, its answer not yet sent. `taken`: the facts are written, the transaction not committed.
`committed`: right after it is. `never`.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from typing import Any

import care.models
from care.systems.hl7 import applying, receiving
from care.systems.hl7.applying import Applier
from care.systems.hl7.codes import read_codes
from care.systems.hl7.listener import Door, Listener
from care.systems.hl7.receiving import Receiver
from store import crypto
from store.clock import VirtualClock
from store.database import Database
from tests.conftest import SUNDAY_MORNING

TABLES = care.models.__name__
KEYS = crypto.Keyring({"k1": b"1" * 32}, "k1", {"h1": b"2" * 32}, "h1")


def _die(*_: Any, **__: Any) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


async def _nobody(*_: Any) -> None:
    """Deaths are asked after in the table."""


async def main(url: str, point: str) -> None:
    crypto.install(KEYS)
    database, clock, codes = Database(url), VirtualClock(SUNDAY_MORNING), read_codes()
    applier = Applier(database, clock, codes, _nobody)
    if point == "stored":
        receiving.acknowledged = _die  # type: ignore[assignment]
    elif point == "taken":
        applying.leases.release = _die  # type: ignore[assignment]
    elif point == "committed":
        transact = database.transact

        async def then_die(work: Any, doing: str) -> Any:
            done = await transact(work, doing)
            if doing == "take an HL7 message":
                _die()
            return done

        database.transact = then_die  # type: ignore[method-assign]
    listener = Listener(Door("127.0.0.1", 0), Receiver(database, clock, codes, applier.wake))
    await listener.start()
    _say(f"port {listener.port}")
    await applier.run()


def _say(line: str) -> None:
    os.write(1, f"{line}\n".encode())


if __name__ == "__main__":
    for asked in sys.stdin:
        if (child := os.fork()) == 0:
            asyncio.run(main(*asked.split()))
            os._exit(0)
        _say(f"pid {child}")
        _say(f"ended {os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])}")
