"""What is recalled, expired or unsigned does not leave; who received it is known, and looking is on record."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import select

from care.gate.reasons import Reason
from channels.wording.catalogue import Catalogue
from content.articles import recall, service, workflow
from content.articles.errors import ArticleError
from content.articles.refs import ref_of, slug_of
from content.articles.sendable import ArticleContents
from server.wording import WORDING
from store.audit import AuditRow
from store.clock import VirtualClock
from store.database import Database
from store.events import PatientEvent
from tests.care.gate.conftest import FACTS, Town
from tests.factories.articles import doc, people, published, signed


def test_refs() -> None:
    assert slug_of(ref_of("t2dm")) == "t2dm"
    assert slug_of("faq:x") is slug_of(None) is None


async def test_the_gate_hears_what_may_not_go(database: Database, clock: VirtualClock) -> None:
    staff = await people(database)
    contents = ArticleContents(clock)
    ref = ref_of("t2dm-first")

    async def refused(*numbers: int | None) -> dict[int | None, Reason]:
        async with database.read() as session:
            found = await contents.refused(session, [(ref, number) for number in numbers] + [("faq:x", None)])
        assert all(one == ref for one, _ in found)
        return {number: reason for (_, number), reason in found.items()}

    assert await refused(None, 1) == dict.fromkeys((None, 1), Reason.CONTENT_UNSIGNED)
    async with database.write("one") as session:
        article = await service.create(session, "t2dm-first", doc(), staff=staff["editor"], now=clock.now())
        await workflow.submit(session, article, staff=staff["editor"], now=clock.now())
    assert await refused(None, 1) == dict.fromkeys((None, 1), Reason.CONTENT_UNSIGNED)
    async with database.write("two") as session:
        article = await service.get(session, "t2dm-first")
        await signed(session, article, staff, clock)
    assert await refused(None, 1) == {}
    assert await refused(2) == {2: Reason.CONTENT_UNSIGNED}
    clock.advance(timedelta(days=730))
    assert await refused(None, 1) == dict.fromkeys((None, 1), Reason.CONTENT_EXPIRED)
    clock.advance(timedelta(days=-730))
    async with database.write("three") as session:
        article = await service.get(session, "t2dm-first")
        await recall.recall(session, article, reason="剂量写错", staff=staff["reviewer"], now=clock.now())
    assert await refused(None, 1) == dict.fromkeys((None, 1), Reason.CONTENT_RECALLED)


async def test_a_replaced_text_may_still_go(database: Database, clock: VirtualClock) -> None:
    staff = await people(database)
    async with database.write("test") as session:
        article = await published(session, staff, clock)
        await workflow.hand_in(session, article, doc(title="新版"), staff=staff["editor"], now=clock.now())
        await signed(session, article, staff, clock)
        refs = [(ref_of(article.slug), number) for number in (None, 1, 2)]
        assert await ArticleContents(clock).refused(session, refs) == {}


async def test_recalling_needs_a_reason_and_something_live(database: Database, clock: VirtualClock) -> None:
    staff = await people(database)
    async with database.write("test") as session:
        article = await published(session, staff, clock)
        by = {"staff": staff["reviewer"], "now": clock.now()}
        with pytest.raises(ArticleError) as caught:
            await recall.recall(session, article, reason=" ", **by)
        assert caught.value.code == "reason_needed"
        await recall.recall(session, article, reason="有误", **by)
        assert service.state_of(article, clock.local().date()) == "recalled"
        assert await service.live(session, article.slug, clock.local().date()) is None
        assert (await service.revision(session, article.id, 1)).recall_reason == "有误"
        with pytest.raises(ArticleError) as caught:
            await recall.recall(session, article, reason="有误", numbers=[1], **by)
        assert caught.value.code == "recalled_already"
        await workflow.hand_in(session, article, doc(title="改正"), staff=staff["editor"], now=clock.now())
        await signed(session, article, staff, clock)
        assert service.state_of(article, clock.local().date()) == "published"


async def test_a_message_queued_before_the_recall_is_stopped_and_those_who_got_it_are_known(
    database: Database, clock: VirtualClock
) -> None:
    staff = await people(database)
    town = Town(database, clock, Catalogue(WORDING, FACTS), contents=ArticleContents(clock))
    town.at("2026-11-24 10:00")
    async with database.write("test") as session:
        article = await published(session, staff, clock)
    carries = {"content_ref": ref_of(article.slug), "content_revision": 1, "campaign": "c1"}
    people_ = [await town.patient() for _ in range(4)]
    talks = [(await town.contact(of=who))[1] for who in people_]
    messages = [
        await town.message(talk, "education", who, **carries)
        for talk, who in zip(talks[:3], people_[:3], strict=True)
    ]
    faq = await town.message(talks[3], "education", people_[3], content_ref="faq:x")
    await town.now_is(messages[0], "delivered", timedelta(hours=2))
    await town.now_is(messages[1], "uncertain", timedelta(hours=1))
    await town.now_is(messages[2], "queued")
    assert [one.send for one in await town.check(messages[2], faq)] == [True, True]
    async with database.write("recall") as session:
        one = await service.get(session, article.slug)
        found = await recall.recall(session, one, reason="剂量写错", staff=staff["reviewer"], now=clock.now())
        assert found == recall.Reach(people=2, messages=2, queued=1)
    verdicts = await town.check(messages[2], faq)
    assert [(one.send, one.reason == Reason.CONTENT_RECALLED) for one in verdicts] == [
        (False, True),
        (True, False),
    ]
    async with database.write("list") as session:
        by = {"staff": staff["reviewer"], "now": clock.now()}
        first = await recall.recipients(session, article.slug, limit=1, **by)
        rest = await recall.recipients(session, article.slug, after=first[0].message_id, **by)
        assert [(one.patient_id, one.status) for one in (*first, *rest)] == [
            (people_[0], "delivered"),
            (people_[1], "uncertain"),
        ]
    async with database.read() as session:
        told = list(await session.scalars(select(PatientEvent).where(PatientEvent.kind == recall.EVENT)))
        assert {one.patient_id for one in told} == set(people_[:2])
        assert {str(one.data) for one in told} == {str({"article": article.slug, "revisions": [1]})}
        reads = list(await session.scalars(select(AuditRow.subject).where(AuditRow.action == "read")))
        assert sorted(reads) == sorted(f"patient:{who}" for who in people_[:2])
