"""\"正在输入\" is shown to those who wait, never in the way of the answer."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any, cast

import pytest

from channels.contacts.models import Contact
from channels.wechat.typing import Typing

pytestmark = pytest.mark.usefixtures("keyring")


@dataclass
class Account:
    """A client whose calls are counted."""

    account: Any
    fails: bool = False
    shown: list[str] = field(default_factory=list)
    called: asyncio.Event = field(default_factory=asyncio.Event)

    async def typing(self, openid: str) -> dict[str, Any]:
        self.shown.append(openid)
        self.called.set()
        if self.fails:
            raise OSError("the line is dead")
        return {}


def client(kind: str = "service", customer_messages: bool = True, fails: bool = False) -> Account:
    return Account(SimpleNamespace(account_type=kind, customer_messages=customer_messages), fails)


def contact(channel: str = "wechat") -> Contact:
    return Contact(channel=channel, account_id="hospital", address="o1")


@pytest.mark.parametrize("fails", [False, True])
async def test_a_slow_answer_shows_it_once(fails: bool) -> None:
    account = client(fails=fails)
    async with Typing({"hospital": cast("Any", account)}, after=0.0).while_slow(contact()):
        await account.called.wait()
    assert account.shown == ["o1"]


async def test_a_quick_answer_shows_nothing() -> None:
    account = client()
    async with Typing({"hospital": cast("Any", account)}, after=60.0).while_slow(contact()):
        pass
    assert account.shown == []


@pytest.mark.parametrize(
    ("account", "to"),
    [
        (client("subscription"), "wechat"),
        (client(customer_messages=False), "wechat"),
        (client(), "sms"),
    ],
)
async def test_nothing_is_asked_of_accounts_that_cannot(account: Account, to: str) -> None:
    async with Typing({"hospital": cast("Any", account)}, after=0.0).while_slow(contact(to)):
        await asyncio.sleep(0.02)
    assert account.shown == []
