"""Links, and what was sent by them."""

from __future__ import annotations

from datetime import timedelta

import pytest

from content.reading import links, sent, stops
from content.reading.keeping import Keeper
from content.reading.links import LinkFor
from content.reading.models import ArticleLink, ArticleRead, ArticleSent, TopicStop
from content.reading.sent import SentWriter
from store import crypto
from store.events import PatientEvent
from tests.content.reading.ground import Ground


async def test_a_token_is_found_by_its_hash_and_stored_nowhere(ground: Ground) -> None:
    await ground.article()
    token = await ground.link(key="campaign:1", source="campaign", arm="a")
    [link] = await ground.rows(ArticleLink)
    assert (await ground.found(token)).id == link.id
    assert (link.revision, link.topic, link.source, link.arm) == (1, "diabetes", "campaign", "a")
    assert token not in str(vars(link))
    assert len(token) == 16
    async with ground.database.write() as session:
        given = LinkFor(ground.patient, link.article_id, 1, "diabetes", "chat")
        paths = await links.issue(session, [given] * 200, ground.clock.now())
    assert len(set(paths)) == 200
    assert all(path[-1].isalnum() and path[len(links.PATH)].isalnum() for path in paths)
    async with ground.database.read() as session:
        for other in (token[:-1], f"{token}x", token.swapcase(), "", "\0" * 16, "汉" * 16, "x" * 5000):
            assert await links.find(session, other) is None


async def test_links_outlive_a_new_key_of_hashes(ground: Ground) -> None:
    await ground.article()
    token = await ground.link()
    ring = crypto.keyring()
    crypto.install(
        crypto.Keyring(ring.keys, ring.current, {"h2": b"3" * 32, **ring.index_keys}, index_current="h2")
    )
    assert (await ground.found(token)).patient_id == ground.patient


@pytest.mark.parametrize(
    ("status", "reached", "settled"),
    [
        ("accepted", True, True),
        ("delivered", True, True),
        ("suppressed", False, True),
        ("failed", False, False),  # somebody may have it sent again
        ("uncertain", False, False),
        ("queued", False, False),
    ],
)
async def test_what_was_accepted_was_sent(ground: Ground, status: str, reached: bool, settled: bool) -> None:
    article = await ground.article()
    await ground.link(key="k1", source="campaign")
    await ground.link(key="nothing carries this")
    await ground.message("k1", status)
    writer = SentWriter(ground.database, ground.clock)
    for _ in range(2):
        await writer.round()
    rows = await ground.rows(ArticleSent)
    assert [(row.patient_id, row.article_id, row.topic) for row in rows] == (
        [(ground.patient, article.id, "diabetes")] if reached else []
    )
    assert all(row.revision_id is not None and row.sent_at == ground.clock.now() for row in rows)
    by_key = {row.outbound_key: row for row in await ground.rows(ArticleLink)}
    assert (by_key["k1"].settled_at is not None) is settled
    assert by_key["nothing carries this"].settled_at is None
    ground.later(days=4)
    await writer.round()
    by_key = {row.outbound_key: row for row in await ground.rows(ArticleLink)}
    assert (by_key["k1"].settled_at is not None) is (settled or status == "failed")


async def test_what_went_on_as_an_sms_counts_as_that(ground: Ground) -> None:
    await ground.article()
    await ground.link(key="k1")
    first = await ground.message("k1", "passed_on")
    writer = SentWriter(ground.database, ground.clock)
    await writer.round()
    assert await ground.rows(ArticleSent) == []
    await ground.message(f"ladder:{first.id}", "accepted", continues=first.id, seq=2)
    await writer.round()
    assert len(await ground.rows(ArticleSent)) == 1


async def test_many_are_written_in_windows(ground: Ground, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many wait in front, the window moves on, and two workers write nothing twice."""
    monkeypatch.setattr(sent, "BATCH", 3)
    monkeypatch.setattr(sent, "_EDGE", sent._EDGE.offset(3))
    await ground.article()
    for number in range(6):
        await ground.link(key=f"waits:{number}")
    for number in range(7):
        await ground.link(key=f"went:{number}")
        await ground.message(f"went:{number}", "accepted", seq=number)
    one, two = SentWriter(ground.database, ground.clock), SentWriter(ground.database, ground.clock)
    done = 0
    for _ in range(8):
        done += await one.round() + await two.round()
    assert done == len(await ground.rows(ArticleSent)) == 7
    assert sum(link.settled_at is None for link in await ground.rows(ArticleLink)) == 6


async def test_topics_are_stopped_and_taken_back_once(ground: Ground) -> None:
    await ground.article()
    for _ in range(2):
        async with ground.database.write("stop") as session:
            await stops.stop(session, ground.patient, "diabetes", ground.clock.now())
    async with ground.database.read() as session:
        assert list(await session.scalars(stops.people(["diabetes", "heart"]))) == [ground.patient]
        asked = [(ground.patient, "article:t2dm-first"), (ground.patient, "faq:x")]
        assert set(await stops.StoppedTopics().stopped(session, asked)) == {asked[0]}
    for _ in range(2):
        async with ground.database.write("resume") as session:
            await stops.resume(session, ground.patient, "diabetes", ground.clock.now())
    assert await ground.rows(TopicStop) == []
    kinds = [row.kind for row in await ground.rows(PatientEvent)]
    assert [kind for kind in kinds if kind.startswith("topic.")] == ["topic.stopped", "topic.resumed"]


async def test_what_is_too_old_is_forgotten(ground: Ground) -> None:
    await ground.article()
    token = await ground.link(key="k1")
    await ground.message("k1", "accepted")
    await SentWriter(ground.database, ground.clock).round()
    keeper = Keeper(ground.database, ground.clock, timedelta(days=730))
    ground.later(days=729)
    fresh = await ground.link(key="k2")
    assert await keeper.round() == 0
    assert (await ground.found(token)).id
    ground.later(days=2)
    assert await keeper.round() == 2
    assert [row.outbound_key for row in await ground.rows(ArticleLink)] == ["k2"]
    assert await ground.rows(ArticleSent) == await ground.rows(ArticleRead) == []
    ground.later(days=31)
    await keeper.round()
    assert (await ground.found(fresh)).settled_at is not None, "nothing will carry it any more"
