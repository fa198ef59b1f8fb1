"""Sends word to staff: WeCom from here, SMS through the outbox. Rows were written before; none goes out twice.

What was in flight when a process died may have left: it becomes `uncertain` and is not sent again. The chain repeats itself
anyway until somebody acknowledges.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol
from uuid import UUID

import structlog
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from care.alerts.models import Alert
from care.reach.models import StaffNotice, StaffReach
from channels.contacts import service as contacts
from channels.outbox import service as outbox
from channels.ports import ChannelName, Outcome, SendResult
from channels.reply import Reply
from store import leases
from store.clock import Clock
from store.database import Database
from store.rounds import rounds

log = structlog.get_logger(__name__)
EVERY = 1.0
"""Seconds between two looks."""
AT_ONCE = 50
TRIES = 4
LEASE = timedelta(seconds=40)
"""Real time; a call of the vendor's ends within ten seconds."""
SMS_EVERY = timedelta(minutes=1)
"""One SMS about alerts a minute and person: it says how many there are."""

HOW = {
    "code": ("code", outbox.CONVERSATION_PRIORITY, timedelta(minutes=10)),
    "alert": ("staff_notice", outbox.URGENT_PRIORITY, timedelta(minutes=10)),
    "overdue": ("staff_notice", outbox.NOTICE_PRIORITY, timedelta(hours=12)),
}
"""By kind, of an SMS: its purpose, its priority, and how long it is worth sending."""


class Pager(Protocol):
    """Sends a card to a member of WeCom: a notice's `kind` and the `reply` that says it."""

    async def send(self, user_id: str, kind: str, reply: Reply, at: datetime) -> SendResult: ...

    async def close(self) -> None: ...


@dataclass(frozen=True, slots=True)
class _Job:
    notice_id: UUID
    user_id: str
    kind: str
    reply: Reply
    at: datetime
    attempts: int


class Courier:
    """`run_once` sends what is due. `pager` None: the hospital has no WeCom. `can_say`: whether an approved SMS carries it."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        sms_account: str,
        pager: Pager | None,
        can_say: Callable[[Reply], bool],
        wake: Callable[[], None],
    ) -> None:
        self._database = database
        self._clock = clock
        self._sms_account = sms_account
        self._pager = pager
        self._can_say = can_say
        self._wake = wake

    async def run(self) -> None:
        """For ever; the connection to the vendor ends with it."""
        try:
            await rounds("staff_word.failed", EVERY, self.run_once)
        finally:
            if self._pager is not None:
                await self._pager.close()

    async def run_once(self) -> int:
        """How many were seen to."""
        now = self._clock.now()
        async with self._database.read("staff word due") as session:
            due = select(StaffNotice.id).where(StaffNotice.due_at <= now).limit(1)
            if await session.scalar(due) is None:
                return 0
        async with self._database.write("claim staff word") as session:
            token, rows = await leases.claim(session, StaffNotice, now=now, limit=AT_ONCE, lease=LEASE)
            jobs = [job for row in rows if (job := await self._prepare(session, row, now)) is not None]
            passed_on = any(row.status == "passed_on" for row in rows)
        if passed_on:
            self._wake()
        await asyncio.gather(*(self._send(job, token) for job in jobs))
        return len(rows)

    async def _prepare(self, session: AsyncSession, row: StaffNotice, now: datetime) -> _Job | None:
        """What WeCom is to be asked; everything else is settled here, in the claim's transaction."""
        if row.status == "sending":
            _end(row, "uncertain", now, "died", "in flight when the process ended")
            return None
        if row.kind == "alert" and not await _waits(session, row.alert_id):
            _end(row, "dropped", now)
            return None
        reach = (
            await session.scalars(select(StaffReach).where(StaffReach.staff_id == row.staff_id))
        ).one_or_none()
        trial = reach.code_to if reach is not None and row.kind == "code" else None
        if row.kind == "alert":
            row.number = max(1, await _waiting_for(session, row.staff_id))
        if row.channel == "sms":
            await self._by_sms(session, row, trial or (reach.phone if reach else None), now)
            return None
        user_id = trial or (reach.wecom if reach else None)
        if self._pager is None or not user_id:
            _end(row, "failed", now, "no_way")
            return None
        row.status = "sending"
        return _Job(row.id, user_id, row.kind, _reply(row), row.created_at, row.attempts)

    async def _by_sms(
        self, session: AsyncSession, row: StaffNotice, phone: str | None, now: datetime
    ) -> None:
        reply, (purpose, priority, worth) = _reply(row), HOW[row.kind]
        if not phone:
            return _end(row, "failed", now, "no_way")
        if not self._can_say(reply):
            return _end(row, "failed", now, "no_template")
        if row.kind == "alert" and await _just_told(session, row, now):
            return _end(row, "dropped", now, "told_a_moment_ago")
        _, talk = await contacts.ensure(session, ChannelName.SMS, self._sms_account, phone, now)
        message = await outbox.enqueue(
            session,
            talk,
            reply,
            dedup_key=f"staff:{row.id}",
            purpose=purpose,
            now=now,
            priority=priority,
            expires_at=now + worth,
        )
        row.outbound_id = message.id if message is not None else None
        return _end(row, "passed_on", now)

    async def _send(self, job: _Job, token: UUID) -> None:
        assert self._pager is not None
        try:
            result = await self._pager.send(job.user_id, job.kind, job.reply, job.at)
        except Exception as error:  # nobody knows how far it came
            log.exception("staff_word.failed")
            result = SendResult(Outcome.UNCERTAIN, code="crashed", detail=type(error).__name__)
        now = self._clock.now()
        async with self._database.write("staff word sent") as session:
            if result.outcome is Outcome.RETRY and job.attempts < TRIES:
                again = now + timedelta(seconds=result.retry_after * job.attempts)
                await leases.release(
                    session,
                    StaffNotice,
                    job.notice_id,
                    token,
                    status="queued",
                    due_at=again,
                    code=result.code,
                )
                return
            status = {Outcome.ACCEPTED: "sent", Outcome.UNCERTAIN: "uncertain"}.get(result.outcome, "failed")
            await leases.release(
                session,
                StaffNotice,
                job.notice_id,
                token,
                status=status,
                due_at=None,
                finished_at=now,
                vendor_id=result.vendor_id or None,
                code=result.code[:40] or None,
                detail=result.detail[:300] or None,
                secret_sealed=None,
            )


def _reply(row: StaffNotice) -> Reply:
    params = {"code": row.secret} if row.kind == "code" else {"number": str(row.number)}
    return Reply(f"staff.{row.kind}", params)


def _end(
    row: StaffNotice, status: str, now: datetime, code: str | None = None, detail: str | None = None
) -> None:
    row.status, row.due_at, row.finished_at = status, None, now
    row.code, row.detail = code, detail
    row.lease_token = row.lease_until = None
    row.secret = None  # type: ignore[assignment]


async def _waits(session: AsyncSession, alert_id: UUID | None) -> bool:
    status = await session.scalar(select(Alert.status).where(Alert.id == alert_id))
    return status is not None and status != "closed"


async def _waiting_for(session: AsyncSession, staff_id: UUID) -> int:
    """Alerts nobody has acknowledged that this person was called to."""
    query = (
        select(func.count(StaffNotice.alert_id.distinct()))
        .join(Alert, Alert.id == StaffNotice.alert_id)
        .where(StaffNotice.staff_id == staff_id, Alert.status == "open")
    )
    return await session.scalar(query) or 0


async def _just_told(session: AsyncSession, row: StaffNotice, now: datetime) -> bool:
    query = (
        select(StaffNotice.id)
        .where(
            StaffNotice.staff_id == row.staff_id,
            StaffNotice.channel == "sms",
            StaffNotice.kind == "alert",
            StaffNotice.status == "passed_on",
            StaffNotice.finished_at > now - SMS_EVERY,
            StaffNotice.id != row.id,
        )
        .limit(1)
    )
    return await session.scalar(query) is not None
