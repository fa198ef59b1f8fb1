"""Writing down who gets it: in stretches, each person once, whatever dies; who is held out and who gets which text."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections import Counter
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import insert, select, update
from sqlalchemy.exc import IntegrityError

from care.patients.models import Patient
from content.campaigns import launching, service, workflow
from content.campaigns.dice import Dice, arm_in, arm_of
from content.campaigns.errors import CampaignError
from content.campaigns.models import Campaign, CampaignLaunch
from store.clock import real_now
from store.ids import new_id
from tests.content.campaigns.launcher import SMALL
from tests.content.campaigns.ward import EVERYONE, Ward

ROOT = Path(__file__).parents[3]


async def _many(ward: Ward, count: int) -> list[UUID]:
    """Patients without anything about them."""
    ids = [new_id() for _ in range(count)]
    rows: list[dict[str, Any]] = [
        {
            "id": one,
            "record_number_sealed": b"-",
            "record_number_hash": one.hex,
            "name_sealed": b"-",
            "name_hash": "-",
            "sex": "female",
            "status": "active",
            "confidential": False,
            "created_at": ward.clock.now(),
        }
        for one in ids
    ]
    async with ward.database.write("many patients") as session:
        await session.execute(insert(Patient), rows)
    return ids


async def test_killed_in_the_middle_it_goes_on_where_it_was(ward: Ward) -> None:
    people = await _many(ward, 20 * SMALL)
    campaign_id = await ward.launched(await ward.plan(EVERYONE))
    url = ward.database.url.render_as_string(hide_password=False)
    command = (sys.executable, "-m", "tests.content.campaigns.launcher", url, ward.clock.now().isoformat())
    process = await asyncio.create_subprocess_exec(*command, cwd=ROOT)
    done = 0
    async with asyncio.timeout(120):
        while done < 3 * SMALL:
            await asyncio.sleep(0.02)
            assert process.returncode is None
            async with ward.database.read() as session:
                done = await session.scalar(select(CampaignLaunch.done)) or 0
    process.send_signal(signal.SIGKILL)
    assert await process.wait() == -signal.SIGKILL
    found = await ward.recipients(campaign_id)
    assert 3 * SMALL <= len(found) < len(people)
    await ward.runner().round()
    assert len(await ward.recipients(campaign_id)) == len(found)  # its lease still runs
    async with ward.database.write("a minute later") as session:
        await session.execute(update(Campaign).values(lease_until=real_now() - timedelta(seconds=1)))
    await ward.runner().round()
    after = await ward.recipients(campaign_id)
    assert sorted(one.patient_id for one in after) == sorted(people)
    async with ward.database.read() as session:
        launch = (await session.scalars(select(CampaignLaunch))).one()
    assert (launch.state, launch.done, launch.total) == ("made", len(people), len(people))


async def test_stretches_find_everybody_once(ward: Ward, monkeypatch: pytest.MonkeyPatch) -> None:
    """A rare audience among many patients, and a stretch of whatever length."""
    await _many(ward, 40)
    mine = await ward.patients(5)
    await _many(ward, 30)
    mine += await ward.patients(2)
    for batch in (1, 3, 100):
        monkeypatch.setattr(launching, "BATCH", dict.fromkeys(launching.BATCH, batch))
        campaign_id = await ward.launched(await ward.plan())
        await ward.runner().round()
        assert sorted(one.patient_id for one in await ward.recipients(campaign_id)) == sorted(mine)


async def test_dice_fall_the_same_in_python_and_on_both_databases(ward: Ward) -> None:
    people = await _many(ward, 300)
    dice = Dice.of(new_id(), "arm")
    arms, shares = ("a", "b", "c"), (0.2, 0.3, 0.5)
    async with ward.database.read() as session:
        rolled = await session.execute(
            select(Patient.id, dice.rolled(Patient.id), arm_in(dice, Patient.id, arms, shares))
        )
        found = {row[0]: (row[1], row[2]) for row in rolled}
    assert found == {one: (dice.roll(one), arm_of(dice, one, arms, shares)) for one in people}


async def test_held_out_are_as_many_as_asked_for_and_get_nothing(ward: Ward) -> None:
    await _many(ward, 2000)
    plan = await ward.plan(EVERYONE, holdout_percent=20, slugs=("t2dm-first", "t2dm-second"))
    campaign_id = await ward.launched(plan)
    await ward.runner().round()
    found = await ward.recipients(campaign_id)
    arms = Counter(one.arm for one in found)
    assert arms["holdout"] == Counter(one.state for one in found)["held_out"]
    # Four standard deviations of a draw of 2,000 (and of the 1,600 left).
    assert abs(arms["holdout"] - 400) < 72
    assert abs(arms["a"] - arms["b"]) < 160
    async with ward.database.read() as session:
        held = Dice.of(campaign_id, launching.HOLDOUT).below(Patient.id, 0.2)
        drawn = set(await session.scalars(select(Patient.id).where(held)))
    assert {one.patient_id for one in found if one.arm == "holdout"} == drawn
    # Another campaign holds out others: of those of this one, about a fifth.
    other = Dice.of(new_id(), launching.HOLDOUT)
    again = sum(other.roll(one) < 0.2 * 2**31 for one in drawn)
    assert abs(again - len(drawn) / 5) < 40


@pytest.mark.parametrize("purpose", ["service_notice", "follow_up"])
async def test_reminders_and_follow_up_are_not_tried_upon(ward: Ward, purpose: str) -> None:
    for values, code in (
        ({"holdout_percent": 5}, "no_holdout"),
        ({"slugs": ("t2dm-first", "t2dm-second")}, "no_variants"),
    ):
        plan = await ward.plan(purpose=purpose, **values)
        with pytest.raises(CampaignError) as refused:
            await ward.approved(plan)
        assert refused.value.code == code
    campaign_id = await ward.approved(await ward.plan(purpose=purpose))
    with pytest.raises(IntegrityError):  # whatever way it is tried
        async with ward.database.write() as session:
            changed = update(Campaign).where(Campaign.id == campaign_id).values(holdout_percent=10)
            await session.execute(changed)


async def test_what_is_not_signed_is_not_handed_in_or_started(ward: Ward) -> None:
    campaign_id = await ward.approved(await ward.plan())
    ward.clock.advance(timedelta(days=3000))
    with pytest.raises(CampaignError) as refused:
        await ward.act(workflow.launch, campaign_id, contents=ward.contents)
    assert refused.value.code == "content_expired"
    async with ward.database.read() as session:
        assert (await service.get(session, campaign_id)).state == "approved"
