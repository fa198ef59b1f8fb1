"""A message is written down before it is answered: stored, or the same again, or refused with a reason, or (the database being away)
not answered at all, so that the sender comes again."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from uuid import UUID

import structlog
from sqlalchemy.ext.asyncio import AsyncSession

from care.patients import identity
from care.systems import messages
from care.systems.hl7 import adt, merges
from care.systems.hl7.acks import acknowledged
from care.systems.hl7.codes import Codes
from care.systems.hl7.message import Header, Message, Unreadable, decoded, header, parsed
from care.systems.models import Direction
from care.systems.taking import Unusable
from store.clock import Clock
from store.database import Database

log = structlog.get_logger(__name__)

TAKEN = {
    "ADT": frozenset({"A01", "A02", "A03", "A04", "A08", "A11", "A12", "A13", "A28", "A31", *merges.EVENTS}),
    "ORU": frozenset({"R01"}),
    "SIU": frozenset({"S12", "S13", "S14", "S15", "S26"}),
}


class Receiver:
    """`stored` is called when something new waits to be taken."""

    def __init__(
        self, database: Database, clock: Clock, codes: Codes, stored: Callable[[], None] = lambda: None
    ) -> None:
        self._database, self._clock, self._codes, self._stored = database, clock, codes, stored

    async def answer(self, raw: bytes) -> bytes:
        """What the sender hears. Raises `DatabaseUnavailable`: then it must hear nothing."""
        head: Header | None = None
        charset = "utf-8"
        try:
            head = header(raw)
            text, charset = decoded(raw, head)
            message = parsed(text)
            head = message.head
            _check(message)
        except Unreadable as wrong:
            return self.refusal(head, wrong, charset)
        key = f"{head[3]}|{head[4]}|{head[10]}"[:120]
        if await self._keep(key, text, message):
            self._stored()
        return acknowledged(head, _answer_id(key), self._clock.local(), charset=charset)

    def refusal(self, head: Header | None, wrong: Unreadable, charset: str = "utf-8") -> bytes:
        """Nothing was kept."""
        log.warning("hl7.refused", code=wrong.code, kind=head.kind[:20] if head is not None else None)
        asked = head[10] if head is not None else ""
        return acknowledged(head, _answer_id(asked), self._clock.local(), wrong, charset)

    async def _keep(self, key: str, text: str, message: Message) -> bool:
        """Whether it is new. A control id used again for another message (a sender's counter that began anew) loses nothing."""
        now, kind, subject = self._clock.now(), message.head.kind[:20], self._subject(message)

        async def work(session: AsyncSession) -> bool:
            for name in (key, f"{key}|{hashlib.sha256(text.encode()).hexdigest()[:24]}"):
                row = await messages.put(
                    session,
                    system=adt.SYSTEM,
                    direction=Direction.IN,
                    kind=kind,
                    key=name,
                    body={"text": text},
                    now=now,
                    subject_id=subject,
                )
                if row is not None:
                    return True
                known = await messages.by_key(session, adt.SYSTEM, Direction.IN, name)
                if known is None or (known.body or {}).get("text") == text:
                    return False
            return False

        return await self._database.transact(work, "keep an HL7 message")

    def _subject(self, message: Message) -> UUID | None:
        """The same for all messages about one person, whether we know them or not: what is in order is in order by this."""
        pid = message.first("PID")
        try:
            number = min(adt.record_numbers(pid, self._codes)) if pid is not None else ""
        except Unusable:
            return None
        digest = hashlib.sha256(identity.record_hash(number).encode()).digest()
        return UUID(bytes=digest[:16]) if number else None


def _check(message: Message) -> None:
    """Raises `Unreadable` for what we would never be able to take."""
    head = message.head
    if not head[10]:
        raise Unreadable(101, "MSH-10 (message control id) is empty")
    if not head[12].startswith("2."):
        raise Unreadable(203, f"MSH-12 {head[12][:10]}: version 2 is taken", rejected=True)
    kind, _, event = head.kind.partition("^")
    if kind not in TAKEN:
        raise Unreadable(200, f"{kind[:10]} is not taken", rejected=True)
    if event not in TAKEN[kind]:
        raise Unreadable(201, f"{head.kind[:20]} is not taken", rejected=True)
    message.needed("SCH" if kind == "SIU" else "PID")
    if event in merges.EVENTS:
        merges.pairs(message)


def _answer_id(key: str) -> str:
    """Of our answer: the same for a repeat; 20 characters, as MSH-10 allows."""
    return hashlib.sha256(f"answer:{key}".encode()).hexdigest()[:20].upper()
