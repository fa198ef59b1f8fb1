"""`HospitalSystem` over HL7 v2: bookings are told as SIU, what the system decides comes by the listener."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import date

from care.systems.hl7 import siu
from care.systems.hl7.adt import SYSTEM
from care.systems.hl7.client import Answer, Line, NoAnswer, NotHeard
from care.systems.port import (
    Accepted,
    Changes,
    Checked,
    Found,
    NotThere,
    OfferedSlot,
    Outcome,
    Refused,
    SaidAgain,
    SystemAway,
    Unclear,
    Unreachable,
    Wanted,
)
from store.clock import Clock

UNKNOWN_KEY, DUPLICATE_KEY, LOCKED, INTERNAL = 204, 205, 206, 207
"""HL7 table 0357."""
NOT_TAKEN = range(200, 204)
"""The message itself is one it does not take."""


class Hl7System(SaidAgain):
    """`peer`: its application and facility (MSH-5, MSH-6). Times it offers are loaded or mirrored otherwise: HL7 v2 does not list them.

    It is known by what we call the appointment (SCH-1), and by the control id (MSH-10), which is the same at every try: by the standard a
    receiver answers a repeat as it answered first (2.9.3.2).
    """

    name = SYSTEM
    repeatable = True

    def __init__(self, line: Line, clock: Clock, peer: tuple[str, str] = ("", "")) -> None:
        self._line, self._clock, self._peer = line, clock, peer

    async def book(self, wanted: Wanted) -> Outcome:
        return await self._tell("S12", wanted, wanted.key)

    async def cancel(self, wanted: Wanted) -> Outcome:
        return await self._tell("S15", wanted, wanted.external_id or wanted.key)

    async def move(self, old: Wanted, new: Wanted) -> Outcome:
        """It keeps the name it has there."""
        return await self._tell("S13", new, old.external_id or old.key)

    async def missed(self, wanted: Wanted) -> Outcome:
        """The patient did not come."""
        return await self._tell("S26", wanted, wanted.external_id or wanted.key)

    async def find(self, wanted: Wanted) -> Found | NotThere:
        raise SystemAway("cannot_ask")

    async def schedules(self, first: date, last: date) -> Sequence[OfferedSlot]:
        return []

    async def changed_since(self, cursor: str | None) -> Changes:
        return Changes([], cursor or "listener")

    async def check(self) -> Checked:
        """Whether somebody listens there; nothing is said."""
        try:
            await self._line.open()
        except NotHeard as error:
            return Checked("unreachable", str(error))
        return Checked()

    async def close(self) -> None:
        await self._line.close()

    async def _tell(self, event: str, wanted: Wanted, placer: str) -> Outcome:
        control = control_id(event, wanted.key + wanted.telling)
        message = siu.told(event, control, placer, wanted, self._peer, self._clock.local())
        try:
            answer = await self._line.say(message, control)
        except NotHeard as error:
            return Unreachable("unreachable", str(error))
        except NoAnswer as error:
            return Unclear("no_answer", str(error))
        return _outcome(event, placer, answer)


def control_id(event: str, key: str) -> str:
    """Of one thing that is told of an appointment, at every try: 20 characters, as MSH-10 allows."""
    return hashlib.sha256(f"{event}:{key}".encode()).hexdigest()[:20].upper()


def _outcome(event: str, placer: str, answer: Answer) -> Outcome:
    settled = (event == "S12" and answer.error == DUPLICATE_KEY) or (
        event == "S15" and answer.error == UNKNOWN_KEY
    )
    if answer.taken or settled:
        return Accepted(placer)
    if answer.error in (LOCKED, INTERNAL):
        return Unclear("busy", answer.says)
    if answer.error in NOT_TAKEN:
        return Refused("not_allowed", answer.says)
    return Refused("gone" if answer.error == UNKNOWN_KEY else "other", answer.says)
