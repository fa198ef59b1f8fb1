"""The accounts at WeChat and at the SMS vendors, and what speaks to each of them."""

from __future__ import annotations

from dataclasses import dataclass

from redis.asyncio import Redis

from channels.inbox.service import Inbox
from channels.outbox.rates import Rates
from channels.outbox.receipts import Receipts
from channels.ports import Sender
from channels.sms.drivers import SendingAbroadForbidden, make_sender
from channels.sms.port import Connected, SmsAccount, SmsSender
from channels.wechat.account import WeChatAccount
from channels.wechat.client import WeChatClient
from channels.wechat.nonces import MemoryNonces, Nonces, RedisNonces
from channels.wechat.notices import NoticeBook, read_ids
from channels.wechat.redis_tokens import RedisTokenStore
from channels.wechat.sender import WeChatSender
from channels.wechat.token import MemoryTokenStore, TokenStore
from channels.wording.catalogue import Catalogue
from server.accounts import Accounts, read_accounts
from server.settings import Settings, SettingsError
from server.wording import WORDING, facts
from server.work import Job
from store.clock import Clock


@dataclass(slots=True)
class Vendors:
    """`clients`: WeChat account id → client. `senders`: (channel, account id) → sender."""

    accounts: Accounts
    clients: dict[str, WeChatClient]
    senders: dict[tuple[str, str], Sender]
    tokens: TokenStore
    nonces: Nonces
    notices: NoticeBook
    rates: Rates

    @property
    def wechat(self) -> WeChatAccount:
        """The first WeChat account: the demo's."""
        return next(iter(self.accounts.wechat.values()))

    @property
    def sms(self) -> SmsAccount:
        """The SMS account that codes and the demo use."""
        return self.accounts.sms[self.accounts.sms_default]

    @property
    def passive_only(self) -> list[str]:
        """WeChat accounts that may answer a callback and say nothing by themselves."""
        return [one.account_id for one in self.accounts.wechat.values() if not one.customer_messages]

    def free_text(self, account_id: str) -> bool:
        """Whether an SMS account's driver takes any text, so that templates need no approval."""
        capabilities = getattr(self.senders["sms", account_id], "capabilities", None)
        return capabilities is not None and bool(capabilities.free_text)

    def jobs(self) -> list[Job]:
        """Drivers that hold a connection of their own."""
        return [sender.run for sender in self.senders.values() if isinstance(sender, Connected)]

    async def close(self) -> None:
        for sender in self.senders.values():
            await sender.close()
        await self.rates.close()


def make_vendors(settings: Settings, clock: Clock) -> Vendors:
    """WeChat's accounts are ready; SMS drivers come with `connect_sms`, since they report to the inbox."""
    accounts, tokens = read_accounts(settings), _token_store(settings)
    clients = {one.account_id: WeChatClient(one, clock, tokens) for one in accounts.wechat.values()}
    return Vendors(
        accounts=accounts,
        clients=clients,
        senders={("wechat", account_id): WeChatSender(client) for account_id, client in clients.items()},
        tokens=tokens,
        nonces=RedisNonces(Redis.from_url(settings.redis_url)) if settings.redis_url else MemoryNonces(),
        notices=_notices(settings),
        rates=Rates(accounts.per_second, settings.redis_url),
    )


def connect_sms(
    vendors: Vendors, settings: Settings, clock: Clock, catalogue: Catalogue, inbox: Inbox, receipts: Receipts
) -> None:
    """Each SMS account gets its driver; `catalogue` hears how little room its variables have."""
    for one in vendors.accounts.sms.values():
        sender = vendors.senders["sms", one.account_id] = _sms_sender(settings, one, clock, inbox, receipts)
        if room := sender.capabilities.variable_chars:
            catalogue.narrow(one.account_id, room)


def _sms_sender(
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


def _notices(settings: Settings) -> NoticeBook:
    """The notices with the accounts' own ids; the simulator's account knows our names."""
    book = WORDING / "notices.yml"
    if settings.wechat_notices_file is not None:
        return NoticeBook(book, facts(settings), read_ids(settings.wechat_notices_file))
    return NoticeBook(book, facts(settings), None if settings.simulators else {})


def _token_store(settings: Settings) -> TokenStore:
    """Shared in Redis where there is one, else this process's own."""
    if settings.redis_url:
        return RedisTokenStore(Redis.from_url(settings.redis_url))
    return MemoryTokenStore()
