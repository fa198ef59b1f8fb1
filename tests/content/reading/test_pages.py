"""Patients' pages without scripts: the right revision, what is told when there is none, and what a GET must not do."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from care.consents.models import ConsentNow, Purpose
from channels.wechat.oauth import PATIENT_COOKIE, SESSION_LASTS, seal_session
from content.articles import recall, service, workflow
from content.articles.doc import Audience, Variation
from content.reading.models import ArticleFeedback, ArticleRead, ArticleTally, TopicStop
from tests.content.reading.ground import NAME, RULE, Ground, diabetes_campaign
from tests.content.reading.site import PHONE, Reader, reading
from tests.factories.articles import BODY, doc, signed

BOTS = (
    "Mozilla/5.0 (compatible; Baiduspider/2.0; +http://www.baidu.com/search/spider.html)",
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) HeadlessChrome/126.0 Safari/537.36",
    "WhatsApp/2.23.20",
    "facebookexternalhit/1.1",
    "Python/3.11 aiohttp/3.9",
    "",
)


@pytest.fixture
async def reader(ground: Ground) -> AsyncIterator[Reader]:
    async with reading(ground.database, ground.clock) as made:
        yield made


async def kept(ground: Ground) -> int:
    tables: tuple[Any, ...] = (ArticleRead, ArticleTally, ArticleFeedback, TopicStop, ConsentNow)
    return sum([len(await ground.rows(table)) for table in tables])


async def test_the_page_of_a_link_names_nobody(ground: Ground, reader: Reader) -> None:
    await ground.article()
    token = await ground.link()
    status, page = await reader.get(f"/r/{token}")
    assert status == 200
    assert "新确诊糖尿病先弄懂这几件事" in page
    assert "每餐一拳头大小" in page
    assert 'name="robots" content="noindex"' in page
    for name in (NAME, "R7700042", str(ground.patient)):
        assert name not in page
    status, public = await reader.get("/read/t2dm-first")
    assert status == 200
    assert "每餐一拳头大小" in public
    assert "data-seen" not in public
    assert "/r/" not in public
    assert "<form" not in public


async def test_looking_alone_writes_nothing(ground: Ground, reader: Reader) -> None:
    """Previews, crawlers, HEAD, prefetch: all of them are GETs, none of them a read."""
    await ground.article()
    await ground.agrees(Purpose.TRACKING)
    token, before = await ground.link(), await kept(ground)
    for agent in (*BOTS, PHONE):
        headers = {"User-Agent": agent, "Sec-Purpose": "prefetch"}
        assert (await reader.get(f"/r/{token}", **headers))[0] == 200
        async with reader.http.head(f"/r/{token}", headers=headers) as answer:
            assert answer.status == 200
    for path in (f"/r/{token}/why", f"/r/{token}/also/t2dm-first", "/read/t2dm-first"):
        await reader.get(path)
    for agent in BOTS:
        assert await reader.beacon(token, agent) == 204
    assert await kept(ground) == before


async def test_the_script_tells_of_a_read(ground: Ground, reader: Reader) -> None:
    await ground.article()
    token = await ground.link()
    assert await reader.beacon(token) == 204
    assert await ground.rows(ArticleRead) == []
    assert [row.opened for row in await ground.rows(ArticleTally)] == [1]
    await ground.agrees(Purpose.TRACKING)
    assert await reader.beacon(token, view="f" * 24, end=True) == 204
    [row] = await ground.rows(ArticleRead)
    assert (row.patient_id, row.dwell, row.finished_at) == (ground.patient, 5, ground.clock.now())


async def test_beacons_of_others_are_refused(ground: Ground, reader: Reader) -> None:
    await ground.article()
    token, before = await ground.link(), await kept(ground)
    assert await reader.beacon(token, origin="https://elsewhere.example") == 403
    assert await reader.beacon("A" * 16) == 404
    for wrong in ({"revision": "1"}, {"revision": True}, {"dwell": 1.5}, {"view": "<script>"}, {"end": None}):
        assert await reader.beacon(token, **wrong) == 400
    for raw, status in ((b"", 400), (b"[" * 4000, 400), (b"\xff\x00", 400), (b"x" * 9000, 413)):
        async with reader.http.post(f"/r/{token}/seen", data=raw) as answer:
            assert answer.status == status
    ground.later(days=91)
    assert await reader.beacon(token) == 410
    assert await kept(ground) == before


async def test_too_many_beacons_of_one_link(ground: Ground, reader: Reader) -> None:
    await ground.article()
    token = await ground.link()
    statuses = [await reader.beacon(token, revision=7) for _ in range(122)]
    assert statuses[:120] == [204] * 120
    assert statuses[-1] == 429


async def test_trying_links_is_slowed_down(ground: Ground, reader: Reader) -> None:
    await ground.article()
    token = await ground.link()
    seen = [(await reader.get(f"/r/{number:016}"))[0] for number in range(32)]
    assert seen[:30] == [404] * 30
    assert seen[-1] == 429
    assert "请过一分钟再试" in (await reader.get("/r/0000000000000099"))[1]
    assert (await reader.get(f"/r/{token}"))[0] == 200, "somebody else at the same address"


async def test_the_current_text_is_read_and_the_sent_one_recalled_is_said(
    ground: Ground, reader: Reader
) -> None:
    article = await ground.article()
    await ground.article("t2dm-feet", title="糖尿病人怎么护脚")
    token = await ground.link()
    async with ground.database.write("second revision") as session:
        article = await service.get(session, "t2dm-first")
        text = doc(body=BODY.replace("一拳头", "两拳头"))
        await workflow.hand_in(session, article, text, staff=ground.staff["editor"], now=ground.clock.now())
        await signed(session, article, ground.staff, ground.clock)
    page = (await reader.get(f"/r/{token}"))[1]
    assert "每餐两拳头大小" in page
    assert "这篇文章更新过" in page
    by: dict[str, Any] = {"reason": "量写错了", "staff": ground.staff["reviewer"], "now": ground.clock.now()}
    async with ground.database.write("recall") as session:
        article = await service.get(session, "t2dm-first")
        await recall.recall(session, article, numbers=[1], **by)
    status, page = await reader.get(f"/r/{token}")
    assert (status, "拳头" in page) == (410, False)
    assert "请不要再按里面的说法去做" in page
    assert f'href="/r/{token}/also/t2dm-first"' in page
    assert f'href="/r/{token}/also/t2dm-feet"' in page
    assert "量写错了" not in page
    assert "每餐两拳头大小" in (await reader.get(f"/r/{token}/also/t2dm-first"))[1]
    async with ground.database.write("recall") as session:
        article = await service.get(session, "t2dm-first")
        await recall.recall(session, article, **by)
    for path in (f"/r/{token}/also/t2dm-first", "/read/t2dm-first"):
        status, page = await reader.get(path)
        assert (status, "更正后的内容" in page, "糖尿病人怎么护脚" in page) == (410, False, True)


async def test_expired_late_and_unknown_are_kind_pages(ground: Ground, reader: Reader) -> None:
    await ground.article(expires_on=ground.clock.local().date().replace(year=2027))
    await ground.article("heart-one", topic="heart", title="装了支架以后")
    token, heart = await ground.link(), await ground.link("heart-one")
    ground.later(days=89)
    assert (await reader.get(f"/r/{token}"))[0] == 200
    ground.later(days=2)
    status, page = await reader.get(f"/r/{heart}")
    assert status == 410
    assert "链接已经过期" in page
    assert "装了支架以后" not in page
    ground.later(days=300)
    fresh = await ground.link()
    status, page = await reader.get(f"/r/{fresh}")
    assert status == 410
    assert "已过有效期" in page
    for path in (f"/r/{'x' * 16}", "/read/none", "/read/%00", f"/r/{fresh}/also/none", "/r/%E6%B1%89"):
        status, page = await reader.get(path)
        assert status == 404
        assert "没有找到这篇文章" in page


async def test_helpful_topic_and_consents_by_plain_forms(ground: Ground, reader: Reader) -> None:
    await ground.article()
    token = await ground.link()
    root = f"/r/{token}"
    assert await reader.post(f"{root}/helpful", helpful="0", revision="1", slug="") == (
        303,
        f"{root}#helpful",
    )
    assert "还想知道什么" in (await reader.get(root))[1]
    await reader.post(f"{root}/helpful", helpful="0", revision="1", slug="", word="荔枝\0呢" * 170)
    assert "您写的话会转给编辑" in (await reader.get(root))[1]
    await reader.post(f"{root}/helpful", helpful="1", revision="1", slug="")
    assert "记下了：有帮助" in (await reader.get(root))[1]
    await reader.post(f"{root}/topic", stop="1", topic="diabetes", slug="")
    assert "不会再给您发“糖尿病”的文章了" in (await reader.get(root))[1]
    await reader.post(f"{root}/topic", stop="0", topic="diabetes", slug="")
    assert await ground.rows(TopicStop) == []
    for purpose, granted in (("tracking", "1"), ("personal", "1"), ("personal", "0")):
        led = await reader.post(f"{root}/consent", purpose=purpose, granted=granted, slug="")
        assert led == (303, f"{root}#settings")
    held = {row.purpose: row.granted for row in await ground.rows(ConsentNow)}
    assert held == {"tracking": True, "personal": False}
    before = await kept(ground)
    for name, form in (
        ("helpful", {"helpful": "2"}),
        ("topic", {"stop": "1", "topic": "no-such"}),
        ("consent", {"purpose": "research", "granted": "1"}),
        ("consent", {"purpose": "education", "granted": "1"}),
    ):
        assert (await reader.post(f"{root}/{name}", **form))[0] == 400
    assert (await reader.post(f"/r/{'y' * 16}/topic", stop="1", topic="diabetes"))[0] == 404
    async with reader.http.post(
        f"{root}/topic", data={"stop": "1"}, headers={"Origin": "https://e.example"}
    ) as no:
        assert no.status == 403
    assert await kept(ground) == before


async def test_variations_are_for_who_agreed(ground: Ground, reader: Reader) -> None:
    older = Variation("老人", Audience(min_age=60), "七十岁以上的人，血糖可以放宽一点。", "饮食")
    man = Variation("男性", Audience(sex="male"), "男性读的。", "饮食")
    await ground.article(variations=(man, older))
    token = await ground.link()
    assert "血糖可以放宽一点" not in (await reader.get(f"/r/{token}"))[1]
    await ground.agrees(Purpose.PERSONAL)
    page = (await reader.get(f"/r/{token}"))[1]
    assert "血糖可以放宽一点" in page
    assert "男性读的" not in page
    await ground.agrees(Purpose.PERSONAL, granted=False)
    assert "血糖可以放宽一点" not in (await reader.get(f"/r/{token}"))[1]


async def test_kept_by_the_browser_and_asked_after(ground: Ground, reader: Reader) -> None:
    await ground.article()
    token = await ground.link()
    async with reader.http.get(f"/r/{token}") as answer:
        mark, kept_how = answer.headers["ETag"], answer.headers["Cache-Control"]
        assert "Set-Cookie" not in answer.headers
    assert kept_how == "private, no-cache"
    assert (await reader.get(f"/r/{token}", **{"If-None-Match": mark}))[0] == 304
    large = await reader.get(f"/r/{token}", **{"If-None-Match": mark, "Cookie": "banyi_large=1"})
    assert large[0] == 200
    assert "data-large" in large[1].split("<head>")[0]


async def test_why_in_words_for_whom_it_is(ground: Ground, reader: Reader) -> None:
    """By the link alone one learns which kinds of records were looked at; signed in as the patient, the rule and the facts."""
    await ground.article()
    chat = await ground.link()
    assert "您在聊天里问到了" in (await reader.get(f"/r/{chat}/why"))[1]
    async with ground.database.write("a campaign") as session:
        sent_by = await diabetes_campaign(session, ground.patient, ground.clock, days=10)
    token = await ground.link(source="campaign", campaign_id=sent_by, key="campaign:x:y:1")
    ground.later(days=3)
    await ground.agrees(Purpose.TRACKING)
    await reader.beacon(token)
    status, page = await reader.get(f"/r/{token}/why")
    assert status == 200
    assert "疾病、文章阅读" in page
    assert "/oauth/hospital/start?next=%2Fr%2F" in page
    for secret in ("2型", "E11", "确诊", NAME):
        assert secret not in page
    cookie = seal_session(ground.contact.id, "hospital", ground.clock.now() + SESSION_LASTS)
    status, page = await reader.get(f"/r/{token}/why", Cookie=f"{PATIENT_COOKIE}={cookie}")
    assert RULE in page
    assert "2型糖尿病，2026-11-12确诊，10天前" in page
    assert "没有打开过" in page
    assert "后来有变化" not in page
    assert "E11" not in page
    stranger = seal_session(ground.staff["nurse"].id, "hospital", ground.clock.now() + SESSION_LASTS)
    page = (await reader.get(f"/r/{token}/why", Cookie=f"{PATIENT_COOKIE}={stranger}"))[1]
    assert "2型" not in page
