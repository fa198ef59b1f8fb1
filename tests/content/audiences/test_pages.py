"""An audience put together by clicking: sentence, count, sample, why, versions; what is wrong is said and nothing is lost."""

from __future__ import annotations

import html
import json
import random
import re
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
from fastapi import FastAPI
from fastapi.routing import APIRoute
from sqlalchemy import select

from care.patients.models import Patient
from care.questionnaires.service import publish_shipped
from content.audiences.day import Day
from content.audiences.models import Audience, AudienceVersion
from store.audit import AuditRow
from store.clock import VirtualClock
from store.database import Database
from tests.channels.ops.site import TOKEN, staff
from tests.channels.simulator.serving import serve
from tests.content.audiences.people import Person, crowd, store
from tests.content.audiences.site import audience_app
from web.security import CSRF_COOKIE
from web.signin.models import Role
from web.signin.pages import SESSION_COOKIE


class Editor:
    """Clicks as a browser does: the fields of the last form go along."""

    def __init__(self, http: aiohttp.ClientSession) -> None:
        self._http = http
        self.fields: list[tuple[str, str]] = []
        self.text = ""

    async def open(self, path: str) -> int:
        async with self._http.get(path, allow_redirects=False) as answer:
            self._keep(await answer.text())
            return answer.status

    def _keep(self, text: str) -> None:
        self.text = text
        if 'id="builder"' in text:
            self.fields = form_fields(text)

    def set(self, name: str, value: str) -> None:
        self.fields = [one for one in self.fields if one[0] != name] + [(name, value)]

    async def send(
        self, action: str, *more: tuple[str, str], htmx: bool = True, csrf: bool = True
    ) -> tuple[int, str]:
        data = aiohttp.FormData([*self.fields, *more, *([("csrf_token", TOKEN)] if csrf else [])])
        headers = {"HX-Request": "true"} if htmx else {}
        path = f"/content/audiences/{action}"
        async with self._http.post(path, data=data, headers=headers, allow_redirects=False) as answer:
            text = await answer.text()
            if answer.status == 200:
                self._keep(text)
            return answer.status, answer.headers.get("HX-Redirect", answer.headers.get("Location", text))

    async def click(self, do: str, **more: str) -> str:
        for name, value in more.items():
            self.set(name, value)
        status, text = await self.send("edit", ("do", do))
        assert status == 200, (text, self.fields)
        return text

    @property
    def rule(self) -> dict[str, Any]:
        return json.loads(dict(self.fields)["rule"])


def form_fields(page: str) -> list[tuple[str, str]]:
    """What a browser would send of the builder's form, buttons left out."""
    form = page[page.index('id="builder"') :]
    form = form[: form.index("</form>")]
    found = []
    for tag in re.finditer(r"<input([^>]*)>|<select([^>]*)>(.*?)</select>", form, re.S):
        about, inside = tag[1] or tag[2], tag[3]
        given = dict(re.findall(r'([\w-]+)="([^"]*)"', about))
        if "name" not in given or given["name"] == "csrf_token":
            continue
        if inside is not None:
            chosen = re.search(r'value="([^"]*)" selected', inside) or re.search(r'value="([^"]*)"', inside)
            found.append((given["name"], html.unescape(chosen[1]) if chosen else ""))
        elif given.get("type") != "checkbox" or " checked" in about:
            found.append((given["name"], html.unescape(given.get("value", ""))))
    return found


@pytest.fixture
async def people(database: Database, clock: VirtualClock) -> list[Person]:
    made = crowd(random.Random(7), Day.of(clock), 40)
    async with database.write() as session:
        await store(session, made, clock.now())
        await publish_shipped(session, clock.now())
    return made


@pytest.fixture
async def app(database: Database, clock: VirtualClock) -> FastAPI:
    return audience_app(database, clock)


@pytest.fixture
async def editor(app: FastAPI, database: Database) -> AsyncIterator[Editor]:
    token = (await staff(database, Role.EDITOR))["editor"]
    cookies = f"{CSRF_COOKIE}={TOKEN}; {SESSION_COOKIE}={token}"
    headers = {"Accept": "text/html", "Cookie": cookies}
    async with (
        serve(app) as url,
        aiohttp.ClientSession(url, headers=headers, cookie_jar=aiohttp.DummyCookieJar()) as http,
    ):
        yield Editor(http)


async def diabetics(editor: Editor) -> None:
    """确诊糖尿病30天内、没有读过糖尿病主题."""
    await editor.open("/content/audiences/new")
    await editor.click("add||", kind="condition")
    editor.set("v.0.codes.add", "2型糖尿病")
    editor.set("v.0.at_most", "30")
    await editor.click("add||", kind="reading")
    editor.set("v.1.negate", "yes")
    editor.set("v.1.topics.add", "diabetes")
    await editor.click("keep")


SENTENCE = "30天内确诊2型糖尿病（E11），并且没有读过“糖尿病”主题的文章的患者"
RULE = {
    "kind": "all",
    "rules": [
        {"kind": "condition", "codes": ["E11"], "at_most": 30},
        {"kind": "reading", "negate": True, "topics": ["diabetes"]},
    ],
}


async def test_clicking_makes_the_rule_and_its_sentence(editor: Editor, people: list[Person]) -> None:
    await diabetics(editor)
    assert editor.rule == RULE
    assert SENTENCE in editor.text
    status, said = await editor.send("said")
    assert (status, SENTENCE in said) == (200, True)


async def test_it_is_counted_with_a_masked_sample_that_is_audited(
    editor: Editor, people: list[Person], database: Database
) -> None:
    await editor.open("/content/audiences/new")
    await editor.click("add||", kind="everyone")
    status, text = await editor.send("count")
    active = sum(one.status == "active" for one in people)
    assert status == 200
    assert f">{active}</b> 人" in text
    assert "测*" in text
    assert "测试" not in text
    async with database.read() as session:
        reads = list(await session.scalars(select(AuditRow).where(AuditRow.action == "read")))
    assert len(reads) == 8
    assert {row.subject for row in reads} <= {f"patient:{one.id}" for one in people}


async def test_saving_versions_and_an_older_one(
    editor: Editor, people: list[Person], database: Database
) -> None:
    await diabetics(editor)
    assert "请先给这个人群起个名字" in (await editor.send("save"))[1]
    assert editor.rule == RULE, "nothing is lost"
    editor.set("name", "新确诊没读过饮食篇")
    _, where = await editor.send("save")
    assert where.endswith("?saved=1")
    await editor.open(where)
    assert "已保存为第1版" in editor.text
    other = Editor(editor._http)
    await other.open(where)
    await editor.click("remove|1")
    assert "已删掉" in editor.text
    await editor.click("undo")
    assert editor.rule == RULE
    editor.set("v.0.at_most", "60")
    assert (await editor.send("save"))[1].endswith("?saved=2")
    await other.click("remove|1")
    status, refused = await other.send("save")
    assert status == 200
    assert "别人已经保存了第2版：60天内确诊" in refused
    assert len(other.rule["rules"]) == 1
    assert (await other.send("save"))[1].endswith("?saved=3")
    async with database.read() as session:
        (audience,) = await session.scalars(select(Audience))
        numbers = {one.number: one.rule for one in await session.scalars(select(AudienceVersion))}
    assert (audience.version, numbers[1]) == (3, RULE)
    assert numbers[2]["rules"][0]["at_most"] == 60
    await editor.open(f"/content/audiences/{audience.id}/versions/1")
    assert "下面是第1版的条件" in editor.text
    assert editor.rule == RULE
    assert (await editor.send("save"))[1].endswith("?saved=4")


async def test_a_name_that_is_taken_and_putting_away(editor: Editor, people: list[Person]) -> None:
    for expected in ("?saved=1", "已经有叫这个名字的人群了"):
        await diabetics(editor)
        editor.set("name", "糖友")
        assert expected in (await editor.send("save"))[1]
    await editor.open("/content/audiences")
    assert SENTENCE in editor.text
    where = re.search(r"/content/audiences/([0-9a-f-]{36})", editor.text)
    assert where is not None
    assert await editor.send(f"{where[1]}/archive", htmx=False) == (
        303,
        f"/content/audiences?said=archived&undo={where[1]}",
    )
    await editor.open("/content/audiences")
    assert "还没有人群" in editor.text
    await editor.open("/content/audiences?archived=true")
    assert "糖友" in editor.text
    await editor.send(f"{where[1]}/archive", ("back", "true"), htmx=False)
    await editor.open("/content/audiences")
    assert "糖友" in editor.text


async def test_why_a_patient_is_in_or_out(
    editor: Editor, people: list[Person], database: Database, clock: VirtualClock
) -> None:
    await diabetics(editor)
    day = Day.of(clock)
    read = {one.id for one in people if any(topic == "diabetes" for _, topic, _, _ in one.reads)}
    fresh = [
        n
        for n, one in enumerate(people)
        if any(
            code.startswith("E11") and over is None and 0 <= (day.today - made).days <= 30
            for code, made, over in one.conditions
        )
    ]
    inside = next(n for n in fresh if people[n].status == "active" and people[n].id not in read)
    _, text = await editor.send("why", ("q", f"T{inside:05d}"))
    assert "在这个人群里" in text
    assert "不在这个人群里" not in text
    assert "没有打开过" in text
    outside = next(n for n, one in enumerate(people) if one.status == "active" and not one.conditions)
    _, text = await editor.send("why", ("q", f"T{outside:05d}"))
    assert "不在这个人群里" in text
    assert "没有这些诊断" in text
    gone = next(n for n, one in enumerate(people) if one.status == "died")
    assert "已去世" in (await editor.send("why", ("q", f"T{gone:05d}")))[1]
    assert "没有找到这位患者" in (await editor.send("why", ("q", "T99999")))[1]
    _, several = await editor.send("why", ("q", "测试"))
    assert "请选一位" in several
    _, chosen = await editor.send("why", ("patient", str(people[inside].id)))
    assert "在这个人群里" in chosen
    async with database.write() as session:
        seen = [
            row.subject for row in await session.scalars(select(AuditRow).where(AuditRow.action == "read"))
        ]
        row = await session.get_one(Patient, people[inside].id)
        row.confidential = True
    assert f"patient:{people[outside].id}" in seen
    _, refused = await editor.send("why", ("q", f"T{inside:05d}"))
    assert "设了保密" in refused
    assert "确诊" not in refused


async def test_what_is_wrong_is_said(editor: Editor, people: list[Person]) -> None:
    await editor.open("/content/audiences/new")
    assert "还没有条件" in editor.text
    editor.set("name", "错的")
    await editor.click("add||", kind="condition")
    editor.set("v.0.codes.add", "感冒灵、E77")
    editor.set("v.0.at_least", "9")
    editor.set("v.0.at_most", "3")
    await editor.click("group||any")
    await editor.click("add||", kind="tag")
    _, text = await editor.send("save")
    assert "“感冒灵”不像疾病编码" in text
    assert "“E77”在名称表里没有" in text
    assert "下限比上限大" in text
    assert "这一组里还没有条件" in text
    assert "“标签”还没有填" in text
    assert "还有4处要改" in text
    assert "条件填好后" in (await editor.send("count"))[1]
    await editor.click("drop|0|codes|感冒灵")
    assert editor.rule["rules"][0]["codes"] == ["E77"]


async def test_each_kind_of_condition_can_be_filled_in(editor: Editor, people: list[Person]) -> None:
    await editor.open("/content/audiences/new")
    filled: dict[str, dict[str, str]] = {
        "stage": {"stage": "newly_diagnosed", "codes.add": "E11"},
        "event": {"event": "surgery", "codes.add": "81.5", "at_least": "7", "at_most": "14"},
        "pregnancy": {"at_least": "12", "at_most": "28"},
        "visit": {"departments.add": "cardiology", "at_least": "180"},
        "reading": {"how": "ignored", "articles.add": "article-0", "grace": "5"},
        "answer": {"questionnaire": "satisfaction"},
        "age": {"at_least": "60"},
        "sex": {"among": "female"},
        "residence": {"codes.add": "杭州市西湖区"},
        "language": {"among": "zh"},
        "tag": {"among.add": "家庭医生"},
        "channel": {"among": "wechat"},
        "consent": {"purpose": "education"},
        "everyone": {},
    }
    for place, (kind, values) in enumerate(filled.items()):
        await editor.click("add||", kind=kind)
        for name, value in values.items():
            editor.set(f"v.{place}.{name}", value)
    await editor.click("keep")
    editor.set("v.5.item", "overall")
    await editor.click("keep")
    editor.set("v.5.codes.add", "1")
    await editor.click("keep")
    for words in (
        "处于2型糖尿病（E11）的“刚刚确诊”阶段",
        "最近一次髋膝关节置换（81.5）手术后7到14天",
        "怀孕12到28周",
        "最近一次在cardiology就诊已过180天",
        "收到过《文章article-0》，5天以上没有打开",
        "《就诊满意度》“您对这次就诊总体满意吗？”答了“很不满意”",
        "60岁及以上",
        "性别为女",
        "住在杭州市西湖区",
        "使用中文",
        "有“家庭医生”标签",
        "绑定了微信",
        "同意接收健康科普",
        "全部在册",
    ):
        assert words in editor.text, words
    editor.set("name", "全都有")
    assert (await editor.send("save"))[1].endswith("?saved=1")


async def test_what_is_no_form_of_ours_is_refused(editor: Editor, people: list[Person]) -> None:
    await editor.open("/content/audiences/new")
    for raw in ("", "{", "[]", '{"kind": "magic"}', '{"kind":"all","rules":[' * 3000, "9" * 50_000):
        editor.set("rule", raw)
        for action in ("edit", "said", "count", "why", "save"):
            status, text = await editor.send(action)
            assert (status, "读不出来" in text) == (422, True), (raw[:20], action)
    editor.set("rule", '{"kind":"all","rules":[]}')
    for do in (
        "",
        "add",
        "add|9|age",
        "add||magic",
        "remove|3",
        "remove|x",
        "drop|0|codes|E11",
        "group|0-0|any",
        "nonsense|||",
    ):
        assert (await editor.send("edit", ("do", do)))[0] == 200, do
        assert editor.rule == {"kind": "all", "rules": []}
    for _ in range(70):
        await editor.click("add||", kind="everyone")
    assert len(editor.rule["rules"]) == 59


async def test_without_scripts_the_page_works(editor: Editor, people: list[Person]) -> None:
    await editor.open("/content/audiences/new")
    await editor.send("edit", ("do", "add||"), ("kind", "everyone"), htmx=False)
    assert "<html" in editor.text
    editor.set("name", "大家")
    status, where = await editor.send("save", htmx=False)
    assert (status, where.endswith("?saved=1")) == (303, True)


async def test_who_may_and_that_forms_from_elsewhere_are_refused(
    app: FastAPI, database: Database, people: list[Person]
) -> None:
    tokens = await staff(database)
    paths = [
        (method, route.path.format(audience_id="00000000-0000-7000-8000-000000000000", number=1))
        for route in app.state.audience_routes
        if isinstance(route, APIRoute)
        for method in (route.methods or set()) - {"HEAD"}
    ]
    assert len(paths) == 10
    async with serve(app) as url:
        for role, token in [("", ""), *tokens.items()]:
            cookies = f"{CSRF_COOKIE}={TOKEN}" + (f"; {SESSION_COOKIE}={token}" if token else "")
            async with aiohttp.ClientSession(
                url, headers={"Accept": "text/html", "Cookie": cookies}, cookie_jar=aiohttp.DummyCookieJar()
            ) as http:
                for method, path in paths:
                    form = {"csrf_token": TOKEN, "rule": '{"kind":"all","rules":[]}'}
                    async with http.request(method, path, data=form, allow_redirects=False) as answer:
                        may = role in ("editor", "clinical_reviewer", "admin")
                        expected = {200, 303, 404, 422} if may else {403} if role else {303}
                        assert answer.status in expected, (role, method, path, answer.status)
                    if may and method == "POST":
                        async with http.post(path, data={"rule": "{}"}) as answer:
                            assert answer.status == 403, path
