"""The stored messages, taken one after the other for each person and side by side for many; what cannot be taken waits or dies, and
people see it. The facts and the mark that they are taken are one transaction."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from uuid import UUID

import structlog
from sqlalchemy import exists
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased

from care.patients import service as patients
from care.systems.hl7 import adt, merges, oru, siu
from care.systems.hl7.adt import SYSTEM, Told
from care.systems.hl7.codes import Codes
from care.systems.hl7.message import Message, Unreadable, parsed
from care.systems.models import Direction, Said, SystemMessage
from care.systems.taking import Unusable
from store import leases
from store.clock import Clock
from store.database import Database, DatabaseUnavailable
from store.leases import NOW

log = structlog.get_logger(__name__)

BATCH = 20
POLL = 1.0
LATER = tuple(timedelta(seconds=one) for one in (5, 20, 60, 300, 900, 3600, 6 * 3600))
"""How long a message that may fit later waits before it is tried again; after the last it is dead. Ours."""
TRIES = 3
"""Times a message that fails for a reason of ours is tried."""

Alarm = Callable[[AsyncSession, SystemMessage, datetime], Awaitable[None]]
"""Called in the transaction in which a message dies."""
Take = Callable[[AsyncSession, Message, Codes, datetime], Awaitable[Told]]
TAKES: dict[str, Take] = {"ADT": adt.take_adt, "ORU": oru.take_oru, "SIU": siu.take_siu}

_earlier = aliased(SystemMessage)
_MINE = (
    SystemMessage.system == SYSTEM,
    SystemMessage.direction == Direction.IN,
    SystemMessage.status == Said.QUEUED,
    ~exists().where(
        _earlier.subject_id == SystemMessage.subject_id,
        _earlier.system == SYSTEM,
        _earlier.direction == Direction.IN,
        _earlier.status == Said.QUEUED,
        _earlier.dead_reason.is_(None),
        _earlier.due_at <= NOW,
        _earlier.id < SystemMessage.id,
    ),
)
"""Due, and nothing earlier about the same person is; one that waits for something holds nobody up."""
_IN_ORDER = (SystemMessage.id,)


class Applier:
    """One worker. `wake` it when something was stored."""

    def __init__(self, database: Database, clock: Clock, codes: Codes, alarm: Alarm) -> None:
        self._database, self._clock, self._codes, self._alarm = database, clock, codes, alarm
        self._woken = asyncio.Event()

    def wake(self) -> None:
        self._woken.set()

    async def run(self) -> None:
        while True:
            try:
                self._woken.clear()
                if await self.round():
                    continue
            except DatabaseUnavailable:
                log.error("hl7.database_away")
            except Exception:
                log.exception("hl7.round_failed")
                await asyncio.sleep(POLL)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(POLL):
                    await self._woken.wait()

    async def round(self) -> int:
        """Take what is due; how many messages that were."""
        async with self._database.write("claim HL7 messages") as session:
            token, rows = await leases.claim(
                session,
                SystemMessage,
                now=self._clock.now(),
                limit=BATCH,
                where=_MINE,
                order_by=_IN_ORDER,
            )
        await asyncio.gather(*(self._one(token, row) for row in rows))
        return len(rows)

    async def _one(self, token: UUID, row: SystemMessage) -> None:
        async def work(session: AsyncSession) -> None:
            await self._take(session, token, row.id)

        try:
            await self._database.transact(work, "take an HL7 message")
        except DatabaseUnavailable:
            raise
        except Unusable as error:
            again = LATER[row.attempts - 1] if error.later and row.attempts <= len(LATER) else None
            await self._give_up(token, row.id, error.code, error.detail, again)
        except Unreadable as error:
            await self._give_up(token, row.id, "unreadable", error.says, None)
        except Exception as error:
            log.exception("hl7.take_failed", kind=row.kind)
            again = timedelta(seconds=5 * row.attempts) if row.attempts < TRIES else None
            await self._give_up(token, row.id, "failed", type(error).__name__, again)

    async def _take(self, session: AsyncSession, token: UUID, message_id: UUID) -> None:
        row = await session.get(SystemMessage, message_id, with_for_update=True, populate_existing=True)
        if row is None or row.lease_token != token:
            return
        message = parsed(row.body["text"])
        kind, _, event = message.head.kind.partition("^")
        take = merges.take_merges if event in merges.EVENTS else TAKES[kind]
        told = await take(session, message, self._codes, row.created_at)
        row.patient_id = told.taken.patient_id
        row.answer = "\n".join(told.remarks)
        await session.flush()
        await leases.release(
            session,
            SystemMessage,
            message_id,
            token,
            status=Said.ACCEPTED,
            reason="left_out" if told.remarks else None,
            due_at=None,
            settled_at=self._clock.now(),
        )

    async def _give_up(
        self, token: UUID, message_id: UUID, reason: str, detail: str, again: timedelta | None
    ) -> None:
        now = self._clock.now()

        async def work(session: AsyncSession) -> None:
            row = await session.get(SystemMessage, message_id, with_for_update=True, populate_existing=True)
            if row is None or row.lease_token != token:
                return
            row.answer = detail[:500]
            row.patient_id = await _whose(session, row.body["text"], self._codes)
            await session.flush()
            if again is not None:
                await leases.release(
                    session, SystemMessage, message_id, token, reason=reason, due_at=now + again
                )
                return
            await leases.release(
                session,
                SystemMessage,
                message_id,
                token,
                status=Said.DEAD,
                reason=reason,
                dead_reason=reason,
                due_at=None,
            )
            await session.refresh(row)
            await self._alarm(session, row, now)

        await self._database.transact(work, "give an HL7 message up")


async def _whose(session: AsyncSession, text: str, codes: Codes) -> UUID | None:
    """Whom a message that was not taken is about, where we know them: who reads it is recorded as reading of theirs."""
    try:
        number = await adt.known_number(session, parsed(text).needed("PID"), codes)
    except (Unusable, Unreadable):
        return None
    known = await patients.get_by_record_number(session, number)
    return None if known is None else known.id
