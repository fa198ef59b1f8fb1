"""The index follows the database: new, edited, withdrawn and deleted entries, whatever the clock does."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import delete

from content.faq import editing, search, service
from content.faq.models import FaqEntry
from content.faq.search import FaqIndex
from language.retrieve import HybridIndex
from store.clock import VirtualClock
from store.database import Database
from tests.content.faq.site import embedder


def row(name: str, question: str) -> dict[str, Any]:
    return {"id": name, "question": question, "answer": "答", "sms": "短", "source": "源"}


@pytest.fixture
def index(database: Database) -> FaqIndex:
    return FaqIndex(database, HybridIndex(embedder()))


async def loaded(database: Database, now: datetime, *rows: dict[str, Any]) -> None:
    async with database.write() as session:
        await service.load(session, rows, now)


async def first(index: FaqIndex, text: str) -> str | None:
    hits = await index.search(text)
    return hits[0].entry_id if hits else None


async def test_only_what_changed_is_read_again(
    database: Database, clock: VirtualClock, index: FaqIndex
) -> None:
    now = clock.now()
    await loaded(database, now, row("park", "停车怎么收费"), row("food", "食堂在几楼"))
    assert await index.refresh() == 2
    assert await index.refresh() == 0
    await loaded(database, now + timedelta(minutes=1), row("food", "哪里能借充电宝"))
    assert await index.refresh() == 1
    assert await first(index, "借充电宝") == "food"
    assert await first(index, "停车收费") == "park"


async def test_an_edit_under_a_clock_turned_back_is_seen(
    database: Database, clock: VirtualClock, index: FaqIndex
) -> None:
    now = clock.now()
    await loaded(database, now, row("park", "停车怎么收费"), row("food", "食堂在几楼"))
    await index.refresh()
    await loaded(database, now - timedelta(days=3), row("food", "哪里能借充电宝"))
    assert await index.refresh() == 1
    assert await first(index, "借充电宝") == "food"


async def test_withdrawn_and_deleted_entries_are_found_no_more(
    database: Database, clock: VirtualClock, index: FaqIndex
) -> None:
    now = clock.now()
    await loaded(
        database, now, row("park", "停车怎么收费"), row("food", "食堂在几楼"), row("wifi", "无线网密码")
    )
    await index.refresh()
    async with database.write() as session:
        assert await editing.set_status(session, "park", "withdrawn", now + timedelta(minutes=1))
    assert await index.refresh() == 1
    assert index.entry("park") is None
    async with database.write() as session:
        await session.execute(delete(FaqEntry).where(FaqEntry.slug == "food"))
    assert await index.refresh() == 1
    assert {hit.entry_id for hit in await index.search("停车 食堂 无线网")} == {"wifi"}


async def test_many_entries_come_in_slices(
    database: Database, clock: VirtualClock, index: FaqIndex, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search, "_SLICE", 2)
    rows = [row(f"e{n}", f"第{n}诊区在哪里") for n in range(5)]
    await loaded(database, clock.now(), *rows)
    assert await index.refresh() == 5
    assert await first(index, "第4诊区在哪里") == "e4"
