"""The demo's campaign is there, is whole, and finds patients."""

from __future__ import annotations

from care.seed import seed_into
from content.audiences import service as audiences
from content.audiences.day import Day
from content.campaigns import finding, service
from content.campaigns.finding import Filters
from content.campaigns.plan import problems
from content.campaigns.seed import seed_campaign
from tests.content.campaigns.ward import Ward


async def test_the_demos_campaign_is_ready_to_be_handed_in(ward: Ward) -> None:
    now = ward.clock.now()
    async with ward.database.write() as session:
        await seed_into(session, ward.clock)
        assert not await seed_campaign(session, now)  # its article is not published
    await ward.article("t2dm-diet-plate")
    async with ward.database.write() as session:
        assert await seed_campaign(session, now)
        assert not await seed_campaign(session, now)
        [(row, _)], _ = await finding.find(session, Filters())
        assert list(problems(await service.plan_of(session, row))) == []
        rule = await audiences.rule_of(session, row.audience_version_id)
        assert rule is not None
        assert await audiences.count(session, rule, Day.of(ward.clock)) >= 3
