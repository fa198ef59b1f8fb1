"""今日随访 as two nurses in two browsers: what one takes the other sees, without losing what she writes; handed over, recorded by her."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from fastapi import APIRouter
from playwright.sync_api import Browser, Locator, Page, expect

from care.desk.live import Live
from care.desk.looks import LOOKS
from care.desk.pages import stream
from care.desk.pages.desk import Desk
from care.followup.looks import calls
from store.clock import VirtualClock, real_now
from store.crypto import Keyring
from store.database import Database
from tests.care.conftest import build
from tests.care.followup.site import a_morning, calls_app
from tests.channels.ops.site import PASSWORD
from tests.e2e.test_ops_pages import Ops, signed_in
from tests.e2e.test_phones_page import chromium as chromium
from tests.e2e.threaded import served
from web.signin.models import Role
from web.signin.service import create_user, open_session

pytestmark = pytest.mark.browser

LI, ZHANG = "李护士", "张护士"


@pytest.fixture
def site(tmp_path: Path, sqlite_template: Path, keyring: Keyring, clock: VirtualClock) -> Iterator[Ops]:
    path = tmp_path / "calls.db"
    path.write_bytes(sqlite_template.read_bytes())
    database = Database(f"sqlite+aiosqlite:///{path}")
    app, live, router = calls_app(database, clock), Live(database, {**LOOKS, "calls": calls}), APIRouter()
    stream.add_routes(router, Desk(database, clock), live)
    app.include_router(router, prefix="/desk")
    over: list[bool] = []
    app.state.stopping = lambda: bool(over)

    async def life() -> tuple[dict[str, str], asyncio.Task[None]]:
        async with database.write("a hospital") as session:
            world = await build(session, clock)
        await a_morning(database, clock, world)
        tokens = {}
        async with database.write("staff") as session:
            for number, name in enumerate((LI, ZHANG)):
                user = await create_user(
                    session,
                    username=f"nurse{number}",
                    display_name=name,
                    password=PASSWORD,
                    roles=[Role.NURSE],
                )
                tokens[name] = await open_session(session, user, real_now())
        return tokens, asyncio.create_task(live.run())

    async def end(looking: asyncio.Task[None]) -> None:
        looking.cancel()
        with suppress(asyncio.CancelledError):
            await looking
        await database.close()

    with served(app) as running:
        tokens, looking = running.run(life())
        yield Ops(running, database, clock, tokens)
        over.append(True)
        running.run(end(looking))


def test_one_takes_the_other_sees_it_and_goes_on(site: Ops, chromium: Browser, tmp_path: Path) -> None:
    expect.set_options(timeout=60_000)
    with signed_in(site, chromium, LI) as hers, signed_in(site, chromium, ZHANG) as others:
        li, zhang = hers.new_page(), others.new_page()
        for page in (li, zhang):
            with page.expect_response(lambda one: "/desk/calls?" in one.url):  # fmt: skip
                page.goto(f"{site.url}/desk/calls", wait_until="load")  # the live line is heard
        mine, theirs = _line(li, "王秀兰"), _line(zhang, "王秀兰")
        jing = _line(zhang, "李静")
        jing.get_by_label("备注，李静").fill("写到一半")

        mine.get_by_role("button", name="认领").click()
        expect(mine.locator("[data-who]")).to_have_text("您")
        expect(theirs.locator("[data-who]")).to_have_text(LI)  # nobody has reloaded
        expect(theirs.get_by_role("button")).to_have_count(0)
        expect(jing.get_by_label("备注，李静")).to_have_value("写到一半")

        _line(li, "李静").get_by_role("button", name="认领").click()
        expect(jing.locator("[data-who]")).to_have_text(LI)
        expect(jing.get_by_label("备注，李静")).to_have_value("写到一半")
        jing.get_by_label("接通").check()
        zhang.screenshot(path=tmp_path / "writing.png", full_page=True)
        jing.get_by_role("button", name="记下").click()
        expect(zhang.get_by_text("没有改动：这个电话在同事手里，或者已经打完")).to_be_visible()
        expect(zhang.get_by_text("您写的备注没有保存，可以复制下来转告同事：写到一半")).to_be_visible()
        zhang.screenshot(path=tmp_path / "held.png", full_page=True)

        mine.get_by_text("转给同事或放回").click()
        mine.get_by_label("转给谁").select_option(label=ZHANG)
        mine.get_by_label("交接说明").fill("上午没空，请下午打")
        mine.get_by_role("button", name="交出").click()
        expect(li.get_by_text("已转给同事")).to_be_visible()
        expect(theirs.locator("[data-who]")).to_have_text("您")
        theirs.get_by_text("经过", exact=True).click()
        expect(theirs.get_by_text(re.compile(f"{LI} 转给 {ZHANG}.*上午没空，请下午打"))).to_be_visible()
        theirs.get_by_label("接通").check()
        theirs.get_by_role("button", name="记下").click()
        expect(zhang.get_by_text("已记：接通")).to_be_visible()
        expect(mine).to_have_count(0)
        expect(li.get_by_text("今天打完 1 个，还剩 2 个")).to_be_visible()
        li.goto(f"{site.url}/desk/calls?show=done")
        expect(mine.locator("[data-who]")).to_have_text(ZHANG)
        expect(mine.get_by_text("接通", exact=True)).to_be_visible()


def _line(page: Page, name: str) -> Locator:
    return page.locator("[data-line]", has=page.get_by_role("link", name=name))
