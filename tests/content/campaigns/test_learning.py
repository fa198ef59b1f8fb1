"""Thompson sampling: the better text gets more of the next recipients, and the state says why."""

from __future__ import annotations

from datetime import timedelta
from random import Random
from uuid import UUID

from sqlalchemy import select

from content.campaigns import learn, service
from content.campaigns.kinds import Choosing, Goal, Kind, Late
from content.campaigns.models import CampaignVariant
from content.reading.models import ArticleRead
from store.ids import new_id
from tests.content.campaigns.ward import Ward


def test_it_prefers_the_better_text() -> None:
    """Opened by 35 in a hundred against 20: over 3,000 people, the better one gets most, and the other is never left out."""
    chance = Random(5)
    rates, trials, good = (0.20, 0.35), [0, 0], [0, 0]
    for turn in range(60):
        share = learn.shares(list(zip(trials, good, strict=True)), f"seed/{turn}")
        assert abs(sum(share) - 1) < 1e-9
        assert min(share) >= learn.LEAST
        for _ in range(50):
            arm = chance.choices((0, 1), share)[0]
            trials[arm] += 1
            good[arm] += chance.random() < rates[arm]
    assert trials[1] > 0.8 * sum(trials)


def test_without_a_difference_nobody_is_favoured_for_good() -> None:
    assert abs(learn.shares([(500, 100), (500, 100)], "same")[0] - 0.5) < 0.05
    assert learn.shares([(0, 0)], "alone") == [1.0]


async def _reads(ward: Ward, campaign_id: UUID, arm: str, share: int) -> None:
    """One in `share` of those who got `arm` opens it."""
    mine = [one for one in await ward.recipients(campaign_id) if one.arm == arm]
    async with ward.database.write("reads") as session:
        session.add_all(
            ArticleRead(
                patient_id=one.patient_id,
                article_id=ward.articles["t2dm-first"].id,
                topic="diabetes",
                opened_at=ward.clock.now(),
                dwell=20,
                source="wechat",
                link_id=new_id(),
                view="v",
                campaign_id=campaign_id,
                arm=arm,
            )
            for one in mine[::share]
        )


async def test_a_campaign_learns_while_it_runs(ward: Ward) -> None:
    """On an audience that grows: the second wave goes mostly to the text the first one read."""
    slugs = ("t2dm-first", "t2dm-second")
    plan = await ward.plan(
        slugs=slugs, choosing=Choosing.THOMPSON, goal=Goal.OPENED, late=Late.CATCH_UP, late_days=20
    )
    assert plan.kind is Kind.ONCE
    await ward.patients(40)
    not_tracked = await ward.patients(4, purposes=("education", "personal"))
    campaign_id = await ward.launched(plan)
    await ward.runner().round()
    assert {one.arm for one in await ward.recipients(campaign_id)} == {""}
    await ward.run()
    await ward.deliver()
    await ward.run()
    arms = [one.arm for one in await ward.recipients(campaign_id)]
    assert min(arms.count("a"), arms.count("b")) > 8
    await _reads(ward, campaign_id, "b", 1)
    ward.clock.advance(timedelta(days=1, hours=1))
    await ward.patients(40)
    await ward.run()
    async with ward.database.read() as session:
        variants = await service.variants(session, campaign_id)
        told = learn.explain(await service.get(session, campaign_id), variants)
    state = {one.arm: (one.trials, one.successes) for one in variants}
    tracked = [one for one in await ward.recipients(campaign_id) if one.patient_id not in not_tracked]
    first = [one for one in tracked if one.state == "sent"]
    assert state == {
        "a": (sum(one.arm == "a" for one in first), 0),
        "b": (sum(one.arm == "b" for one in first), sum(one.arm == "b" for one in first)),
    }
    assert variants[1].share > 0.9
    second = [one.arm for one in tracked if one.state == "queued"]
    assert len(second) == 40
    assert second.count("b") > 30
    assert told[0].startswith("版本B目前打开了文章的有100%")


async def test_the_state_is_explained_before_there_is_any(ward: Ward) -> None:
    campaign_id = await ward.approved(await ward.plan(slugs=("t2dm-first", "t2dm-second")))
    async with ward.database.read() as session:
        row = await service.get(session, campaign_id)
        variants = list(await session.scalars(select(CampaignVariant).order_by(CampaignVariant.arm)))
    assert learn.explain(row, variants)[0] == "还没有人的阅读结果，各版本平均分配。"
    variants[0].trials, variants[0].successes = 5, 2
    assert learn.explain(row, variants)[0].startswith("现在只有5人的结果")
