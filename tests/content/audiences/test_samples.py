"""The demo's audiences are sound, and the demo's patients fill them."""

from __future__ import annotations

from care.seed import seed_into
from content.audiences import rules, service, stages
from content.audiences.check import check
from content.audiences.data import load
from content.audiences.day import Day
from content.audiences.seed import seed_samples
from content.audiences.sentence import sentence
from content.audiences.vocabulary import topics, vocabulary
from server.settings import ROOT
from store.clock import VirtualClock
from store.database import Database


async def test_the_demo_has_people_for_each_sample(database: Database, clock: VirtualClock) -> None:
    day = Day.of(clock)
    async with database.write() as session:
        await seed_into(session, clock)
        assert await seed_samples(session, clock.now()) == len(load("samples")["audiences"])
        assert await seed_samples(session, clock.now()) == 0
    async with database.read() as session:
        words = await vocabulary(session)
        for audience, newest in await service.listed(session):
            rule = rules.read(newest.rule)
            assert check(rule, words) == [], audience.name
            assert 3 <= await service.count(session, rule, day) <= 120, (audience.name, sentence(rule, words))
        for stage in stages.names():
            rule = rules.Group(rules=[rules.Stage(stage=stage)])
            assert await service.count(session, rule, day) > 0, stage


def test_stages_are_those_of_articles() -> None:
    import yaml

    known = yaml.safe_load((ROOT / "data" / "seed" / "article_topics.yml").read_text("utf-8"))["stages"]
    assert {key: name for key, name in known.items() if key != "any"} == stages.names()
    assert topics()["diabetes"] == "糖尿病"
