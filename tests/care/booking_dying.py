"""Bookings that are killed (SIGKILL, by themselves) at the point named. Each line of standard input is one: a database's URL, the act, the
point, slot, patient, conversation, time and what it is about (`-` for nothing); it is forked, and `ended N` follows. Importing the house
once is what takes time.

Acts: `book`; `move`, of an appointment; `accept`, an offer to a waitlist entry; `cancel`, an appointment.
Points: `held`, the place is taken, not committed. `kept`, the hold is committed. `booked`, the appointment is made, not committed. `told`,
it is committed, nobody has heard. Who cancels knows the last two only.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

import care.models
from care.appointments import service as appointments
from care.appointments.views import Booked, Cancelled, Held
from care.appointments.waitlist import service as waitlist
from care.appointments.waitlist.service import Offer
from store import crypto
from store.database import Database

TABLES = care.models.__name__
KEYS = crypto.Keyring({"k1": b"1" * 32}, "k1", {"h1": b"2" * 32}, "h1")


class Asked(NamedTuple):
    """A line, split."""

    url: str
    act: str
    point: str
    slot: str
    patient: str
    conversation: str
    at: str
    about: str

    @property
    def now(self) -> datetime:
        return datetime.fromisoformat(self.at)

    def dies(self, point: str) -> None:
        if self.point == point:
            os.kill(os.getpid(), signal.SIGKILL)


async def _keep(session: AsyncSession, asked: Asked) -> UUID:
    if asked.act == "accept":
        made = await waitlist.offer_by_hand(session, UUID(asked.about), UUID(asked.slot), asked.now)
        assert isinstance(made, Offer) and made.entry.hold_id is not None
        return made.entry.hold_id
    held = await appointments.hold(
        session,
        slot_id=UUID(asked.slot),
        patient_id=UUID(asked.patient),
        now=asked.now,
        conversation_id=UUID(asked.conversation),
        replaces_id=UUID(asked.about) if asked.act == "move" else None,
    )
    assert isinstance(held, Held)
    return held.hold_id


async def _act(session: AsyncSession, asked: Asked, hold_id: UUID | None) -> None:
    if hold_id is None:
        gone = await appointments.cancel(session, UUID(asked.about), now=asked.now)
        assert isinstance(gone, Cancelled) and not gone.again
        return
    made = await appointments.confirm(session, hold_id, now=asked.now, created_via="wechat")
    assert isinstance(made, Booked)
    await waitlist.booked(session, UUID(asked.patient), made.appointment.department_id, now=asked.now)


async def main(asked: Asked) -> None:
    crypto.install(KEYS)
    database = Database(asked.url)
    hold_id = None
    if asked.act != "cancel":
        async with database.write("hold") as session:
            hold_id = await _keep(session, asked)
            asked.dies("held")
        asked.dies("kept")
    async with database.write("confirm") as session:
        await _act(session, asked, hold_id)
        asked.dies("booked")
    asked.dies("told")


if __name__ == "__main__":
    for line in sys.stdin:
        if (child := os.fork()) == 0:
            asyncio.run(main(Asked(*line.split())))
            os._exit(0)
        os.write(1, f"ended {os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])}\n".encode())
