"""Answers in the FAQ's own words with their source, the nearest questions when unsure, people when not."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import yaml
from sqlalchemy import select

from actions.services import Services
from channels.ports import ChannelName
from content.articles.search import ArticleIndex
from content.faq import service as faq
from content.faq.questions.models import UnansweredQuestion
from content.faq.search import FaqIndex
from language.embed import Embedder
from language.retrieve import HybridIndex
from server.settings import ROOT
from store.clock import VirtualClock
from store.database import Database
from tests.factories.embedding import embedder as embedder
from tests.factories.messages import SMS, WECHAT
from tests.factories.stage import Stage, stage

SHIPPED = ROOT / "data" / "seed" / "faq"


@pytest.fixture
async def known(
    database: Database, clock: VirtualClock, services: Services, embedder: Embedder
) -> AsyncIterator[FaqIndex]:
    """Three topics of the shipped FAQ, indexed."""
    rows = [
        row
        for name in ("service", "visiting", "payment")
        for row in yaml.safe_load((SHIPPED / f"{name}.yml").read_text("utf-8"))["entries"]
    ]
    async with database.write() as session:
        await faq.load(session, rows, clock.now())
    index = FaqIndex(database, HybridIndex(embedder))
    await index.refresh()
    services.faq = index
    services.articles = articles = ArticleIndex(database, clock, HybridIndex(embedder))
    await articles.refresh()
    yield index


async def test_a_question_is_answered_with_its_source(services: Services, known: FaqIndex) -> None:
    on = await stage(services)
    slug, entry = next(iter(known._entries.items()))
    assert await on.say(entry.question) == ["faq.answer"]
    assert on.last.params["answer"] == entry.answer
    assert on.last.params["source"] == entry.source
    assert on.last.params["sms_key"] == f"faq:{slug}"


async def test_an_offered_question_that_is_chosen_is_answered(services: Services, known: FaqIndex) -> None:
    on = await stage(services)
    slug, entry = next(iter(known._entries.items()))
    assert await on.hear("", "ask_faq", 1.0, {"faq": slug}) == ["faq.answer"]
    assert on.last.params["answer"] == entry.answer
    assert await on.hear("", "ask_faq", 1.0, {"faq": "no-such-entry"}) == ["unsure.nothing"]


async def test_nonsense_is_not_answered(services: Services, known: FaqIndex) -> None:
    on = await stage(services)
    assert await on.say("阿巴阿巴嘟噜嘟噜", "nlu_fallback", 0.2) in (["unsure.nothing"], ["unsure.offer"])
    assert on.labels


@pytest.mark.parametrize(
    ("intent", "key"), [("ask_medication", "faq.medication"), ("ask_health", "faq.health_unknown")]
)
async def test_about_health_near_is_not_near_enough(
    services: Services, known: FaqIndex, intent: str, key: str
) -> None:
    on = await stage(services)
    assert await on.say("二甲双胍和格列美脲能不能隔天减半吃", intent) == [key]
    assert [option.intent for option in on.offered] == ["book_appointment", "request_human"]


@pytest.mark.parametrize(("channel", "people"), [(WECHAT, True), (SMS, False)])
async def test_unsure_the_likeliest_ways_are_offered(
    services: Services, known: FaqIndex, channel: ChannelName, people: bool
) -> None:
    on = await stage(services, channel)
    ranking = [
        ("describe_symptom", 0.3),
        ("find_department", 0.3),
        ("book_appointment", 0.2),
        ("greet", 0.15),
    ]
    assert await on.say("嗯那个就是想要弄一下", "nlu_fallback", 0.3, ranking) == ["unsure.offer"]
    intents = [option.intent for option in on.offered]
    assert intents.count("describe_symptom") + intents.count("find_department") == 1
    assert "book_appointment" in intents
    assert "greet" not in intents
    assert ("request_human" in intents) is people
    assert len(on.offered) <= 4
    assert len({option.id for option in on.offered}) == len(on.offered)


async def test_inside_a_form_the_answer_comes_first_and_offers_nothing(
    services: Services, known: FaqIndex
) -> None:
    on: Stage = await stage(services)
    await on.say("删除我的信息", "delete_my_data")
    _slug, entry = next(iter(known._entries.items()))
    assert await on.say(entry.question) == ["faq.answer", "data.ask_delete"]
    assert on.form == "delete_data_form"
    assert on.replies[0].options == ()


async def test_what_finds_no_good_answer_is_kept_for_the_editors(services: Services, known: FaqIndex) -> None:
    on = await stage(services)
    entry = next(iter(known._entries.values()))
    await on.say(entry.question)
    await on.say("二甲双胍能不能隔天减半吃", "ask_medication")
    await on.say("我叫张伟，病房窗台能摆多肉吗", "nlu_fallback", 0.2)
    await on.say("嗯那个就是想要弄一下", "nlu_fallback", 0.2)
    async with services.database.read() as session:
        kept = [row.text for row in await session.scalars(select(UnansweredQuestion))]
    assert sorted(kept) == sorted(["二甲双胍能不能隔天减半吃", "我叫＊,病房窗台能摆多肉吗"])
