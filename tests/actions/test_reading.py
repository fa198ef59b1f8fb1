"""What one agreed to around articles, changed by words and taps; and why one was sent one: to whom it is, where it is private."""

from __future__ import annotations

from uuid import UUID

import pytest
from sqlalchemy import select

from actions.account.reading import REQUESTS
from actions.services import Services
from bot.shortcuts import wanted_by
from care.consents.models import ConsentNow
from care.patients import service as patients
from care.patients.models import Relation
from channels.contacts.models import Conversation
from channels.outbox.models import OutboundMessage
from channels.ports import ChannelName
from content.articles.models import Article
from content.reading import links
from content.reading.links import LinkFor
from language import wishes
from store.database import Database
from tests.actions.conftest import World
from tests.content.reading.ground import RULE, diabetes_campaign
from tests.factories import articles
from tests.factories.messages import SMS, WECHAT
from tests.factories.stage import Stage, stage


@pytest.fixture
async def on(services: Services, database: Database, world: World) -> Stage:
    """王秀兰, who also acts for a child and for an acquaintance."""
    made = await stage(services)
    async with database.write() as session:
        for name, relation in (
            ("王秀兰", Relation.SELF),
            ("赵小满", Relation.CHILD),
            ("张伟", Relation.OTHER),
        ):
            await patients.link_contact(
                session, world.people[name], made.contact_id, relation, at=services.clock.now()
            )
    return made


async def held(database: Database, patient: UUID) -> dict[str, bool]:
    async with database.read() as session:
        rows = await session.scalars(select(ConsentNow).where(ConsentNow.subject_id == patient))
        return {row.purpose: row.granted for row in rows}


async def test_each_is_decided_by_itself(on: Stage, database: Database, world: World) -> None:
    await on.say("我的数据", "my_data")
    await on.say(str(on.labels.index("撤回同意") + 1))
    assert await on.say(str(on.labels.index("文章推荐设置") + 1)) == ["reading.settings"]
    assert set(on.last.params.values()) == {"没有打开"}
    assert on.labels == ["打开个性化推荐", "同意记录阅读", "同意用于研究"]
    assert await on.say("2") == ["reading.changed"]
    assert "会删除" in on.last.params["said"]
    assert await held(database, world.people["王秀兰"]) == {"tracking": True}
    assert on.labels == ["不再记录阅读"]
    await on.say("1")
    assert await held(database, world.people["王秀兰"]) == {"tracking": False}


async def test_research_is_agreed_to_for_oneself_and_a_child(
    on: Stage, database: Database, world: World
) -> None:
    await on.say("我的数据", "my_data")
    await on.say(str(on.labels.index("撤回同意") + 1))
    await on.say(str(on.labels.index("文章推荐设置") + 1))
    await on.say("3")
    agreed = {name: await held(database, who) for name, who in world.people.items()}
    assert {name for name, said in agreed.items() if said == {"research": True}} == {"王秀兰", "赵小满"}


@pytest.mark.parametrize(
    ("text", "request_"),
    [
        ("请帮我关闭个性化推荐。", "personal_off"),
        ("为什么给我发这个？", "why_sent"),
        ("文章推荐设置", "reading"),
        ("不要再记录我的阅读情况", "tracking_off"),
        ("同意记录阅读", "tracking_on"),
    ],
)
def test_whole_messages_are_understood_without_the_engine(text: str, request_: str) -> None:
    wish = wishes.read(text)
    assert wish is not None
    assert wanted_by(wish) == ("my_data", {"request": request_})
    assert request_ in REQUESTS


@pytest.mark.parametrize("channel", [WECHAT, SMS])
async def test_why_says_the_rule_where_it_is_private(
    services: Services, database: Database, world: World, channel: ChannelName
) -> None:
    on = await stage(services, channel)
    patient, now = world.people["王秀兰"], services.clock.now()
    staff = await articles.people(database)
    async with database.write() as session:
        await patients.link_contact(session, patient, on.contact_id, Relation.SELF, at=now)
    assert await why(on) == ["reading.nothing_sent"]
    async with database.write() as session:
        article: Article = await articles.published(session, staff, services.clock)
        sent_by = await diabetes_campaign(session, patient, services.clock, days=10)
        talk = (await session.scalars(select(Conversation))).one()
        given = LinkFor(patient, article.id, 1, "diabetes", "campaign", "k1", sent_by)
        await links.issue(session, [given], now)
        session.add(
            OutboundMessage(
                dedup_key="k1",
                conversation_id=talk.id,
                contact_id=on.contact_id,
                channel=str(channel),
                account_id="hospital",
                seq=900,
                purpose="education",
                priority=9,
                reply={"key": "x", "params": {}, "options": []},
                status="accepted",
                created_at=now,
                attempts=0,
            )
        )
    said = await why(on)
    if channel is WECHAT:
        assert said == ["reading.why_rule"]
        assert on.last.params["rule"] == RULE
        assert "2型糖尿病，2026-11-12确诊" in on.last.params["facts"]
    else:
        assert said == ["reading.why"]
        assert "糖尿病" not in str(on.last.params)


async def why(on: Stage) -> list[str]:
    return await on.hear("", "my_data", 1.0, {"request": "why_sent"})
