"""The media worker: fetches what came in, checks it, keeps it sealed, has voices heard, discards what outlived its time.

Its own loop, so that a slow download never holds up a conversation. What it learns reaches the conversation as a message of
ours (`channels.inbox.own`), handled in order like any other.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import structlog
from prometheus_client import Counter
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from channels.contacts.models import Conversation
from channels.inbox import own
from channels.media import service
from channels.media.hearing import Heard, NotHeard, Transcriber
from channels.media.models import MediaItem
from channels.media.scan import ScanFailed, VirusScan
from channels.media.sniff import NotThat, sniff
from channels.media.vault import Vault, name_of
from channels.wechat.client import TOO_LARGE, Unclear, WeChatClient
from channels.wechat.errors import VendorError
from store import leases
from store.clock import Clock
from store.database import Database, DatabaseUnavailable

log = structlog.get_logger(__name__)

FETCHED = Counter("banyi_media_total", "Media, by kind and what became of them", ["kind", "end"])

INVALID_MEDIA = 40007
"""WeChat has it no more; channels.md (b)."""
LIFE = timedelta(days=3)
"""How long WeChat keeps a temporary medium; channels.md 1.5 [M]. Later tries are spared."""
RETRY = (2.0, 10.0, 60.0, 300.0, 900.0, 3600.0)
"""Seconds until the next try, the last one again and again."""
TELL_AFTER = 3
"""Tries after which the patient hears that it could not be read; fetching for the desk goes on."""
HEAR_TRIES = 3
LEASE = timedelta(seconds=120)
"""A download and a transcription together stay below."""
UNREADABLE = "unreadable"
HEARD = "heard"
UNSURE = "unsure"


@dataclass(frozen=True, slots=True)
class Policy:
    """`max_bytes` of one medium; `keep` of what people may look at; `keep_voice`: also after it was written down.
    `least_sure`: the confidence below which a transcript is not said back."""

    max_bytes: int = 20 * 1024 * 1024
    keep: timedelta = timedelta(days=30)
    keep_voice: bool = False
    least_sure: float = 0.3


class MediaWorker:
    """`wake_inbox` is called when a message of ours was put into a conversation."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        clients: Mapping[str, WeChatClient],
        vault: Vault,
        policy: Policy,
        *,
        scanner: VirusScan | None = None,
        transcriber: Transcriber | None = None,
        wake_inbox: Callable[[], None] = lambda: None,
        concurrency: int = 4,
    ) -> None:
        self._database = database
        self._clock = clock
        self._clients = clients
        self._vault = vault
        self._policy = policy
        self._scanner = scanner
        self._transcriber = transcriber
        self._wake_inbox = wake_inbox
        self._concurrency = concurrency
        self._wake = asyncio.Event()

    def wake(self) -> None:
        self._wake.set()

    async def run(self, poll: float = 1.0, discard_every: float = 600.0) -> None:
        """Work for ever; a failure of the loop is logged and does not end it."""
        loop = asyncio.get_running_loop()
        discarded_at = float("-inf")
        while True:
            try:
                if loop.time() - discarded_at >= discard_every:
                    discarded_at = loop.time()
                    await self.discard_outlived()
                if await self.run_once():
                    continue
            except Exception:
                log.exception("media.loop_failed")
                await asyncio.sleep(1)
            self._wake.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(poll):
                    await self._wake.wait()

    async def run_once(self) -> int:
        """Do what is due now; how many items were."""

        async def work(session: AsyncSession) -> tuple[UUID, list[MediaItem]]:
            return await leases.claim(
                session, MediaItem, now=self._clock.now(), limit=self._concurrency, lease=LEASE
            )

        async with self._database.read("media-peek") as session:
            due = select(MediaItem.id).where(MediaItem.due_at <= self._clock.now()).limit(1)
            if await session.scalar(due) is None:
                return 0
        token, items = await self._database.transact(work, "media-claim")
        await asyncio.gather(*(self._one(item, token) for item in items))
        return len(items)

    async def _one(self, item: MediaItem, token: UUID) -> None:
        try:
            if item.state == "waiting":
                await self._fetch(item, token)
            elif item.state == "fetched" and item.kind == "voice" and self._transcriber is not None:
                await self._hear(item, token, self._transcriber)
            else:
                await self._end(item, token, due_at=None)
        except (DatabaseUnavailable, OSError) as error:
            # The lease runs out and another look is taken.
            log.warning("media.not_written", item=str(item.id), reason=type(error).__name__)
        except Exception:
            log.exception("media.failed", item=str(item.id))

    # -- fetching

    async def _fetch(self, item: MediaItem, token: UUID) -> None:
        client = self._clients.get(item.account_id)
        if client is None:
            await self._give_up(item, token, "lost", "account is gone")
            return
        answer = await client.download_media(item.media_id, self._policy.max_bytes)
        if isinstance(answer, tuple):
            await self._keep(item, token, answer[1])
        elif isinstance(answer, VendorError) and answer.code == INVALID_MEDIA:
            await self._give_up(item, token, "lost", str(INVALID_MEDIA))
        elif isinstance(answer, Unclear) and answer.detail == TOO_LARGE:
            await self._give_up(item, token, "refused", TOO_LARGE)
        else:
            code = str(answer.code) if isinstance(answer, VendorError) else answer.detail
            await self._later(item, token, code)

    async def _keep(self, item: MediaItem, token: UUID, content: bytes) -> None:
        found = sniff(item.kind, content)
        if isinstance(found, NotThat):
            await self._give_up(item, token, "refused", f"not {item.kind} but {found.found}")
            return
        if self._scanner is not None:
            try:
                virus = await self._scanner.scan(content)
            except ScanFailed as error:
                log.warning("media.scanner_failed", item=str(item.id), reason=str(error))
                await self._later(item, token, f"scanner: {error}")
                return
            if virus is not None:
                log.error("media.infected", item=str(item.id), found=virus)
                await self._give_up(item, token, "refused", f"infected: {virus}")
                return
        path = await asyncio.to_thread(self._vault.put, item.id, content)
        now = self._clock.now()
        listen = item.kind == "voice" and self._transcriber is not None
        kept = await self._end(
            item,
            token,
            state="fetched",
            content_type=found,
            size=len(content),
            path=path,
            fetched_at=now,
            discard_at=now + self._policy.keep,
            attempts=0,
            reason=None,
            due_at=now if listen else None,
        )
        if kept:
            FETCHED.labels(item.kind, "fetched").inc()
        elif await self._is_gone(item):
            await asyncio.to_thread(self._vault.discard, path)

    async def _is_gone(self, item: MediaItem) -> bool:
        """Forgotten meanwhile, not only taken over by another worker."""
        async with self._database.read("media-gone") as session:
            state = await session.scalar(select(MediaItem.state).where(MediaItem.id == item.id))
        return state is None or state == "forgotten"

    async def _later(self, item: MediaItem, token: UUID, reason: str) -> None:
        now = self._clock.now()
        if now - item.created_at >= LIFE:
            await self._give_up(item, token, "lost", reason)
            return
        wait = timedelta(seconds=RETRY[min(item.attempts - 1, len(RETRY) - 1)])
        tell = UNREADABLE if item.attempts == TELL_AFTER else None
        await self._end(item, token, tell=tell, due_at=now + wait, reason=reason[:200])

    async def _give_up(self, item: MediaItem, token: UUID, state: str, reason: str) -> None:
        log.warning("media.given_up", item=str(item.id), state=state, reason=reason)
        await self._end(item, token, tell=UNREADABLE, state=state, reason=reason[:200], due_at=None)
        FETCHED.labels(item.kind, state).inc()

    # -- hearing

    async def _hear(self, item: MediaItem, token: UUID, transcriber: Transcriber) -> None:
        assert item.path is not None and item.content_type is not None
        try:
            audio = await asyncio.to_thread(self._vault.get, item.id, item.path)
            heard = await transcriber.hear(audio, item.content_type)
        except FileNotFoundError:
            await self._give_up(item, token, "lost", "the file is gone")
            return
        except NotHeard as error:
            log.warning("media.not_heard", item=str(item.id), reason=str(error), attempt=item.attempts)
            if error.again and item.attempts < HEAR_TRIES:
                wait = timedelta(seconds=RETRY[item.attempts - 1])
                await self._end(item, token, due_at=self._clock.now() + wait)
            else:
                await self._end(item, token, tell=UNREADABLE, reason=str(error)[:200], due_at=None)
            return
        await self._heard(item, token, heard)

    async def _heard(self, item: MediaItem, token: UUID, heard: Heard) -> None:
        """The transcript goes to the conversation at once: the safety screen reads it there before anybody confirms it."""
        if not heard.text:
            await self._end(item, token, tell=UNREADABLE, reason="nothing was said", due_at=None)
            return
        assert item.path is not None
        path, sure = item.path, heard.confidence >= self._policy.least_sure
        ending: dict[str, Any] = {"due_at": None}
        drop = sure and not self._policy.keep_voice
        if drop:
            ending |= {"state": "discarded", "path": None, "discard_at": None}
        said = heard.text
        if await self._end(item, token, tell=HEARD if sure else UNSURE, said=said, **ending) and drop:
            await asyncio.to_thread(self._vault.discard, path)
        FETCHED.labels(item.kind, "heard" if sure else "unsure").inc()

    # -- writing it down

    async def _end(
        self, item: MediaItem, token: UUID, *, tell: str | None = None, said: str = "", **values: Any
    ) -> bool:
        """Give the item back with `values`, and tell the conversation. False when the lease was lost: nothing changed."""
        now = self._clock.now()
        if said:
            item.transcript = said
            values["transcript_sealed"] = item.transcript_sealed

        async def work(session: AsyncSession) -> bool:
            if not await leases.release(session, MediaItem, item.id, token, **values):
                return False
            if tell is not None:
                await self._tell(session, item, tell, said, now)
            return True

        done = await self._database.transact(work, "media-end")
        if done and tell is not None:
            self._wake_inbox()
        return done

    @staticmethod
    async def _tell(session: AsyncSession, item: MediaItem, what: str, said: str, now: datetime) -> None:
        conversation_id = await session.scalar(
            select(Conversation.id).where(Conversation.contact_id == item.contact_id)
        )
        if conversation_id is None:
            return
        await own.put(
            session,
            conversation_id,
            key=f"media:{item.id}:{'text' if said else UNREADABLE}",
            kind="voice" if said else "event",
            event=what,
            event_key=item.kind,
            text=said,
            now=now,
        )

    # -- discarding

    async def discard_outlived(self) -> int:
        """Delete the files whose time is over, and the rows of those who are gone; how many were."""
        async with self._database.read("media-outlived") as session:
            items = await service.outlived(session, self._clock.now())
        for item in items:
            await asyncio.to_thread(self._vault.discard, item.path or name_of(item.id))
        if items:
            async with self._database.write("media-discard") as session:
                for item in items:
                    row = await session.get_one(MediaItem, item.id)
                    if row.state == "forgotten":
                        await session.delete(row)
                    else:
                        row.state, row.path, row.discard_at = "discarded", None, None
        return len(items)

    async def close(self) -> None:
        if self._transcriber is not None:
            await self._transcriber.close()
