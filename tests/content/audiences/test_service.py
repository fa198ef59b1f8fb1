"""Audiences are saved in versions; nobody writes over what somebody else saved meanwhile."""

from __future__ import annotations

import random

import pytest

from content.audiences import rules, service
from content.audiences.day import Day
from store.clock import VirtualClock
from store.database import Database
from tests.content.audiences.people import crowd, store

DIABETES = rules.read({"kind": "all", "rules": [{"kind": "condition", "codes": ["E11"], "at_most": 30}]})
OLD = rules.read({"kind": "all", "rules": [{"kind": "age", "at_least": 60}]})
EVERYONE = rules.read({"kind": "all", "rules": [{"kind": "everyone"}]})


async def test_a_changed_rule_is_a_new_version(database: Database, clock: VirtualClock) -> None:
    now = clock.now()
    async with database.write() as session:
        first = await service.create(session, name="新确诊", note="", rule=DIABETES, now=now, staff_id=None)
        audience = await service.get(session, first.audience_id)
        assert audience is not None
        same = await service.change(
            session,
            audience,
            seen=1,
            name="新确诊糖尿病",
            note="内分泌",
            rule=DIABETES,
            now=now,
            staff_id=None,
        )
        assert (audience.name, audience.version, same) == ("新确诊糖尿病", 1, first)
        second = await service.change(
            session, audience, seen=1, name="新确诊糖尿病", note="", rule=OLD, now=now, staff_id=None
        )
        assert isinstance(second, service.AudienceVersion)
        late = await service.change(
            session, audience, seen=1, name="别的", note="", rule=EVERYONE, now=now, staff_id=None
        )
        assert isinstance(late, service.Changed)
        assert (late.newest.number, audience.name) == (2, "新确诊糖尿病")
    async with database.read() as session:
        assert [one.number for one in await service.versions(session, first.audience_id)] == [2, 1]
        assert await service.rule_of(session, first.id) == DIABETES
        assert await service.rule_of(session, second.id) == OLD
        [(listed, newest)] = await service.listed(session)
        assert (listed.name, newest.number) == ("新确诊糖尿病", 2)


async def test_a_name_is_one_audience(database: Database, clock: VirtualClock) -> None:
    async with database.write() as session:
        for name in ("甲", "乙"):
            made = await service.create(session, name=name, note="", rule=OLD, now=clock.now(), staff_id=None)
        with pytest.raises(service.NameTaken):
            await service.create(session, name="甲", note="", rule=OLD, now=clock.now(), staff_id=None)
        second = await service.get(session, made.audience_id)
        assert second is not None
        with pytest.raises(service.NameTaken):
            await service.change(
                session, second, seen=1, name="甲", note="", rule=OLD, now=clock.now(), staff_id=None
            )


async def test_a_sample_is_of_the_audience_and_goes_around(database: Database, clock: VirtualClock) -> None:
    day, people = Day.of(clock), crowd(random.Random(5), Day.of(clock), 40)
    async with database.write() as session:
        await store(session, people, clock.now())
    active = {one.id for one in people if one.status == "active"}
    async with database.read() as session:
        assert await service.in_care(session) == await service.count(session, EVERYONE, day) == len(active)
        seen = set()
        for seed, share in zip("abcd", (0.0, 1.0, 0.0, 1.0), strict=True):  # both ways to look
            found = [one.id for one in await service.sample(session, EVERYONE, day, seed=seed, share=share)]
            assert len(set(found)) == service.SAMPLE
            assert set(found) <= active
            seen.add(tuple(found))
        assert len(seen) >= 2
        for share in (0.0, 1.0):
            everybody = await service.sample(session, EVERYONE, day, seed="a", share=share, size=100)
            assert {one.id for one in everybody} == active


def test_what_is_no_rule_is_refused() -> None:
    deep: dict[str, object] = {"kind": "all", "rules": []}
    for _ in range(rules.DEEPEST):
        deep = {"kind": "any", "rules": [deep]}
    endless: dict[str, object] = {"kind": "all", "rules": []}
    for _ in range(5000):
        endless = {"kind": "any", "rules": [endless]}
    many = {"kind": "all", "rules": [{"kind": "everyone"}] * rules.MOST_NODES}
    wrong: list[object] = [
        None,
        [],
        {"kind": "everyone"},
        {"kind": "all", "rules": [{"kind": "magic"}]},
        {"kind": "all", "rules": [{"kind": "age", "at_least": -1}]},
        {"kind": "all", "rules": [{"kind": "age", "years": 3}]},
        deep,
        endless,
        many,
    ]
    for one in wrong:
        with pytest.raises(rules.RuleError):
            rules.read(one)
