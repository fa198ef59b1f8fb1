"""Articles in the conversation: answers with source and link, recommendations, why, topics and personal choice."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import date, timedelta
from uuid import UUID

import pytest
from sqlalchemy import select

from actions.services import Services
from care.consents.models import Purpose
from care.patients import service as patients
from care.patients.models import Relation
from care.patients.service import PatientData
from care.records.models import Pregnancy
from channels.ports import ChannelName
from channels.reply import Reply
from content.articles.doc import Audience
from content.articles.search import ArticleIndex, settings
from content.faq.questions.models import UnansweredQuestion
from content.faq.search import FaqIndex
from content.reading import consents
from content.reading.models import ArticleLink, TopicStop
from language.embed import Embedder
from language.retrieve import HybridIndex
from store.clock import VirtualClock
from store.database import Database
from tests.actions.conftest import readable
from tests.factories.articles import doc, people, published
from tests.factories.embedding import embedder as embedder
from tests.factories.messages import SMS, WECHAT
from tests.factories.stage import Stage, stage

LIBRARY = {
    "melon": {"ai_made": True, "sample": True, "related": ("salt",)},
    "salt": {
        "title": "一天五克盐怎么过",
        "summary": "每人每天盐不超过5克。酱油咸菜也算在内。",
        "topic": "hypertension",
        "stage": "any",
        "conditions": ("I10",),
        "questions": ("高血压一天能吃多少盐",),
    },
    "alcohol": {
        "title": "吃药的日子能不能喝酒",
        "summary": "吃头孢或甲硝唑不喝酒。拿不准先问药师。",
        "topic": "medicines",
        "stage": "any",
        "conditions": (),
        "questions": ("吃药能喝酒吗", "吃了头孢多久能喝酒", "布洛芬一次吃几片"),
    },
    "weeks": {
        "title": "怀孕第29到36周",
        "summary": "两周产检一次。每天数胎动。",
        "topic": "pregnancy",
        "stage": "pregnancy",
        "conditions": ("Z34",),
        "questions": ("孕晚期多久产检一次",),
        "audience": Audience(sex="female", weeks=(29, 36)),
    },
}


@pytest.fixture
async def library(
    database: Database, clock: VirtualClock, services: Services, embedder: Embedder
) -> AsyncIterator[dict[str, UUID]]:
    """Four articles, indexed; no FAQ. Article ids by slug."""
    staff = await people(database)
    async with database.write("articles") as session:
        made = {
            slug: await published(session, staff, clock, slug=slug, **values)  # type: ignore[arg-type]
            for slug, values in LIBRARY.items()
        }
    services.articles = index = ArticleIndex(database, clock, HybridIndex(embedder, settings()))
    await index.refresh()
    services.faq = FaqIndex(database, HybridIndex(embedder))
    yield {slug: one.id for slug, one in made.items()}


async def bound(on: Stage, *who: tuple[str, Relation]) -> list[UUID]:
    """Women of 29 bound to the stage's contact, 30 weeks pregnant; their ids."""
    found = []
    async with on.services.database.write("bind") as session:
        now = on.services.clock.now()
        for number, (name, relation) in enumerate(who):
            data = PatientData(f"D900{number}", name, "female", date(1997, 3, 12), f"1990000009{number}")
            patient = await patients.create(session, data, now)
            await patients.link_contact(session, patient.id, on.contact_id, relation, at=now)
            await patients.add_condition(session, patient.id, "Z34.900", "正常妊娠监督", None, at=now)
            lmp = on.services.clock.local().date() - timedelta(days=30 * 7)
            session.add(Pregnancy(patient_id=patient.id, lmp_date=lmp))
            found.append(patient.id)
    return found


async def agree(on: Stage, patient_id: UUID, *, granted: bool = True) -> None:
    async with on.services.database.write("consent") as session:
        await consents.decide(
            session,
            patient_id,
            Purpose.PERSONAL,
            granted,
            channel="wechat",
            proof="test",
            now=on.services.clock.now(),
        )


async def wish(on: Stage, kind: str, **params: str) -> list[str]:
    return await on.hear("", "ask_health", 1.0, {"wish": kind, **params})


def shown(on: Stage, channel: ChannelName) -> None:
    for reply in on.replies:
        readable(reply, channel)


async def test_an_answer_has_two_sentences_a_source_a_link_and_marks(
    services: Services, library: dict[str, UUID]
) -> None:
    on = await stage(services)
    (patient_id,) = await bound(on, ("李静", Relation.SELF))
    assert await on.say("糖尿病可以吃西瓜么", "ask_health") == ["education.answer"]
    shown(on, WECHAT)
    said = on.last.params
    assert said["text"] == doc().summary
    assert "糖尿病防治指南" in said["source"]
    assert said["path"].startswith("/r/")
    assert said["model_made"] is True and said["sample"]
    assert on.last.content() == ("article:melon", 1)
    assert on.labels == ["看相关文章", "问护士"]
    async with services.database.read() as session:
        (link,) = await session.scalars(select(ArticleLink))
        assert (link.patient_id, link.article_id, link.source) == (patient_id, library["melon"], "chat")
        assert link.outbound_key.startswith("reply:") and link.outbound_key.endswith(":0")
        assert (await session.scalars(select(UnansweredQuestion))).all() == []
    assert await on.say("1") == ["education.related"]
    assert on.labels == ["一天五克盐怎么过", "问护士"]
    assert await on.say("1") == ["education.answer"]
    assert on.last.params["title"] == "一天五克盐怎么过"


async def test_a_stranger_gets_the_page_for_anybody_and_nothing_is_kept(
    services: Services, library: dict[str, UUID]
) -> None:
    on = await stage(services)
    assert await on.say("糖尿病可以吃西瓜么", "ask_health") == ["education.answer"]
    assert on.last.params["path"] == "/read/melon"
    async with services.database.read() as session:
        assert await session.scalar(select(ArticleLink.id)) is None


async def test_by_sms_there_is_a_link_and_no_illness(services: Services, library: dict[str, UUID]) -> None:
    on = await stage(services, SMS)
    await bound(on, ("李静", Relation.SELF))
    assert await on.say("糖尿病可以吃西瓜么", "ask_health") == ["education.answer"]
    shown(on, SMS)
    assert on.labels == []
    stranger = await stage(services, SMS, "+8619900000077")
    assert await stranger.say("糖尿病可以吃西瓜么", "ask_health") == ["faq.health_unknown"]


async def test_a_medicine_comes_with_the_pharmacists_line_and_never_a_dose(
    services: Services, library: dict[str, UUID]
) -> None:
    on = await stage(services)
    assert await on.say("吃了头孢能喝酒吗", "ask_medication") == ["education.medicine"]
    assert await on.say("布洛芬一次吃几片", "ask_medication") == ["faq.medication"]


async def test_what_no_article_answers_is_kept_for_the_editors(
    services: Services, library: dict[str, UUID]
) -> None:
    on = await stage(services)
    assert (await on.say("灰指甲怎么去根", "ask_health"))[0] in ("faq.health_unknown", "education.near")
    async with services.database.read() as session:
        (kept,) = await session.scalars(select(UnansweredQuestion))
        assert kept.text == "灰指甲怎么去根"


@pytest.mark.parametrize("channel", [WECHAT, SMS])
async def test_recommended_by_the_record_once_agreed(
    services: Services, library: dict[str, UUID], channel: ChannelName
) -> None:
    on = await stage(services, channel)
    (patient_id,) = await bound(on, ("李静", Relation.SELF))
    assert await wish(on, "recommend") == ["education.recommend_general"]
    shown(on, channel)
    assert "怀孕第29到36周" not in on.last.params["rows"]
    await agree(on, patient_id)
    assert await wish(on, "recommend") == ["education.recommend"]
    shown(on, channel)
    assert "怀孕第29到36周\n因为您现在孕30周：https://h.example/r/" in on.last.params["rows"]
    said = []
    while await wish(on, "recommend") == ["education.recommend"]:
        said.append(on.last.params["rows"])
    assert on.keys == ["education.recommend_none"]
    shown(on, channel)
    assert "怀孕第29到36周" not in "".join(said)  # its link was given just now
    await agree(on, patient_id, granted=False)
    assert await wish(on, "recommend", topic="medicines") == ["education.recommend_general"]
    shown(on, channel)


async def test_a_stopped_topic_is_not_recommended_until_it_is_taken_up_again(
    services: Services, library: dict[str, UUID]
) -> None:
    on = await stage(services)
    mother, child = await bound(on, ("李静", Relation.SELF), ("赵小满", Relation.CHILD))
    await agree(on, mother)
    assert await wish(on, "stop_topic", topic="pregnancy") == ["education.stopped"]
    async with services.database.read() as session:
        rows = await session.execute(select(TopicStop.patient_id, TopicStop.topic))
        assert {tuple(row) for row in rows} == {(mother, "pregnancy"), (child, "pregnancy")}
    await wish(on, "recommend")
    assert "怀孕" not in on.last.params["rows"]
    assert await wish(on, "resume_topic", topic="pregnancy") == ["education.resumed"]
    await wish(on, "recommend")
    assert "怀孕" in on.last.params["rows"]


async def test_a_topic_named_and_one_nobody_wrote_about(services: Services, library: dict[str, UUID]) -> None:
    on = await stage(services)
    await bound(on, ("李静", Relation.SELF))
    await wish(on, "recommend", topic="hypertension")
    assert "一天五克盐怎么过" in on.last.params["rows"]
    assert await wish(on, "recommend", about="灰指甲") == ["education.about_none"]
    shown(on, WECHAT)


async def test_nothing_of_the_record_is_said_to_a_phone_nobody_knows(
    services: Services, library: dict[str, UUID]
) -> None:
    on = await stage(services, SMS, holder="unknown")
    await bound(on, ("李静", Relation.SELF))
    assert await wish(on, "recommend") == ["holder.ask"]
    assert await on.say("糖尿病可以吃西瓜么", "ask_health") == ["faq.health_unknown"]


async def test_nobody_bound_is_told_so(services: Services, library: dict[str, UUID]) -> None:
    on = await stage(services)
    assert await wish(on, "stop_topic", topic="diabetes") == ["education.nobody"]
    shown(on, WECHAT)
    assert await wish(on, "recommend") == ["education.recommend_general"]
    assert "/read/" in on.last.params["rows"]


def test_a_reply_joined_of_several_still_names_its_article() -> None:
    part = Reply("education.answer", {"content": ["article:melon", 3]})
    joined = Reply("joined", {"parts": [Reply("faq.answer").to_json(), part.to_json()]})
    assert joined.content() == ("article:melon", 3)
    assert Reply("faq.answer").content() == (None, None)
