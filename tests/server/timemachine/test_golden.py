"""Every shipped plan, played: what it says to whom, when and why not, held to a text that is checked in.

A change that is meant: `python -m tests.server.timemachine.played` writes them anew; the difference is what changes for patients.
"""

from __future__ import annotations

import asyncio

import pytest

from care.plans.machine.journal import Journal, as_picture, as_text
from care.plans.machine.persona import PersonaError, read_persona
from tests.care.plans.shipped import NAMES
from tests.server.timemachine.played import GOLDEN, stage


async def _everything() -> dict[str, Journal]:
    async with stage() as on:
        return {name: await on.play(name) for name in NAMES}


@pytest.fixture(scope="module")
def journals() -> dict[str, Journal]:
    from store import crypto

    before = crypto._current
    try:
        return asyncio.run(_everything())
    finally:
        crypto._current = before


def test_every_plan_does_what_it_did(journals: dict[str, Journal]) -> None:
    different = [
        name
        for name, journal in journals.items()
        if as_text(journal) != (GOLDEN / f"{name}.txt").read_text("utf-8")
    ]
    for name in different:
        assert as_text(journals[name]) == (GOLDEN / f"{name}.txt").read_text("utf-8"), name
    assert sorted(file.stem for file in GOLDEN.glob("*.txt")) == NAMES


def test_the_story_of_the_silent_one(journals: dict[str, Journal]) -> None:
    """Asked, reminded, rung up three times; what cannot go by WeChat goes by SMS."""
    part = next(one for one in journals["post_discharge"].parts if one.said == "silent")
    lanes = [one.lane for one in part.entries]
    assert lanes.count("call") == 4, "on the list, and three calls nobody answered"
    assert "sms" in lanes
    assert part.reason


@pytest.mark.parametrize("said", ["opts-out:10", "sms dies:20", "readmitted:15"])
def test_nothing_is_said_after_it_should_stop(journals: dict[str, Journal], said: str) -> None:
    part = next(one for one in journals["post_discharge"].parts if one.said == said)
    stopped = next(one.at for one in part.entries if one.lane == "patient")
    after = [one for one in part.entries if one.at > stopped and one.lane in ("wechat", "sms", "call")]
    assert after == []


def test_a_picture_has_every_entry(journals: dict[str, Journal]) -> None:
    journal = journals["hypertension"]
    for part in journal.parts:
        picture = as_picture(journal, part)
        assert len(picture.marks) == len(part.entries)
        places = [(mark.x, mark.y) for mark in picture.marks]
        assert len(set(places)) == len(places), "no mark covers another"


def test_a_persona_says_which_word_it_does_not_know() -> None:
    found = read_persona("female 67 I50.900 sms silent dies:20 visits:30")
    assert (found.sex, found.age, found.codes, found.channels) == ("female", 67, ("I50.900",), ("sms",))
    assert found.acts == (("dies", 20), ("visits", 30))
    assert not found.answers
    with pytest.raises(PersonaError, match="'sleepy'"):
        read_persona("answers sleepy")
