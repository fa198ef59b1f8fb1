"""Who may sign what, what becomes publishable, and what happens when something is taken back."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from pathlib import Path

import pytest
import yaml
from sqlalchemy import select

from content.articles import drafts, revisions, service, workflow
from content.articles.errors import ArticleError
from content.articles.models import ArticleRevision, ArticleSignOff
from content.articles.stages import FILE, ReviewRules, StagesError
from store.audit import AuditRow
from store.clock import VirtualClock
from store.database import Database
from tests.factories.articles import RULES, doc, people, published, signed


def code(error: pytest.ExceptionInfo[ArticleError]) -> str:
    return error.value.code


async def test_an_article_goes_through_three_hands_and_is_read(
    database: Database, clock: VirtualClock
) -> None:
    staff = await people(database)
    async with database.write("test") as session:
        article = await service.create(session, "t2dm-first", doc(), staff=staff["editor"], now=clock.now())
        assert service.state_of(article, clock.local().date()) == "draft"
        first = await workflow.submit(session, article, staff=staff["editor"], now=clock.now())
        assert service.state_of(article, clock.local().date()) == "in_review"
        assert await service.live(session, "t2dm-first", clock.local().date()) is None
        await signed(session, article, staff, clock)
        assert [step.state for step in await workflow.steps(session, first, RULES)] == ["done"] * 3
        found = await service.live(session, "t2dm-first", clock.local().date())
        assert found is not None
        assert (found.revision, found.doc, found.due) == (1, doc(), False)
        assert await drafts.find(session, article.id) is None
    async with database.read() as session:
        rows = list(await session.scalars(select(AuditRow).where(AuditRow.subject == "article:t2dm-first")))
        assert [row.action for row in rows] == ["create", "submit", "sign", "sign", "sign", "publish"]
        offs = list(await session.scalars(select(ArticleSignOff).order_by(ArticleSignOff.id)))
        assert [off.staff_id for off in offs] == [staff[name].id for name in ("editor2", "nurse", "reviewer")]
        assert {off.digest for off in offs} == {doc().digest}


@pytest.mark.parametrize(
    ("by", "expected"),
    [
        (("nurse",), "not_your_stage"),
        (("admin",), "not_your_stage"),
        (("editor", "editor"), "not_your_stage"),
        (("reviewer", "reviewer"), "signed_before"),
        (("editor", "nurse", "nurse"), "not_your_stage"),
        (("editor", "reviewer", "reviewer"), "signed_before"),
    ],
)
async def test_who_may_not_sign(
    database: Database, clock: VirtualClock, by: tuple[str, ...], expected: str
) -> None:
    staff = await people(database)
    async with database.write("test") as session:
        article = await service.create(session, "a", doc(), staff=staff["editor"], now=clock.now())
        await workflow.submit(session, article, staff=staff["editor"], now=clock.now())
        with pytest.raises(ArticleError) as caught:
            for name, stage in zip(by, RULES.stages, strict=False):
                await _sign(session, article, staff[name], stage.checks, clock)
    assert code(caught) == expected


async def _sign(session, article, who, checks, clock, digest=""):  # type: ignore[no-untyped-def]
    revision = await workflow.pending(session, article)
    return await workflow.sign(
        session,
        article,
        RULES,
        staff=who,
        digest=digest or revision.digest,
        checks=checks,
        now=clock.now(),
        today=clock.local().date(),
    )


async def test_the_author_never_signs_the_last_stage(database: Database, clock: VirtualClock) -> None:
    staff = await people(database)
    async with database.write("test") as session:
        article = await service.create(session, "a", doc(), staff=staff["reviewer"], now=clock.now())
        await workflow.submit(session, article, staff=staff["reviewer"], now=clock.now())
        for name, stage in zip(("editor", "nurse"), RULES.stages, strict=False):
            await _sign(session, article, staff[name], stage.checks, clock)
        with pytest.raises(ArticleError) as caught:
            await _sign(session, article, staff["reviewer"], RULES.stages[2].checks, clock)
        assert code(caught) == "not_author"
        assert [a.slug for a, _ in await workflow.awaiting(session, RULES, staff["doctor"])] == ["a"]
        assert await workflow.awaiting(session, RULES, staff["reviewer"]) == []
        await _sign(session, article, staff["doctor"], RULES.stages[2].checks, clock)
        assert article.live_revision == 1


async def test_open_checks_and_another_text_are_refused(database: Database, clock: VirtualClock) -> None:
    staff = await people(database)
    async with database.write("test") as session:
        article = await service.create(session, "a", doc(), staff=staff["editor"], now=clock.now())
        await workflow.submit(session, article, staff=staff["editor"], now=clock.now())
        with pytest.raises(ArticleError, match="核对清单") as caught:
            await _sign(session, article, staff["editor2"], ["sources"], clock)
        assert code(caught) == "checks_missing"
        with pytest.raises(ArticleError) as caught:
            await _sign(
                session, article, staff["editor2"], RULES.stages[0].checks, clock, doc(title="x").digest
            )
        assert code(caught) == "text_changed"


async def test_sent_back_is_worked_on_and_handed_in_again(database: Database, clock: VirtualClock) -> None:
    staff = await people(database)
    async with database.write("test") as session:
        article = await service.create(session, "a", doc(), staff=staff["editor"], now=clock.now())
        one = await workflow.submit(session, article, staff=staff["editor"], now=clock.now())
        with pytest.raises(ArticleError) as caught:
            await drafts.begin(session, article, staff=staff["editor"], now=clock.now())
        assert code(caught) == "in_review"
        back = {"staff": staff["editor2"], "digest": one.digest, "now": clock.now()}
        with pytest.raises(ArticleError) as caught:
            await workflow.send_back(session, article, RULES, remark=" ", **back)
        assert code(caught) == "remark_needed"
        await workflow.send_back(session, article, RULES, remark="请补充出处", **back)
        (off,) = await workflow.sign_offs(session, one)
        assert (one.state, off.decision, off.remark) == ("returned", "returned", "请补充出处")
        draft = await drafts.begin(session, article, staff=staff["editor"], now=clock.now())
        await drafts.save(
            session,
            article,
            doc(title="改好了"),
            version=draft.version,
            staff=staff["editor"],
            now=clock.now(),
        )
        two = await workflow.submit(session, article, staff=staff["editor"], now=clock.now())
        assert (two.number, two.doc["title"]) == (2, "改好了")
        await workflow.withdraw(session, article, staff=staff["editor"], now=clock.now())
        assert (await drafts.find(session, article.id)) is not None
        assert service.state_of(article, clock.local().date()) == "draft"


async def test_terms_run_out(database: Database, clock: VirtualClock) -> None:
    staff = await people(database)
    today = clock.local().date()
    async with database.write("test") as session:
        article = await published(session, staff, clock)
        days = {"published": 364, "due": 365, "expired": 730}
        for state, after in days.items():
            then = today + timedelta(days=after)
            assert service.state_of(article, then) == state
            found, total = await service.listed(session, then, service.Filters(state=state))
            assert (total, found[0].state) == (1, state)
            assert (await service.counts(session, then))[state] == 1
            live = await service.live(session, article.slug, then)
            assert (live is not None) == (state != "expired")
        renewed = await workflow.renew(session, article, staff=staff["editor"], now=clock.now())
        assert (renewed.number, renewed.from_revision, renewed.doc) == (2, 1, doc().to_json())


async def test_the_same_text_is_not_reviewed_twice_but_may_be_rolled_back(
    database: Database, clock: VirtualClock
) -> None:
    staff = await people(database)
    async with database.write("test") as session:
        article = await published(session, staff, clock)
        await drafts.begin(session, article, staff=staff["editor"], now=clock.now())
        with pytest.raises(ArticleError) as caught:
            await workflow.submit(session, article, staff=staff["editor"], now=clock.now())
        assert code(caught) == "nothing_new"
        saved = await drafts.save(
            session, article, doc(title="第二版"), version=1, staff=staff["editor"], now=clock.now()
        )
        assert isinstance(saved, drafts.Saved)
        await workflow.submit(session, article, staff=staff["editor"], now=clock.now())
        await signed(session, article, staff, clock)
        assert article.live_revision == 2
        back = await revisions.roll_back(session, article, 1, staff=staff["editor"], now=clock.now())
        assert (back.number, back.from_revision, back.digest) == (3, 1, doc().digest)
        await signed(session, article, staff, clock)
        states = {one.number: one.state for one in await revisions.history(session, article.id)}
        assert states == {3: "published", 2: "superseded", 1: "superseded"}


async def test_a_revision_cannot_be_edited(database: Database, clock: VirtualClock) -> None:
    staff = await people(database)
    with pytest.raises(ValueError, match="never changes"):
        async with database.write("test") as session:
            article = await published(session, staff, clock)
            revision = await service.revision(session, article.id, 1)
            revision.doc = doc(title="偷改").to_json()


async def test_a_text_changed_behind_our_back_is_not_published(
    database: Database, clock: VirtualClock
) -> None:
    staff = await people(database)
    async with database.write("test") as session:
        article = await service.create(session, "a", doc(), staff=staff["editor"], now=clock.now())
        await workflow.submit(session, article, staff=staff["editor"], now=clock.now())
        await signed(session, article, staff, clock, publish_after=False)
        assert article.live_revision is None
        await session.execute(
            ArticleRevision.__table__.update().values(doc=doc(title="偷改").to_json())  # type: ignore[attr-defined]
        )
        session.expire_all()
        article = await service.get(session, "a")
        with pytest.raises(ArticleError) as caught:
            await workflow.publish(
                session, article, RULES, staff=None, now=clock.now(), today=clock.local().date()
            )
        assert code(caught) == "not_approved"


@pytest.mark.parametrize(
    "change",
    [
        {"stages": []},
        {"review_after_days": 900},
        {"last": {"roles": ["editor"]}},
        {"last": {"not_author": False}},
        {"last": {"roles": ["doctor", "nobody"]}},
    ],
)
def test_a_hospital_cannot_do_without_a_clinician(tmp_path: Path, change: dict[str, object]) -> None:
    raw = yaml.safe_load(FILE.read_text("utf-8"))
    raw["stages"][-1].update(change.pop("last", {}))
    raw.update(change)
    path = tmp_path / "review.yml"
    path.write_text(yaml.safe_dump(raw), "utf-8")
    with pytest.raises(StagesError, match=r"review\.yml"):
        ReviewRules.load(path)


async def test_a_roll_back_beside_a_draft_leaves_the_draft(database: Database, clock: VirtualClock) -> None:
    staff = await people(database)
    by = {"staff": staff["editor"], "now": clock.now()}
    async with database.write("test") as session:
        article = await published(session, staff, clock)
        await workflow.hand_in(session, article, doc(title="第二版"), **by)
        await signed(session, article, staff, clock)
        await drafts.begin(session, article, **by)
        await drafts.save(session, article, doc(title="写到一半"), version=1, **by)
        lost = await drafts.save(session, article, doc(title="没赶上"), version=1, **by)
        assert isinstance(lost, drafts.Conflict)
        await revisions.roll_back(session, article, 1, **by)
        await signed(session, article, staff, clock)
        assert article.live_revision == 3
        draft = await drafts.find(session, article.id)
        assert draft is not None
        assert draft.doc["title"] == "写到一半"
        await workflow.submit(session, article, **by)
        await signed(session, article, staff, clock)
        assert await drafts.find(session, article.id) is None
        kept = [one.doc["title"] for one in await drafts.history(session, article.id)]
        assert kept == ["没赶上"]


async def test_two_reviewers_at_once_decide_one_after_the_other(
    database: Database, clock: VirtualClock
) -> None:
    staff = await people(database)
    by = {"staff": staff["editor"], "now": clock.now()}
    async with database.write("test") as session:
        article = await service.create(session, "a", doc(), **by)
        digest = (await workflow.submit(session, article, **by)).digest

    async def sign(name: str) -> str:
        try:
            async with database.write(name) as session:
                article = await service.get(session, "a")
                await _sign(session, article, staff[name], RULES.stages[0].checks, clock, digest)
                return "signed"
        except ArticleError as error:
            return error.code

    async def give_back() -> str:
        try:
            async with database.write("back") as session:
                article = await service.get(session, "a")
                await workflow.send_back(
                    session,
                    article,
                    RULES,
                    staff=staff["reviewer"],
                    digest=digest,
                    remark="改",
                    now=clock.now(),
                )
                return "returned"
        except ArticleError as error:
            return error.code

    said = await asyncio.gather(sign("editor"), give_back(), sign("editor2"))
    async with database.read() as session:
        article = await service.get(session, "a")
        revision = await service.revision(session, article.id, 1)
        offs = await workflow.sign_offs(session, revision)
    decided = [one for one in said if one in ("signed", "returned")]
    assert sorted(one.decision for one in offs) == sorted(decided)
    assert revision.step == decided.count("signed")
    assert ("returned" in decided) == (revision.state == "returned") == (article.pending_revision is None)
