"""A worker of its own that tells a FHIR server what is due, to be killed: `python -m … DATABASE_URL FHIR_URL`."""

from __future__ import annotations

import asyncio
import sys

from care.systems.telling import Teller
from store import crypto
from store.clock import VirtualClock
from store.database import Database
from tests.care.systems.site import fhir_at
from tests.conftest import SUNDAY_MORNING


async def main(database_url: str, fhir_url: str) -> None:
    crypto.install(crypto.Keyring({"k1": b"1" * 32}, "k1", {"h1": b"2" * 32}, "h1"))
    clock = VirtualClock()
    clock.freeze(SUNDAY_MORNING)

    async def alarm(*_: object) -> None:
        raise AssertionError("nothing dies here")

    await Teller(Database(database_url), clock, fhir_at(fhir_url), alarm).round()


asyncio.run(main(*sys.argv[1:]))
