"""The first and the last day of each window, where random trees seldom meet random people."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from content.audiences import rules, service
from content.audiences.day import Day
from content.audiences.explain import explain
from content.audiences.facts import facts_of
from store.clock import VirtualClock
from store.database import Database
from store.ids import new_id
from tests.content.audiences import naive
from tests.content.audiences.people import Person, store

WEEKS = {"kind": "pregnancy", "at_least": 12, "at_most": 28}
IGNORED = {"kind": "reading", "how": "ignored", "topics": ["diabetes"], "grace": 3, "within": 30}


def person(**facts: Any) -> Person:
    return Person(new_id(), "female", 1995, "active", None, None, **facts)


def pregnant(day: Day, days: int) -> Person:
    return person(pregnancies=[(day.today - timedelta(days=days), None, None)])


def sent(day: Day, days: int, seconds: int) -> Person:
    moment = day.begins(day.today - timedelta(days=days)) + timedelta(seconds=seconds)
    return person(sent=[("article-0", "diabetes", moment)])


@pytest.mark.parametrize("kind", ["pregnancy", "ignored"])
async def test_both_ends_are_included(database: Database, clock: VirtualClock, kind: str) -> None:
    day = Day.of(clock)
    last = 86_399
    if kind == "pregnancy":
        rule: dict[str, Any] = WEEKS
        inside = [pregnant(day, days) for days in (84, 28 * 7, 28 * 7 + 6)]
        outside = [pregnant(day, days) for days in (83, 29 * 7)]
    else:
        rule = IGNORED
        inside = [sent(day, 3, 0), sent(day, 3, last), sent(day, 30, 0)]
        outside = [sent(day, 2, 0), sent(day, 31, last)]
    raw = {"kind": "all", "rules": [rule]}
    tree = rules.read(raw)
    async with database.write() as session:
        await store(session, [*inside, *outside], clock.now())
        ids = set(await session.scalars(await service.selecting(session, tree, day)))
        assert ids == {one.id for one in inside}
        for one in (*inside, *outside):
            facts = await facts_of(session, one.id)
            assert facts is not None
            assert explain(tree, facts, day).included == naive.included(raw, one, day) == (one in inside)
