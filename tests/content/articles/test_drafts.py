"""Two editors, autosave, undo: nobody's words are lost."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import update

from content.articles import drafts, service
from content.articles.doc import ArticleDoc
from content.articles.errors import NotFound
from content.articles.models import Article, ArticleDraft
from store.clock import VirtualClock, real_now
from store.database import Database
from tests.factories.articles import doc, people
from web.signin.models import StaffUser


async def article(database: Database, clock: VirtualClock, staff: dict[str, StaffUser]) -> Article:
    async with database.write("test") as session:
        return await service.create(session, "a", doc(), staff=staff["editor"], now=clock.now())


async def title(database: Database) -> str:
    async with database.read() as session:
        found = await drafts.find(session, (await service.get(session, "a")).id)
        assert found is not None
        return ArticleDoc.from_json(found.doc).title


async def test_two_editors_do_not_overwrite_each_other(database: Database, clock: VirtualClock) -> None:
    staff = await people(database)
    await article(database, clock, staff)
    both = {"version": 1, "now": clock.now()}
    async with database.write("one") as session:
        mine = await service.get(session, "a")
        saved = await drafts.save(session, mine, doc(title="甲"), staff=staff["editor"], **both)
        assert saved == drafts.Saved(2)
        await drafts.unlock(session, mine, staff=staff["editor"])
    async with database.write("two") as session:
        theirs = await service.get(session, "a")
        refused = await drafts.save(session, theirs, doc(title="乙"), staff=staff["editor2"], **both)
    assert isinstance(refused, drafts.Conflict)
    assert (refused.theirs.title, refused.version, refused.saved_by) == ("甲", 2, staff["editor"].id)
    assert refused.locked_by is None
    assert await title(database) == "甲"
    async with database.write("kept") as session:
        again = await service.get(session, "a")
        kept = next(one for one in await drafts.history(session, again.id) if one.id == refused.kept)
        assert (kept.kind, kept.doc["title"]) == ("refused", "乙")
        taken = await drafts.restore(
            session, again, kept.id, version=2, staff=staff["editor2"], now=clock.now()
        )
        assert taken == drafts.Saved(3)
    assert await title(database) == "乙"


async def test_a_lock_is_held_taken_over_and_runs_out(database: Database, clock: VirtualClock) -> None:
    staff = await people(database)
    await article(database, clock, staff)
    async with database.write("test") as session:
        one = await service.get(session, "a")
        assert (await drafts.lock(session, one, staff=staff["editor"])).mine
        asked = await drafts.lock(session, one, staff=staff["editor2"])
        assert (asked.mine, asked.held_by) == (False, staff["editor"].id)
        refused = await drafts.save(
            session, one, doc(title="乙"), version=1, staff=staff["editor2"], now=clock.now()
        )
        assert isinstance(refused, drafts.Conflict)
        assert refused.locked_by == staff["editor"].id
        assert (await drafts.lock(session, one, staff=staff["editor2"], take_over=True)).mine
        lost = await drafts.save(
            session, one, doc(title="甲"), version=1, staff=staff["editor"], now=clock.now()
        )
        assert isinstance(lost, drafts.Conflict)
        assert lost.locked_by == staff["editor2"].id
        await session.execute(update(ArticleDraft).values(locked_until=real_now() - timedelta(seconds=1)))
        assert (await drafts.lock(session, one, staff=staff["editor"])).mine


async def test_undo_and_redo_walk_through_what_was_written(database: Database, clock: VirtualClock) -> None:
    staff = await people(database)
    await article(database, clock, staff)
    who = staff["editor"]
    version = 1
    async with database.write("test") as session:
        one = await service.get(session, "a")
        for text in ("一", "二", "三"):
            clock.advance(timedelta(minutes=1))
            saved = await drafts.save(
                session, one, doc(title=text), version=version, staff=who, now=clock.now()
            )
            assert isinstance(saved, drafts.Saved)
            version = saved.version

        async def step(how: str) -> str | None:
            nonlocal version
            walk = drafts.undo if how == "undo" else drafts.redo
            done = await walk(session, one, version=version, staff=who, now=clock.now())
            if done is None:
                return None
            assert isinstance(done, drafts.Saved)
            version = done.version
            return one.title

        assert [await step("undo") for _ in range(4)] == ["二", "一", doc().title, None]
        assert [await step("redo") for _ in range(4)] == ["一", "二", "三", None]
        assert [await step("undo") for _ in range(2)] == ["二", "一"]
        clock.advance(timedelta(minutes=1))
        saved = await drafts.save(session, one, doc(title="四"), version=version, staff=who, now=clock.now())
        assert isinstance(saved, drafts.Saved)
        version = saved.version
        assert await step("redo") is None
        assert [await step("undo") for _ in range(2)] == ["一", doc().title]


async def test_typing_is_one_step_and_old_states_go(
    database: Database, clock: VirtualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(drafts, "KEPT", 3)
    staff = await people(database)
    await article(database, clock, staff)
    async with database.write("test") as session:
        one = await service.get(session, "a")
        for number in range(1, 6):
            clock.advance(timedelta(seconds=3))
            await drafts.save(
                session, one, doc(title=f"字{number}"), version=number, staff=staff["editor"], now=clock.now()
            )
        states = await drafts.history(session, one.id)
        assert [(state.version, state.doc["title"]) for state in states] == [(6, "字5"), (1, doc().title)]
        for number in range(6, 12):
            clock.advance(timedelta(minutes=1))
            await drafts.save(
                session, one, doc(title=f"字{number}"), version=number, staff=staff["editor"], now=clock.now()
            )
        assert [state.version for state in await drafts.history(session, one.id)] == [12, 11, 10]
        with pytest.raises(NotFound):
            await drafts.restore(session, one, one.id, version=12, staff=staff["editor"], now=clock.now())
