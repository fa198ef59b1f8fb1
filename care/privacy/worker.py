"""What takes longer than a message: files are made, and after a deletion the address goes once its owner was told."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import UUID

import structlog
from sqlalchemy.ext.asyncio import AsyncSession

from care.privacy import deletion, export, files, requests
from care.privacy.holdings import whose
from care.privacy.models import PrivacyRequest, RequestKind, RequestStatus
from channels.reply import Reply
from store import audit
from store.clock import Clock
from store.database import Database
from store.leases import claim, release

log = structlog.get_logger(__name__)

LEASE = timedelta(minutes=5)
EVERY = 3.0
"""Seconds between two looks."""
LATER = timedelta(minutes=1)
TOLD_WITHIN = timedelta(days=1)
"""So long the answer may take to leave; then the address goes all the same."""
TRIES = 5
Render = Callable[[dict[str, Any]], bytes]


class PrivacyWorker:
    """`speak` words a stored reply; `render` makes the PDF of what was gathered (in a thread); `site`: where links lead."""

    def __init__(
        self, database: Database, clock: Clock, *, speak: export.Speak, render: Render, site: str
    ) -> None:
        self._database, self._clock, self._site = database, clock, site
        self._speak, self._render = speak, render

    async def run(self) -> None:
        while True:
            try:
                while await self.once():
                    pass
            except Exception:
                log.exception("privacy.failed")
            await asyncio.sleep(EVERY)

    async def once(self) -> bool:
        """See to one request that is due. False when none is."""
        now = self._clock.now()
        async with self._database.write("claim privacy") as session:
            token, rows = await claim(session, PrivacyRequest, now=now, limit=1, lease=LEASE)
        if not rows:
            return False
        row = rows[0]
        try:
            if row.kind == RequestKind.EXPORT:
                await self._export(row, token)
            else:
                await self._erase(row, token)
        except Exception as error:
            log.exception("privacy.request_failed", request=str(row.id), attempts=row.attempts)
            dead = type(error).__name__ if row.attempts >= TRIES else None
            async with self._database.write("privacy again") as session:
                await release(session, PrivacyRequest, row.id, token, due_at=now + LATER, dead_reason=dead)
        return True

    async def _export(self, row: PrivacyRequest, token: UUID) -> None:
        now, today = self._clock.now(), self._clock.local().date()
        async with self._database.read("gather export") as session:
            who = await whose(session, row.contact_id, today)
            content = await export.collect(session, who, now, self._speak)
        pdf = await asyncio.to_thread(self._render, content)

        async def store(session: AsyncSession) -> None:
            if not await release(session, PrivacyRequest, row.id, token, due_at=None, attempts=0):
                return
            made = await files.keep(
                session,
                request_id=row.id,
                patient_id=row.patient_id or who.patients[0],
                contact_id=row.contact_id,
                content=content,
                pdf=pdf,
                now=now,
            )
            request = await session.get_one(PrivacyRequest, row.id, populate_existing=True)
            request.status, request.decided_at = RequestStatus.DONE, now
            request.outcome = {"rows": sum(content["held"].values())}
            if made is not None:
                ready = Reply("privacy.export_ready", {"link": f"{self._site}{made.path}"})
                await requests.tell(session, request, ready, now)
            subject = audit.subject_of("contact", row.contact_id)
            audit.record(session, actor="system", action="privacy.exported", subject=subject, at=now)

        await self._database.transact(store, "export made")

    async def _erase(self, row: PrivacyRequest, token: UUID) -> None:
        """After `deletion.delete_person`: the answer has left, or had a day for it."""
        now = self._clock.now()

        async def finish(session: AsyncSession) -> None:
            told = not await deletion.waits(session, row.conversation_id)
            given_up = row.decided_at is not None and now - row.decided_at > TOLD_WITHIN
            if not told and not given_up:
                await release(session, PrivacyRequest, row.id, token, due_at=now + LATER, attempts=0)
                return
            if not await release(session, PrivacyRequest, row.id, token, due_at=None, attempts=0):
                return
            request = await session.get_one(PrivacyRequest, row.id, populate_existing=True)
            contacts = (request.outcome or {}).get("contacts", [str(row.contact_id)])
            await deletion.erase_address(session, tuple(UUID(one) for one in contacts), now)
            request.status = RequestStatus.DONE

        await self._database.transact(finish, "address erased")
