"""Questions that ask the same are one group, ranked by people; decisions and retention hold."""

from __future__ import annotations

from datetime import timedelta

import pytest
import yaml
from sqlalchemy import select

from content.faq import service as faq
from content.faq.questions import service
from content.faq.questions.grouper import QuestionGrouper
from content.faq.questions.models import QuestionAsk, QuestionGroup, UnansweredQuestion
from content.faq.questions.service import GroupView
from content.faq.search import FaqIndex
from language.embed import Embedder
from language.retrieve import HybridIndex
from server.settings import ROOT
from store.clock import VirtualClock
from store.database import Database
from store.ids import new_id
from tests.content.faq.people import asked
from tests.factories.embedding import embedder as embedder

STAFF = new_id()


@pytest.fixture
async def grouper(database: Database, clock: VirtualClock, embedder: Embedder) -> QuestionGrouper:
    rows = yaml.safe_load((ROOT / "data" / "seed" / "faq" / "payment.yml").read_text("utf-8"))["entries"]
    async with database.write() as session:
        await faq.load(session, rows, clock.now())
    index = FaqIndex(database, HybridIndex(embedder))
    await index.refresh()
    return QuestionGrouper(database, clock, embedder, index)


async def seen(database: Database, clock: VirtualClock, state: str = "open") -> list[GroupView]:
    async with database.read() as session:
        return await service.listed(session, clock.local().date(), state)


async def test_wordings_of_one_question_are_one_group_ranked_by_people(
    database: Database, clock: VirtualClock, grouper: QuestionGrouper
) -> None:
    now = clock.now()
    for name in "abc":
        await asked(database, now, "医院里有充电宝可以借吗", by=name)
    await asked(database, now, "哪里可以借充电宝", by="d", days_ago=2)
    for _ in range(9):
        await asked(database, now, "能带宠物狗进医院吗", by="a")
    assert await grouper.refresh() == 2
    first, second = await seen(database, clock)
    assert [one.text for one in first.wordings] == ["医院里有充电宝可以借吗", "哪里可以借充电宝"]
    assert (first.row.people, first.row.asks, first.this_week) == (4, 4, 4)
    assert list(first.trend[-3:]) == [1, 0, 3]
    assert (second.title, second.row.people, second.row.asks) == ("能带宠物狗进医院吗", 1, 9)


async def test_the_nearest_entries_are_named(
    database: Database, clock: VirtualClock, grouper: QuestionGrouper
) -> None:
    await asked(database, clock.now(), "检查没做 钱怎么退给我")
    await grouper.refresh()
    (group,) = await seen(database, clock)
    assert "refund" in [entry.slug for entry in group.nearest]


async def test_groups_keep_their_id_and_new_wordings_join(
    database: Database, clock: VirtualClock, grouper: QuestionGrouper
) -> None:
    await asked(database, clock.now(), "医院里有充电宝可以借吗")
    await grouper.refresh()
    (before,) = await seen(database, clock)
    await asked(database, clock.now(), "哪里可以借充电宝", "有借充电宝的地方吗", by="b")
    assert await grouper.refresh() == 1
    (after,) = await seen(database, clock)
    assert after.row.id == before.row.id
    assert len(after.wordings) == 3
    assert after.row.people == 2


async def test_a_new_wording_of_what_was_dismissed_stays_dismissed(
    database: Database, clock: VirtualClock, grouper: QuestionGrouper
) -> None:
    await asked(database, clock.now(), "医院里有充电宝可以借吗")
    await grouper.refresh()
    (group,) = await seen(database, clock)
    async with database.write() as session:
        assert await service.decide(session, group.row.id, "dismissed", staff_id=STAFF, now=clock.now())
    await asked(database, clock.now(), "哪里可以借充电宝", "能带宠物狗进医院吗", by="b")
    await grouper.refresh()
    assert [one.title for one in await seen(database, clock)] == ["能带宠物狗进医院吗"]
    (dismissed,) = await seen(database, clock, "dismissed")
    assert dismissed.row.people == 2
    async with database.write() as session:
        assert await service.decide(session, group.row.id, "open", staff_id=STAFF, now=clock.now())
    await grouper.refresh()
    assert len(await seen(database, clock)) == 2


async def test_what_was_not_asked_for_long_is_forgotten(
    database: Database, clock: VirtualClock, grouper: QuestionGrouper
) -> None:
    await asked(database, clock.now(), "医院里有充电宝可以借吗")
    await grouper.refresh()
    clock.advance(timedelta(days=100))
    await asked(database, clock.now(), "能带宠物狗进医院吗")
    clock.advance(timedelta(days=81))
    await grouper.refresh()
    assert [one.title for one in await seen(database, clock)] == ["能带宠物狗进医院吗"]
    async with database.read() as session:
        assert len(list(await session.scalars(select(UnansweredQuestion)))) == 1
        assert len(list(await session.scalars(select(QuestionAsk)))) == 1
        assert len(list(await session.scalars(select(QuestionGroup)))) == 1


async def test_only_new_wordings_are_embedded(
    database: Database, clock: VirtualClock, grouper: QuestionGrouper, monkeypatch: pytest.MonkeyPatch
) -> None:
    await asked(database, clock.now(), "医院里有充电宝可以借吗", "能带宠物狗进医院吗")
    await grouper.refresh()
    sealed: list[list[str]] = []
    real = grouper._embedder.embed

    def counting(texts: list[str], kind: str = "query") -> object:
        sealed.append(list(texts))
        return real(texts, "query")

    monkeypatch.setattr(grouper._embedder, "embed", counting)
    await asked(database, clock.now(), "母婴室在哪里")
    await grouper.refresh()
    assert ["母婴室在哪里"] in sealed
    assert all("能带宠物狗进医院吗" not in texts or len(texts) == 1 for texts in sealed)
