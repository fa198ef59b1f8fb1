"""The operators' pages in a real Chromium: the numbers of the rows, stopping and starting, a message's life, axe."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from channels.outbox.models import OutboundMessage
from channels.ports import Outcome, Rendered, SendResult
from store.clock import VirtualClock
from store.crypto import Keyring
from store.database import Database
from tests.channels.ops.site import ACCOUNTS, ops_app, staff
from tests.e2e.test_phones_page import chromium as chromium
from tests.e2e.test_phones_page import keep_picture, violations
from tests.e2e.threaded import Running, served
from tests.factories import deliveries
from web.build import ROOT
from web.signin.models import Role
from web.signin.pages import SESSION_COOKIE

pytestmark = pytest.mark.browser

WIDE: Any = {"width": 1280, "height": 900}
NARROW: Any = {"width": 375, "height": 800}


class Ops:
    """The running pages with their database and everybody's session."""

    def __init__(
        self, running: Running, database: Database, clock: VirtualClock, tokens: dict[str, str]
    ) -> None:
        self.running, self.database, self.clock, self.tokens = running, database, clock, tokens

    @property
    def url(self) -> str:
        return self.running.url

    def message(
        self, status: str = "queued", tries: list[dict[str, Any]] | None = None, **values: Any
    ) -> OutboundMessage:
        """A message in the database, with its attempts."""

        async def work() -> OutboundMessage:
            async with self.database.write("test") as session:
                made = await deliveries.message(session, values.pop("at", self.clock.now()), status, **values)
                for number, one in enumerate(tries or (), 1):
                    await deliveries.attempt(session, made, n=number, **one)
                return made

        return self.running.run(work())


@pytest.fixture
def ops(tmp_path: Path, sqlite_template: Path, keyring: Keyring, clock: VirtualClock) -> Iterator[Ops]:
    path = tmp_path / "ops.db"
    path.write_bytes(sqlite_template.read_bytes())
    database = Database(f"sqlite+aiosqlite:///{path}")
    with served(ops_app(database, clock)) as running:
        tokens = running.run(staff(database))
        yield Ops(running, database, clock, tokens)
        running.run(database.close())


def signed_in(ops: Ops, chromium: Browser, role: str, size: Any = None, **options: Any) -> BrowserContext:
    context = chromium.new_context(viewport=size or WIDE, locale="zh-CN", reduced_motion="reduce", **options)
    context.add_cookies([{"name": SESSION_COOKIE, "value": ops.tokens[role], "url": ops.url}])
    context.set_default_timeout(10_000)
    return context


def full(ops: Ops) -> dict[str, OutboundMessage]:
    """A day like others: something of everything."""
    now = ops.clock.now()
    for hour in range(24):
        for number in range(2 + hour * 3 % 7):
            ops.message(
                "delivered",
                [{}],
                at=now - timedelta(hours=hour, minutes=number),
                channel="sms" if number % 3 else "wechat",
            )
        if hour % 5 == 0:
            ops.message(
                "failed",
                [{"verdict": "refused", "code": "45015"}],
                at=now - timedelta(hours=hour),
                reason="45015",
            )
        if hour % 4 == 0:
            ops.message("suppressed", at=now - timedelta(hours=hour), reason="opted_out", purpose="education")
    ops.message(
        "uncertain",
        [{"verdict": "uncertain", "code": "timeout"}],
        channel="sms",
        reason="timeout",
        purpose="service_notice",
    )
    ops.message(reason="quiet_hours", due_at=now + timedelta(hours=2), purpose="follow_up")
    for _ in range(3):
        ops.message(campaign="流感疫苗提醒", purpose="education", at=now - timedelta(minutes=4))
    ops.message("delivered", campaign="流感疫苗提醒", purpose="education")
    story = ops.message(
        "passed_on",
        [
            {"verdict": "held", "gate": "quiet_hours", "rung": ""},
            {"verdict": "refused", "code": "45015", "detail": "response out of time limit"},
            {"verdict": "passed_on", "gate": "no_way_left", "rung": "sms"},
        ],
        purpose="service_notice",
        plan=["custom", "subscription_long", "sms"],
        rung="custom",
        reason="passed_on",
        key="common.call_us",
    )
    follows = ops.message(
        "delivered",
        [
            {
                "vendor_id": "900619746936498440^0",
                "receipt": "delivered",
                "receipt_at": now + timedelta(seconds=9),
            }
        ],
        channel="sms",
        continues=story.id,
        key="common.call_us",
        purpose="service_notice",
    )
    return {"story": story, "follows": follows}


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing(ops: Ops, chromium: Browser, scheme: Any) -> None:
    axe = ROOT / "node_modules" / "axe-core" / "axe.min.js"
    made = full(ops)
    pages = {
        "delivery": "/ops/delivery",
        "fortnight": "/ops/delivery?window=14d&channel=sms",
        "messages": "/ops/delivery/messages?status=failed",
        "nothing": "/ops/delivery/messages?campaign=nothing",
        "life": f"/ops/delivery/{made['story'].id}",
        "follows": f"/ops/delivery/{made['follows'].id}",
    }
    for size in (WIDE, NARROW):
        context = signed_in(ops, chromium, "admin", size, color_scheme=scheme, bypass_csp=True)
        page = context.new_page()
        for name, path in pages.items():
            page.goto(ops.url + path)
            page.wait_for_load_state("load")
            if os.environ.get("BANYI_SHOTS"):
                page.wait_for_timeout(400)
                page.screenshot(
                    path=Path(os.environ["BANYI_SHOTS"]) / f"ops-{name}-{scheme}-{size['width']}.png",
                    full_page=True,
                )
            assert violations(page, axe) == [], name
            assert page.evaluate("document.documentElement.scrollWidth") <= size["width"], name
        context.close()
