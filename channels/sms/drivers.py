"""The SMS drivers by name: how an account becomes a sender and its callbacks. Another vendor is another row here."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import aiohttp
from fastapi import APIRouter

from channels.ports import InboundSink, ReceiptSink
from channels.sms.aliyun import AliyunAccount, AliyunSender
from channels.sms.aliyun_push import AliyunCallbacks
from channels.sms.callback import callback_router
from channels.sms.cmpp.account import CmppAccount
from channels.sms.cmpp.client import CmppSender
from channels.sms.port import SmsAccount, SmsSender
from channels.sms.push import Callbacks
from channels.sms.template import TemplateRegistry
from channels.sms.tencent import TencentAccount, TencentSender
from channels.sms.tencent_push import TencentCallbacks
from channels.sms.twilio import TwilioAccount, TwilioSender
from channels.sms.twilio_push import TwilioCallbacks
from store.clock import Clock


class SendingAbroadForbidden(ValueError):
    """The account's vendor takes patients' words out of the country, and the hospital has not allowed that."""


@dataclass(frozen=True, slots=True)
class Wiring:
    """What a driver may need beside its account; the sinks are for one that receives over its own connection."""

    clock: Clock
    templates: TemplateRegistry | None = None
    session: aiohttp.ClientSession | None = None
    inbound_sink: InboundSink | None = None
    receipt_sink: ReceiptSink | None = None


@dataclass(frozen=True, slots=True)
class Driver:
    """One vendor's adapter. `callbacks` is `None` for one that is not called back over HTTP; `abroad`: patients' words leave the
    country."""

    account: type[Any]
    sender: Callable[[Any, Wiring], SmsSender]
    callbacks: Callable[[Any, Clock], Callbacks] | None = None
    abroad: bool = False


def _cmpp(account: CmppAccount, with_: Wiring) -> CmppSender:
    """A gateway is received from over the sender's own connection: it needs both sinks."""
    if with_.inbound_sink is None or with_.receipt_sink is None:
        raise ValueError(f"SMS account {account.account_id} (cmpp) needs the inbound and the receipt sink")
    return CmppSender(account, with_.clock, with_.inbound_sink, with_.receipt_sink)


DRIVERS: Mapping[str, Driver] = {
    "aliyun": Driver(
        AliyunAccount,
        lambda one, with_: AliyunSender(one, with_.clock, with_.templates, with_.session),
        AliyunCallbacks,
    ),
    "tencent": Driver(
        TencentAccount,
        lambda one, with_: TencentSender(one, with_.clock, with_.templates, with_.session),
        TencentCallbacks,
    ),
    "twilio": Driver(
        TwilioAccount,
        lambda one, with_: TwilioSender(one, with_.clock, with_.session),
        TwilioCallbacks,
        abroad=True,
    ),
    "cmpp": Driver(CmppAccount, _cmpp),
}


def driver_of(account: Any) -> str:
    """The name of the driver an account belongs to. Raises `TypeError`."""
    for name, driver in DRIVERS.items():
        if isinstance(account, driver.account):
            return name
    raise TypeError(f"no SMS driver takes a {type(account).__name__}")


def make_sender(
    account: SmsAccount,
    clock: Clock,
    templates: TemplateRegistry | None = None,
    session: aiohttp.ClientSession | None = None,
    *,
    sending_abroad: bool = False,
    inbound_sink: InboundSink | None = None,
    receipt_sink: ReceiptSink | None = None,
) -> SmsSender:
    """A sender for `account`; run one that is `Connected`. Raises `SendingAbroadForbidden` for a vendor abroad unless
    `sending_abroad`."""
    driver = DRIVERS[driver_of(account)]
    if driver.abroad and not sending_abroad:
        raise SendingAbroadForbidden(
            f"SMS account {account.account_id} ({driver_of(account)}) sends patients' words abroad. "
            "Set BANYI_ALLOW_SENDING_ABROAD=true only after consent and the security assessment the law asks for."
        )
    return driver.sender(account, Wiring(clock, templates, session, inbound_sink, receipt_sink))


def make_router(
    accounts: Iterable[SmsAccount], inbound_sink: InboundSink, receipt_sink: ReceiptSink, clock: Clock
) -> APIRouter:
    """The callback routes of all accounts whose vendor calls back. Raises `ValueError` for a secret used twice."""
    by_driver: dict[str, list[Callbacks]] = {}
    for account in accounts:
        name = driver_of(account)
        if (build := DRIVERS[name].callbacks) is not None:
            by_driver.setdefault(name, []).append(build(account, clock))
    return callback_router(by_driver, inbound_sink, receipt_sink)
