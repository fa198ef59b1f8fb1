"""SQL on both databases, the explanation of each patient and a naive reading say the same of random trees and random patients."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings

from content.audiences import compile as sql
from content.audiences import rules, service
from content.audiences.day import Day
from content.audiences.explain import explain
from content.audiences.facts import PatientFacts, facts_of
from store.clock import VirtualClock
from store.database import Database
from tests.content.audiences import naive
from tests.content.audiences.people import Person, crowd, store
from tests.content.audiences.trees import leaf, trees


async def test_sql_explanation_and_a_naive_reading_agree(database: Database, clock: VirtualClock) -> None:
    await _held(database, clock, seed=1, examples=40)


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(2, 7))
async def test_they_agree_for_long(database: Database, clock: VirtualClock, seed: int) -> None:
    await _held(database, clock, seed=seed, examples=1_500)


async def _held(database: Database, clock: VirtualClock, *, seed: int, examples: int) -> None:
    day = Day.of(clock)
    people = crowd(random.Random(seed), day, 60)
    async with database.write("crowd") as session:
        await store(session, people, clock.now())
    async with database.read("facts") as session:
        facts = {one.id: await facts_of(session, one.id) for one in people}
    known = {key: value for key, value in facts.items() if value is not None}
    loop = asyncio.get_running_loop()

    async def by_sql(rule: rules.Group) -> tuple[set[Any], int]:
        async with database.read("audience") as session:
            ids = list(await session.scalars(await service.selecting(session, rule, day)))
            plain = await session.scalars(sql.patients(rule, day))
            assert set(plain) == set(ids)
            assert len(set(ids)) == len(ids)
            return set(ids), await service.count(session, rule, day)

    def run(rule: rules.Group) -> tuple[set[Any], int]:
        return asyncio.run_coroutine_threadsafe(by_sql(rule), loop).result(30)

    await asyncio.to_thread(_agree, people, known, day, run, examples)


def _agree(
    people: list[Person],
    facts: dict[Any, PatientFacts],
    day: Day,
    run: Callable[[rules.Group], tuple[set[Any], int]],
    examples: int,
) -> None:
    def check(raw: dict[str, Any]) -> None:
        rule = rules.read(raw)
        assert rules.read(rules.dump(rule)) == rule
        expected = {one.id for one in people if naive.included(raw, one, day)}
        assert {key for key, one in facts.items() if explain(rule, one, day).included} == expected
        ids, number = run(rule)
        assert ids == expected
        assert number == len(expected)

    quick = settings(
        max_examples=examples, deadline=None, database=None, suppress_health_check=[HealthCheck.too_slow]
    )
    quick(given(trees)(check))()
    quick(given(leaf)(lambda one: check({"kind": "all", "rules": [one]})))()
