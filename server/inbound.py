"""What comes in: stored, spooled while the database is away, media fetched, handled by the conversation."""

from __future__ import annotations

from dataclasses import dataclass

from bot.conversation import ConversationHandler
from bot.engine_client import EngineClient
from bot.worker import InboxWorker
from channels.inbox.service import Inbox
from channels.inbox.spool import Spool
from channels.media.worker import MediaWorker
from channels.wechat.console.live import LiveConsole
from channels.wechat.typing import Typing
from language.screen import Ear
from server.media import media_worker, transcriber_of
from server.outbound import Outbound
from server.people import CarePeople
from server.settings import Settings
from server.vendors import Vendors
from server.work import Job
from store.clock import Clock
from store.database import Database


@dataclass(slots=True)
class Inbound:
    inbox: Inbox
    spool: Spool
    worker: InboxWorker
    media: MediaWorker

    def jobs(self) -> list[Job]:
        return [self.worker.run, self.media.run, self.inbox.run_spool]


def make_inbound(
    settings: Settings,
    database: Database,
    clock: Clock,
    engine: EngineClient,
    people: CarePeople,
    console: LiveConsole,
    vendors: Vendors,
    outbound: Outbound,
    ear: Ear,
) -> Inbound:
    transcriber = transcriber_of(settings)
    handler = ConversationHandler(
        database,
        clock,
        engine,
        people,
        hears=transcriber is not None,
        typing=Typing(vendors.clients),
        console=console,
        ear=ear,
    )
    worker = InboxWorker(database, clock, handler, people, outbound.queued, settings.inbox_concurrency)
    spool = Spool(settings.spool)
    return Inbound(
        inbox=Inbox(
            database,
            clock,
            spool,
            worker.wake,
            receipts=outbound.receipts,
            kind_of=vendors.notices.kind_of,
        ),
        spool=spool,
        worker=worker,
        media=media_worker(settings, database, clock, vendors.clients, transcriber, worker.wake),
    )
