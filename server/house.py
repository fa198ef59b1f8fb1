"""Everything one process works with, built from the settings: the one place where rooms are wired to each other."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any
from uuid import UUID

import structlog
from redis.asyncio import Redis
from sqlalchemy.ext.asyncio import AsyncSession

from actions.base import BanyiAction
from actions.catalogue import all_actions
from actions.services import Services
from bot.conversation import ConversationHandler
from bot.engine_client import EngineClient
from bot.worker import InboxWorker
from care.appointments import service as appointments
from care.appointments.slots import generate_slots
from care.desk.hours import DutyHours
from care.gate.policy import Gate
from care.gate.words import CatalogueWords
from care.hospital.gazetteer import GazetteerCache
from channels.contacts import service as contacts
from channels.inbox.service import Inbox
from channels.inbox.spool import Spool
from channels.media.worker import MediaWorker
from channels.outbox import service as outbox
from channels.outbox.delivery import Delivery
from channels.outbox.enquiry import Enquiry
from channels.outbox.passive import Passive
from channels.outbox.rates import Rates
from channels.outbox.receipts import Receipts
from channels.ports import ChannelName, Sender
from channels.questions import holder
from channels.reply import Reply
from channels.sms import review as template_review
from channels.sms.aliyun import AliyunSender
from channels.sms.drivers import SendingAbroadForbidden, make_sender
from channels.sms.port import Connected, SmsAccount, SmsSender
from channels.wechat.account import WeChatAccount
from channels.wechat.client import WeChatClient
from channels.wechat.console.live import LiveConsole
from channels.wechat.nonces import MemoryNonces, Nonces, RedisNonces
from channels.wechat.notices import NoticeBook, read_ids
from channels.wechat.redis_tokens import RedisTokenStore
from channels.wechat.sender import WeChatSender
from channels.wechat.token import MemoryTokenStore, TokenStore
from channels.wechat.typing import Typing
from channels.wording import registry
from channels.wording.catalogue import Catalogue, make_template
from content.faq.questions.grouper import QuestionGrouper
from content.faq.search import FaqIndex, sms_text
from content.faq.service import published
from language.embed import Embedder, embed_one
from language.retrieve import HybridIndex
from language.sentiment import judge
from server.accounts import Accounts, read_accounts
from server.media import media_worker, transcriber_of
from server.people import CareDesk, CarePeople
from server.settings import ROOT, Settings, SettingsError
from store import crypto
from store.audit import AuditSealer
from store.clock import Clock, VirtualClock
from store.database import Database

log = structlog.get_logger(__name__)

WORDING = ROOT / "data" / "seed" / "wording"


class SmsCodes:
    """Implements `actions.services.PhoneCodes`: a code is an SMS row to the number on record."""

    def __init__(self, account_id: str, clock: Clock) -> None:
        self._account_id = account_id
        self._clock = clock

    async def send(self, session: AsyncSession, phone: str, code: str, dedup_key: str) -> None:
        now = self._clock.now()
        _, conversation = await contacts.ensure(session, ChannelName.SMS, self._account_id, phone, now)
        await outbox.enqueue(
            session,
            conversation,
            Reply("bind.code_sms", {"code": code}),
            dedup_key=dedup_key,
            purpose="code",
            now=now,
        )


@dataclass(slots=True)
class House:
    """One process's working parts. `start` runs its background work, `close` ends it."""

    settings: Settings
    clock: Clock
    database: Database
    catalogue: Catalogue
    faq: FaqIndex
    questions: QuestionGrouper
    services: Services
    actions: list[BanyiAction]
    engine: EngineClient
    inbox: Inbox
    spool: Spool
    receipts: Receipts
    worker: InboxWorker
    media: MediaWorker
    clients: dict[str, WeChatClient]
    console: LiveConsole
    tokens: TokenStore
    rates: Rates
    delivery: Delivery
    passive: Passive
    notices: NoticeBook
    nonces: Nonces
    enquiry: Enquiry
    sealer: AuditSealer
    accounts: Accounts
    senders: dict[tuple[str, str], Sender]
    on_templates: list[Callable[[], Awaitable[None]]] = field(default_factory=list)
    tasks: list[asyncio.Task[None]] = field(default_factory=list)

    @property
    def wechat(self) -> WeChatAccount:
        """The first WeChat account: the demo's."""
        return next(iter(self.accounts.wechat.values()))

    @property
    def sms(self) -> SmsAccount:
        """The SMS account that codes and the demo use."""
        return self.accounts.sms[self.accounts.sms_default]

    async def prepare(self) -> None:
        """Index the FAQ, register its templates, read what is approved."""
        await self.console.refresh()
        if not await self.faq.refresh():
            await self.sync_templates()

    async def sync_templates(self) -> None:
        """Every wording's and FAQ entry's SMS template is registered with each account.

        In the demo the vendor approves them at once; a driver that takes free text needs nobody's approval.
        """
        templates = self.catalogue.sms_templates()
        async with self.database.read("faq-templates") as session:
            entries = await published(session)
        templates += [
            make_template(f"faq:{one.slug}", 0, self.catalogue.sms_text(sms_text(one))) for one in entries
        ]

        async def work(session: AsyncSession) -> None:
            for account_id in self.accounts.sms:
                free = self.settings.simulators or free_text(self.senders["sms", account_id])
                state = "approved" if free else "draft"
                await registry.register(
                    session, templates, self.clock.now(), account_id=account_id, state=state
                )

        await self.database.transact(work, "templates")
        await self.load_templates()

    async def load_templates(self) -> None:
        """Let SMS say what is approved by now."""
        async with self.database.read("templates") as session:
            await registry.load_into(session, self.catalogue, self.accounts.sms)
        for tell in self.on_templates:
            await tell()

    async def review_templates(self, *, poll: bool = True) -> None:
        """Hand in what operators submitted; with `poll` ask after what is in review. What may be said is read anew."""
        for account_id, account in self.accounts.sms.items():
            sender = self.senders["sms", account_id]
            if isinstance(sender, AliyunSender):
                await template_review.sync(
                    self.database,
                    self.clock,
                    account_id,
                    account.sign,
                    template_review.AliyunReview(sender),
                    poll=poll,
                )
        await self.load_templates()  # decided here, in another process or by a file

    async def _review_templates(self) -> None:
        """As often as a vendor takes applications; after those in review every tenth round."""
        rounds = 0
        while True:
            try:
                await self.review_templates(poll=rounds % 10 == 0)
                rounds += 1
            except Exception:
                log.exception("templates.sync_failed")
            await asyncio.sleep(template_review.APART.total_seconds())

    async def start(self) -> None:
        """Start the background work of this process."""
        jobs: list[Coroutine[Any, Any, None]] = [self.faq.run(), self.console.run()]
        if self.settings.workers:
            jobs += [
                self.worker.run(),
                self.media.run(),
                self.delivery.run(),
                self.enquiry.run(),
                self.inbox.run_spool(),
                self._seal(),
                self._housekeeping(),
                self._review_templates(),
                self.questions.run(),
                *(sender.run() for sender in self.senders.values() if isinstance(sender, Connected)),
            ]
        self.tasks = [asyncio.create_task(job) for job in jobs]

    async def _seal(self) -> None:
        while True:
            try:
                await self.sealer.seal_once()
            except Exception:
                log.exception("audit.seal_failed")
            await asyncio.sleep(1)

    async def _housekeeping(self) -> None:
        """Each minute: holds that ran out are given back; each hour: slots ahead are made."""
        minute = 0
        while True:
            try:

                async def work(session: AsyncSession) -> None:
                    await appointments.sweep_holds(session, now=self.clock.now())

                await self.database.transact(work, "sweep-holds")
                if minute % 60 == 0:
                    async with self.database.write("generate-slots") as session:
                        await generate_slots(session, self.clock)
                minute += 1
            except Exception:
                log.exception("housekeeping.failed")
            await asyncio.sleep(60)

    async def close(self) -> None:
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)
        await self.worker.drain()
        await self.delivery.drain()
        await self.engine.close()
        await self.media.close()
        for sender in self.senders.values():
            await sender.close()
        await self.rates.close()
        await self.database.close()


def free_text(sender: Sender) -> bool:
    """Whether an SMS driver takes any text, so that templates need no approval."""
    capabilities = getattr(sender, "capabilities", None)
    return capabilities is not None and bool(capabilities.free_text)


def sms_sender(
    settings: Settings, account: SmsAccount, clock: Clock, inbox: Inbox, receipts: Receipts
) -> SmsSender:
    """The account's driver. Raises `SettingsError` for a vendor abroad without leave."""
    try:
        return make_sender(
            account,
            clock,
            sending_abroad=settings.allow_sending_abroad,
            inbound_sink=inbox,
            receipt_sink=receipts,
        )
    except SendingAbroadForbidden as error:
        raise SettingsError(str(error)) from error


def build(settings: Settings, clock: Clock | None = None) -> House:
    """Wire one process. Opens no connection yet."""
    crypto.install(settings.secrets.keyring)
    clock = clock or (
        VirtualClock(zone=settings.time_zone) if settings.simulators else Clock(settings.time_zone)
    )
    database = Database(settings.database, durable=settings.database_durable)
    facts = {"hospital": settings.hospital_name, "landline": settings.landline}
    catalogue = Catalogue(WORDING, facts)
    embedder = Embedder(settings.models / "sentence-onnx")
    houses: list[House] = []

    async def faq_changed() -> None:
        for one in houses:
            await one.sync_templates()

    faq = FaqIndex(database, HybridIndex(embedder), faq_changed)
    services = Services(
        database=database,
        clock=clock,
        faq=faq,
        gazetteer=GazetteerCache(),
        duty_hours=DutyHours.parse(settings.duty_hours),
        codes=SmsCodes(settings.sms_account, clock),
        hospital_name=settings.hospital_name,
        landline=settings.landline,
        mood=partial(judge, embed=partial(embed_one, embedder)),
    )
    people, desk = CarePeople(services), CareDesk(services.due_at)
    engine = EngineClient(settings.engine)
    accounts, tokens = read_accounts(settings), _token_store(settings)
    clients = {one.account_id: WeChatClient(one, clock, tokens) for one in accounts.wechat.values()}
    senders: dict[tuple[str, str], Sender] = {
        ("wechat", account_id): WeChatSender(client) for account_id, client in clients.items()
    }
    notices = _notices(settings, facts)
    passive_only = [one.account_id for one in accounts.wechat.values() if not one.customer_messages]
    words = CatalogueWords(catalogue)
    policy = Gate(settings.gate, words, notices, holder, passive_only=passive_only)
    rates = Rates(accounts.per_second, settings.redis_url)
    delivery = Delivery(
        database, clock, catalogue, senders, policy, desk, settings.delivery_concurrency, rates
    )
    passive = Passive(database, clock, catalogue, policy, delivery.wake)

    def queued() -> None:
        passive.queued()
        delivery.wake()

    transcriber, console = transcriber_of(settings), LiveConsole(database)
    handler = ConversationHandler(
        database,
        clock,
        engine,
        people,
        hears=transcriber is not None,
        typing=Typing(clients),
        console=console,
    )
    worker = InboxWorker(database, clock, handler, people, queued, settings.inbox_concurrency)
    spool = Spool(settings.spool)
    receipts = Receipts(database, clock, delivery.wake, desk)
    inbox = Inbox(database, clock, spool, worker.wake, receipts=receipts, kind_of=notices.kind_of)
    for one in accounts.sms.values():
        sender = senders["sms", one.account_id] = sms_sender(settings, one, clock, inbox, receipts)
        if room := sender.capabilities.variable_chars:
            catalogue.narrow(one.account_id, room)
    house = House(
        settings=settings,
        clock=clock,
        database=database,
        catalogue=catalogue,
        faq=faq,
        questions=QuestionGrouper(
            database, clock, embedder, faq, timedelta(days=settings.questions_keep_days)
        ),
        services=services,
        actions=all_actions(services),
        engine=engine,
        inbox=inbox,
        spool=spool,
        receipts=receipts,
        worker=worker,
        media=media_worker(settings, database, clock, clients, transcriber, worker.wake),
        clients=clients,
        console=console,
        tokens=tokens,
        rates=rates,
        delivery=delivery,
        passive=passive,
        notices=notices,
        nonces=RedisNonces(Redis.from_url(settings.redis_url)) if settings.redis_url else MemoryNonces(),
        enquiry=Enquiry(database, clock, senders, receipts, desk),
        sealer=AuditSealer(
            database, settings.secrets.audit_key, _head_keeper(settings.var_dir / "audit-head.json")
        ),
        accounts=accounts,
        senders=senders,
    )
    houses.append(house)
    return house


def _notices(settings: Settings, facts: dict[str, str]) -> NoticeBook:
    """The notices with the accounts' own ids; the simulator's account knows our names."""
    if settings.wechat_notices_file is not None:
        return NoticeBook(WORDING / "notices.yml", facts, read_ids(settings.wechat_notices_file))
    return NoticeBook(WORDING / "notices.yml", facts, None if settings.simulators else {})


def _token_store(settings: Settings) -> TokenStore:
    """Shared in Redis where there is one, else this process's own."""
    if settings.redis_url:
        return RedisTokenStore(Redis.from_url(settings.redis_url))
    return MemoryTokenStore()


def _head_keeper(path: Path) -> Callable[[int, str], None]:
    def keep(seal_no: int, digest: str) -> None:
        part = path.with_suffix(".part")
        part.write_text(json.dumps({"seal_no": seal_no, "digest": digest}))
        part.replace(path)

    return keep


def contact_maker(house: House) -> Callable[[AsyncSession, str, str], Awaitable[UUID]]:
    """Makes a demo contact's row (`care.seed` links patients to it)."""

    async def make(session: AsyncSession, channel: str, address: str) -> UUID:
        account = house.wechat.account_id if channel == "wechat" else house.sms.account_id
        contact, _ = await contacts.ensure(session, channel, account, address, house.clock.now())
        return contact.id

    return make
