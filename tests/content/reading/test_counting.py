"""Looks and answers: by name only for who agreed to it."""

from __future__ import annotations

from datetime import timedelta

import pytest

from care.consents.models import Purpose
from content.reading import consents, counting, feedback
from content.reading.counting import Look
from content.reading.keeping import Keeper
from content.reading.models import ArticleFeedback, ArticleRead, ArticleTally
from content.reading.visitors import Pace
from tests.content.reading.ground import Ground

VIEW, OTHER = "0123456789abcdef01234567", "f" * 24


async def look(ground: Ground, token: str, view: str, dwell: int, end: bool = False, slug: str = "") -> None:
    link, day = await ground.found(token), ground.clock.local().date()
    async with ground.database.write("a look") as session:
        read = await counting.piece(session, link, slug, 1)
        assert read is not None
        await counting.seen(
            session, link, read, Look(view, dwell, end), ground.clock.now(), day, PACE[0].first
        )


PACE: list[Pace] = []


@pytest.fixture(autouse=True)
def pace() -> None:
    PACE[:] = [Pace()]


async def test_a_look_told_often_is_one_look(ground: Ground) -> None:
    await ground.article()
    await ground.agrees(Purpose.TRACKING)
    token = await ground.link(source="campaign", arm="b")
    await look(ground, token, VIEW, 1)
    began = ground.clock.now()
    ground.later(seconds=40)
    for dwell, end in ((41, True), (41, True), (12, False)):
        await look(ground, token, VIEW, dwell, end)
    [row] = await ground.rows(ArticleRead)
    assert (row.dwell, row.opened_at, row.finished_at) == (41, began, ground.clock.now())
    assert (row.patient_id, row.arm, row.source, row.topic) == (ground.patient, "b", "campaign", "diabetes")
    await look(ground, token, OTHER, 2)
    assert len(await ground.rows(ArticleRead)) == 2
    assert await ground.rows(ArticleTally) == []


async def test_without_agreement_there_are_numbers_only(ground: Ground) -> None:
    article = await ground.article()
    token = await ground.link()
    for _ in range(3):
        await look(ground, token, VIEW, 5, end=True)
    await look(ground, token, OTHER, 1)
    assert await ground.rows(ArticleRead) == []
    [tally] = await ground.rows(ArticleTally)
    assert (tally.article_id, tally.revision, tally.opened, tally.finished) == (article.id, 1, 2, 1)


async def test_who_withdraws_is_forgotten(ground: Ground) -> None:
    await ground.article()
    await ground.agrees(Purpose.TRACKING)
    token = await ground.link()
    await look(ground, token, VIEW, 5)
    async with ground.database.write("withdraw") as session:
        await consents.decide(
            session,
            ground.patient,
            Purpose.TRACKING,
            False,
            channel="page",
            proof="p",
            now=ground.clock.now(),
        )
    assert await ground.rows(ArticleRead) == []
    await look(ground, token, VIEW, 9)
    assert await ground.rows(ArticleRead) == []


async def test_who_withdrew_elsewhere_is_forgotten_by_the_job(ground: Ground) -> None:
    await ground.article()
    await ground.agrees(Purpose.TRACKING)
    await look(ground, await ground.link(), VIEW, 5)
    await ground.agrees(Purpose.TRACKING, granted=False)
    assert await Keeper(ground.database, ground.clock, timedelta(days=30)).round() == 1
    assert await ground.rows(ArticleRead) == []


async def test_what_follows_is_a_related_reading(ground: Ground) -> None:
    await ground.article()
    other = await ground.article("t2dm-feet", title="糖尿病人怎么护脚")
    await ground.agrees(Purpose.TRACKING)
    token = await ground.link()
    await look(ground, token, VIEW, 5, slug="t2dm-feet")
    [row] = await ground.rows(ArticleRead)
    assert (row.article_id, row.source, row.link_id) == (other.id, "related", (await ground.found(token)).id)


async def test_a_link_keeps_so_many_looks(ground: Ground, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(counting, "VIEWS_MOST", 2)
    await ground.article()
    await ground.agrees(Purpose.TRACKING)
    token = await ground.link()
    for number in range(4):
        await look(ground, token, f"{number:024x}", 1)
    assert len(await ground.rows(ArticleRead)) == 2


@pytest.mark.parametrize("agreed", [True, False])
async def test_an_answer_can_be_changed_and_names_nobody(ground: Ground, agreed: bool) -> None:
    await ground.article()
    if agreed:
        await ground.agrees(Purpose.TRACKING)
    token = await ground.link()
    await look(ground, token, VIEW, 5)
    await look(ground, token, OTHER, 5)
    link = await ground.found(token)

    async def answer(helpful: bool, word: str = "") -> None:
        async with ground.database.write("an answer") as session:
            read = await counting.piece(session, link, "", 1)
            assert read is not None
            await feedback.answer(session, token, link, read, helpful, word, ground.clock.now())

    await answer(True)
    await answer(False)
    await answer(False, "想知道能不能吃荔枝")
    [row] = await ground.rows(ArticleFeedback)
    assert (row.helpful, row.word) == (False, "想知道能不能吃荔枝")
    assert "荔枝".encode() not in row.word_sealed
    assert row.mark != link.token_hash
    reads = await ground.rows(ArticleRead)
    assert sorted(str(one.helpful) for one in reads) == (["False", "None"] if agreed else [])
    await answer(True, "谢谢")
    [row] = await ground.rows(ArticleFeedback)
    assert (row.helpful, row.word) == (True, None)


async def test_an_answer_without_script_is_a_look(ground: Ground) -> None:
    await ground.article()
    await ground.agrees(Purpose.TRACKING)
    token = await ground.link()
    link = await ground.found(token)
    async with ground.database.write("an answer") as session:
        read = await counting.piece(session, link, "", 1)
        assert read is not None
        await feedback.answer(session, token, link, read, True, "", ground.clock.now())
    assert [row.helpful for row in await ground.rows(ArticleRead)] == [True]


async def test_only_what_was_shown_can_be_looked_at(ground: Ground) -> None:
    await ground.article()
    link = await ground.found(await ground.link())
    async with ground.database.read() as session:
        for slug, revision in (("", 2), ("", 0), ("", 1 << 40), ("no-such", 1), ("\0", 1), ("x" * 500, 1)):
            assert await counting.piece(session, link, slug, revision) is None


@pytest.mark.parametrize(
    "raw",
    [
        *(None, [], 3, "x", {}, {"view": VIEW}, {"view": VIEW, "dwell": "3", "end": True}),
        {"view": "..", "dwell": 3, "end": True},
        {"view": VIEW, "dwell": True, "end": True},
        {"view": VIEW, "dwell": -1, "end": False},
        {"view": VIEW, "dwell": 3, "end": 1},
    ],
)
def test_what_our_script_does_not_send_is_no_look(raw: object) -> None:
    assert counting.look_of(raw) is None


def test_a_phone_left_lying_is_believed_an_hour() -> None:
    assert counting.look_of({"view": VIEW, "dwell": 10**30, "end": False}) == Look(VIEW, 3600, False)
