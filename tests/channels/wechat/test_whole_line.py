"""The whole line: the vendor's stand-in pushes over TCP, the house stores, thinks, answers on the line or after it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from sqlalchemy import select

from bot.conversation import ConversationHandler
from bot.engine_client import EngineClient
from bot.worker import InboxWorker
from care.patients import service as patients
from care.patients.models import Relation
from care.patients.service import PatientData
from channels.contacts.models import Contact, SendingWindow
from channels.inbox.service import LINE_MARGIN, Inbox
from channels.inbox.spool import Spool
from channels.outbox.passive import Passive
from channels.outbox.receipts import Receipts
from channels.simulator.wechat import WeChatSimulator, create_wechat_simulator
from channels.simulator.wechat_rules import SimWeChatConfig
from channels.wechat.account import WeChatAccount
from channels.wechat.callback import callback_router
from channels.wechat.client import WeChatClient
from channels.wechat.typing import Typing
from channels.wording.catalogue import Catalogue
from server.wording import WORDING
from store.audit import AuditRow
from store.clock import VirtualClock
from store.database import Database
from tests.channels.simulator.serving import serve, until
from tests.channels.wechat.test_passive import Gate
from tests.factories.engine import OK, EngineSurface, engine_surface
from tests.factories.messages import received, said
from tests.factories.people import care_people

CONFIG = SimWeChatConfig(followers=("o1", "o2"), push_spacing=0.05, push_timeout=30.0)
FACTS = {"hospital": "云江市示范医院", "landline": "0571-00000000"}


@dataclass
class House:
    sim: WeChatSimulator
    database: Database
    engine: EngineSurface
    client: WeChatClient

    def shown(self, openid: str = "o1") -> list[tuple[str, str]]:
        events = self.sim.transcript(openid)
        return [(one["kind"], one["text"]) for one in events if one["direction"] == "out"]


@asynccontextmanager
async def running(
    database: Database, clock: VirtualClock, folder: Path, config: SimWeChatConfig = CONFIG, **account: Any
) -> AsyncIterator[House]:
    """Everything but the delivery worker: what is not passive stays in the outbox."""
    people = care_people(database, clock)
    passive = Passive(database, clock, Catalogue(WORDING, FACTS), Gate())
    accounts: dict[str, WeChatAccount] = {}
    async with engine_surface() as engine:
        brain = EngineClient(f"http://127.0.0.1:{engine.port}", timeout=4.0)
        app = FastAPI()
        async with serve(app) as url:
            made = create_wechat_simulator(config, f"{url}/wx/hospital", clock=clock)
            async with serve(made) as sim_url:
                given: dict[str, Any] = {
                    "account_id": "hospital",
                    "appid": config.appid,
                    "secret": config.secret,
                    "tokens": (config.token,),
                    "aes_keys": (config.aes_key,),
                    "base_url": sim_url,
                    "passive_wait": 4.5,
                }
                accounts["hospital"] = WeChatAccount(**given | account)
                client = WeChatClient(accounts["hospital"], clock)
                handler = ConversationHandler(
                    database, clock, brain, people, typing=Typing({"hospital": client}, after=0.1)
                )
                worker = InboxWorker(database, clock, handler, people, passive.queued)
                inbox = Inbox(
                    database, clock, Spool(folder / "spool"), worker.wake, receipts=Receipts(database, clock)
                )
                app.include_router(callback_router(accounts, inbox, clock, passive))
                loop = asyncio.create_task(worker.run())
                try:
                    yield House(made.state.sim, database, engine, client)
                finally:
                    loop.cancel()
                    await asyncio.gather(loop, return_exceptions=True)
                    await worker.drain()
                    await brain.close()
                    await client.close()


@pytest.mark.parametrize("mode", ["plain", "safe"])
async def test_an_answer_that_is_ready_costs_no_quota(
    database: Database, clock: VirtualClock, tmp_path: Path, mode: Any
) -> None:
    async with running(database, clock, tmp_path, replace(CONFIG, mode=mode), mode=mode) as house:
        result = await house.sim.user_text("o1", "几点上班")
        assert result.status == "ok"
        [(kind, text)] = house.shown()
        assert kind == "passive"
        assert "八点到五点半" in text
        assert house.sim.window("o1")["left"] == 5
    [row] = await said(database)
    assert (row.status, row.rung) == ("accepted", "passive")


async def test_the_welcome_is_passive(database: Database, clock: VirtualClock, tmp_path: Path) -> None:
    async with running(database, clock, tmp_path) as house:
        await house.sim.user_follow("o3")
        [(kind, text)] = house.shown("o3")
        assert kind == "passive"
        assert "欢迎关注" in text
        assert "1 预约挂号" in text
        assert house.sim.window("o3")["left"] == 3


async def test_redeliveries_get_the_same_words_and_nothing_is_said_twice(
    database: Database, clock: VirtualClock, tmp_path: Path
) -> None:
    """The vendor gives up after 0.3 s and asks again while the first callback still waits."""
    impatient = replace(CONFIG, push_timeout=0.3, push_deliveries=50, markfail_after=0)
    async with running(database, clock, tmp_path, impatient) as house:
        house.engine.answers = [0.7]
        result = await house.sim.user_text("o1", "几点上班")
        assert result.status == "ok"
        assert result.deliveries >= 2
        assert "八点到五点半" in result.reply
        assert len(house.engine.asked) == 1
    assert [row.rung for row in await said(database)] == ["passive"]
    assert len(await received(database)) == 1


async def test_what_takes_too_long_is_left_to_the_ladder_and_typing_is_shown_meanwhile(
    database: Database, clock: VirtualClock, tmp_path: Path
) -> None:
    async with running(database, clock, tmp_path, passive_wait=0.2) as house:
        house.engine.answers = [0.8]
        result = await house.sim.user_text("o1", "几点上班")
        assert (result.status, result.reply) == ("ok", "")
        assert house.sim.rules.users["o1"].typing_until > 0
        while not (rows := await said(database)):
            await asyncio.sleep(0.05)
        [row] = rows
        assert (row.status, row.rung) == ("queued", None)
        assert row.due_at is not None
        assert row.due_at <= clock.now() + timedelta(seconds=0.2 + LINE_MARGIN)


async def test_where_the_account_does_not_wait_success_is_said_at_once(
    database: Database, clock: VirtualClock, tmp_path: Path
) -> None:
    async with running(database, clock, tmp_path, passive_wait=0.0) as house:
        result = await house.sim.user_text("o1", "几点上班")
        assert (result.status, result.reply) == ("ok", "")
        while not (rows := await said(database)):
            await asyncio.sleep(0.05)
        assert rows[0].due_at == clock.now()


async def test_unfollowing_takes_the_link_the_quota_and_what_was_to_be_sent(
    database: Database, clock: VirtualClock, tmp_path: Path
) -> None:
    async with running(database, clock, tmp_path, passive_wait=0.0) as house:
        await house.sim.user_text("o1", "几点上班")
        while not await said(database):
            await asyncio.sleep(0.05)
        async with database.write("a test's patient") as session:
            [contact] = await session.scalars(select(Contact).where(Contact.channel == "wechat"))
            patient = await patients.create(session, PatientData("D9", "王秀兰", "female"), clock.now())
            await patients.link_contact(session, patient.id, contact.id, Relation.SELF, at=clock.now())
        clock.advance(timedelta(seconds=1))
        await house.sim.user_unfollow("o1")

        async def done() -> bool:
            return all(row.status == "handled" for row in await received(database))

        while not await done():
            await asyncio.sleep(0.05)
    [row] = await said(database)
    assert (row.status, row.reason) == ("suppressed", "unfollowed")
    async with database.read() as session:
        assert (await session.scalars(select(SendingWindow))).all() == []
        assert await patients.patients_of_contact(session, contact.id) == []
        assert await patients.get(session, patient.id) is not None
        done_ = set(await session.scalars(select(AuditRow.action)))
        assert {"unbind", "unfollowed"} <= done_
    assert (await received(database))[0].text == "几点上班"


async def test_a_place_is_dropped_where_nobody_consented_to_it(
    database: Database, clock: VirtualClock, tmp_path: Path
) -> None:
    async with running(database, clock, tmp_path) as house:
        where = {"Latitude": "30.25", "Longitude": "120.16", "Precision": "10"}
        result = await house.sim.user_event("o1", "LOCATION", **where)
        assert result.status == "ok"
        assert await received(database) == []
    async with running(database, clock, tmp_path, keep_location=True) as house:
        await house.sim.user_event("o1", "LOCATION", **where)
        assert [row.event for row in await received(database)] == ["location"]


async def test_without_customer_messages_the_waiting_note_goes_passively(
    database: Database, clock: VirtualClock, tmp_path: Path
) -> None:
    async with running(database, clock, tmp_path, customer_messages=False) as house:
        house.engine.answers = [503, 503, 503]
        result = await house.sim.user_text("o1", "几点上班")
        assert "收到您的消息" in result.reply


async def test_menu_taps_and_scans_are_answered_passively_too(
    database: Database, clock: VirtualClock, tmp_path: Path
) -> None:
    async with running(database, clock, tmp_path) as house:
        house.engine.answers = [OK]
        result = await house.sim.tap_menu("o1", "HELP")
        assert "八点到五点半" in result.reply
        result = await house.sim.tap_menu("o1", "https://hospital.example/", "VIEW")
        assert (result.status, result.reply) == ("ok", "")
        await until(lambda: house.sim.window("o1")["left"] == 3)
