"""Several accounts at once, each with keys of its own; keys change without a message lost."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path

from fastapi import FastAPI

from channels.inbox.service import Inbox
from channels.inbox.spool import Spool
from channels.simulator.wechat import WeChatSimulator, create_wechat_simulator
from channels.simulator.wechat_rules import SimWeChatConfig
from channels.wechat.account import WeChatAccount
from channels.wechat.callback import callback_router
from channels.wechat.client import WeChatClient
from channels.wechat.token import MemoryTokenStore
from store.clock import VirtualClock
from store.database import Database
from tests.channels.simulator.serving import serve
from tests.factories.messages import received

FIRST = SimWeChatConfig(appid="wxfirst", token="t1", aes_key="A" * 43, followers=("o1",), push_spacing=0.05)
SECOND = SimWeChatConfig(
    appid="wxsecond",
    secret="other",
    token="t2",
    aes_key="B" * 43,
    mode="compat",
    envelope="json",
    followers=("o1",),
    push_spacing=0.05,
)


def account(name: str, config: SimWeChatConfig, base_url: str = "") -> WeChatAccount:
    return WeChatAccount(
        name, config.appid, config.secret, (config.token,), (config.aes_key,), config.mode, base_url=base_url
    )


async def test_two_accounts_keep_keys_people_and_tokens_apart(
    database: Database, clock: VirtualClock, tmp_path: Path
) -> None:
    accounts: dict[str, WeChatAccount] = {}
    app = FastAPI()
    inbox = Inbox(database, clock, Spool(tmp_path / "spool"))
    app.include_router(callback_router(accounts, inbox, clock))
    sims: dict[str, WeChatSimulator] = {}
    async with AsyncExitStack() as stack:
        url = await stack.enter_async_context(serve(app))
        tokens = MemoryTokenStore()
        for name, config in (("first", FIRST), ("second", SECOND)):
            made = create_wechat_simulator(config, f"{url}/wx/{name}", clock=clock)
            base = await stack.enter_async_context(serve(made))
            sims[name], accounts[name] = made.state.sim, account(name, config, base)
        results = await asyncio.gather(*(sim.user_text("o1", name) for name, sim in sims.items()))
        assert [result.status for result in results] == ["ok", "ok"]
        sims["first"].pusher.callback_url = f"{url}/wx/second"
        assert (await sims["first"].user_text("o1", "falsch")).status == "failed"
        for name in sims:
            client = WeChatClient(accounts[name], clock, tokens)
            assert isinstance(await client.send_text("o1", f"给{name}"), dict)
            await client.close()
        assert [event["text"] for event in sims["first"].transcript("o1") if event["kind"] == "custom"] == [
            "给first"
        ]
        assert [event["text"] for event in sims["second"].transcript("o1") if event["kind"] == "custom"] == [
            "给second"
        ]
    rows = await received(database)
    assert sorted((row.account_id, row.text) for row in rows) == [("first", "first"), ("second", "second")]
    assert len({row.contact_id for row in rows}) == 2


async def test_a_key_changes_in_three_steps_without_a_message_lost(
    database: Database, clock: VirtualClock, tmp_path: Path
) -> None:
    """Add the new key behind the old one, change the console, take the old one away."""
    old, new = account("main", FIRST), replace(account("main", FIRST), tokens=("t9",), aes_keys=("Z" * 43,))
    both = replace(old, tokens=("t9", "t1"), aes_keys=("Z" * 43, "A" * 43))
    accounts = {"main": old}
    app = FastAPI()
    app.include_router(callback_router(accounts, Inbox(database, clock, Spool(tmp_path / "spool")), clock))
    async with serve(app) as url:
        before = create_wechat_simulator(FIRST, f"{url}/wx/main", clock=clock).state.sim
        after = create_wechat_simulator(
            replace(FIRST, token="t9", aes_key="Z" * 43, push_deliveries=1), f"{url}/wx/main", clock=clock
        ).state.sim
        assert (await after.user_text("o1", "太早")).status == "failed"
        accounts["main"] = both
        assert (await before.user_text("o1", "一")).status == "ok"
        assert (await after.user_text("o1", "二")).status == "ok"
        accounts["main"] = new
        assert (await after.user_text("o1", "三")).status == "ok"
        assert (await before.user_text("o1", "太晚")).status == "failed"
        await before.close()
        await after.close()
    assert [row.text for row in await received(database)] == ["一", "二", "三"]
