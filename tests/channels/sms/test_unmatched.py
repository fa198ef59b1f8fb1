"""Reports of messages nobody sent, with the real inbox and outbox: kept for people to look at, and acknowledged."""

from __future__ import annotations

from pathlib import Path

import aiohttp
import orjson
from fastapi import FastAPI
from sqlalchemy import select

from channels.inbox.models import Quarantined
from channels.inbox.service import Inbox
from channels.inbox.spool import Spool
from channels.outbox.receipts import Receipts
from channels.sms.drivers import make_router
from store.clock import VirtualClock
from store.database import Database
from tests.channels.simulator.serving import serve
from tests.channels.simulator.sms_lines import ALIYUN, SECRET


async def test_nobodys_report_is_quarantined(database: Database, clock: VirtualClock, tmp_path: Path) -> None:
    app = FastAPI()
    inbox = Inbox(database, clock, Spool(tmp_path / "spool"))
    app.include_router(make_router([ALIYUN], inbox, Receipts(database, clock), clock))
    row = {"biz_id": "1^0", "out_id": "0198f000-0000-7000-8000-000000000000", "success": True}
    async with serve(app) as home, aiohttp.ClientSession(home) as http:
        url = f"/sms/aliyun/{SECRET}/report"
        async with http.post(url, data=orjson.dumps([row])) as answer:
            assert (answer.status, (await answer.json())["code"]) == (200, 0)
    async with database.read("test") as session:
        kept = (await session.scalars(select(Quarantined))).one()
    assert (kept.account_id, kept.reason) == ("ali", "1 of 1 match no message of ours")
    assert kept.body is not None
    assert orjson.loads(kept.body) == [row]
