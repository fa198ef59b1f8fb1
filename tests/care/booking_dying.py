"""Bookings that are killed (SIGKILL, by themselves) at the point named. Each line of standard input is one: a database's URL, the point, slot,
patient, conversation and time; it is forked, and `ended N` follows. Importing the house once is what takes time.

`held`: the place is taken, not committed. `kept`: the hold is committed. `booked`: the appointment is made, not committed. `told`: it is
committed, nobody has heard.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from datetime import datetime
from uuid import UUID

import care.models
from care.appointments import service as appointments
from care.appointments.views import Held
from store import crypto
from store.database import Database

TABLES = care.models.__name__
KEYS = crypto.Keyring({"k1": b"1" * 32}, "k1", {"h1": b"2" * 32}, "h1")


def _die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


async def main(url: str, point: str, slot: str, patient: str, conversation: str, at: str) -> None:
    crypto.install(KEYS)
    database, now = Database(url), datetime.fromisoformat(at)
    async with database.write("hold") as session:
        held = await appointments.hold(
            session,
            slot_id=UUID(slot),
            patient_id=UUID(patient),
            now=now,
            conversation_id=UUID(conversation),
        )
        assert isinstance(held, Held)
        if point == "held":
            _die()
    if point == "kept":
        _die()
    async with database.write("confirm") as session:
        await appointments.confirm(session, held.hold_id, now=now, created_via="wechat")
        if point == "booked":
            _die()
    _die()


if __name__ == "__main__":
    for asked in sys.stdin:
        if (child := os.fork()) == 0:
            asyncio.run(main(*asked.split()))
            os._exit(0)
        os.write(1, f"ended {os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])}\n".encode())
