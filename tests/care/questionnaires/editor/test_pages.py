"""Built without JSON, tried out, handed in, published by another person; files in and out; refusals that lose nothing."""

from __future__ import annotations

import html
import json
import re
from typing import Any

from sqlalchemy import select

from care.questionnaires import extensions as ext
from care.questionnaires.definition import read_definition
from care.questionnaires.editor.models import QuestionnaireDraft
from care.questionnaires.publishing import history, latest, publish, publish_shipped
from store.audit import AuditRow
from store.clock import VirtualClock
from store.database import Database
from tests.care.questionnaires.editor.site import HOME, Editor, editor_app, editors
from tests.care.questionnaires.shipped import NAMES, raw, shipped
from tests.channels.ops.site import staff
from web.signin.models import Role

KNEE = f"{HOME}/knee/draft"


def _key(on: str, of: str, operator: str, value: Any = None) -> str:
    return json.dumps([on, of, operator, value], ensure_ascii=False)


async def _draft(database: Database, name: str) -> QuestionnaireDraft | None:
    async with database.read() as session:
        return await session.get(QuestionnaireDraft, name)


async def _edition(database: Database, name: str = "knee") -> tuple[str, str]:
    draft = await _draft(database, name)
    assert draft is not None
    return ("edition", str(draft.edition))


async def _build(editor: Editor, database: Database) -> None:
    status, where, _ = await editor.send(
        f"{HOME}/new", ("title", "膝关节随访"), ("name", "knee"), ("purpose", "follow_up")
    )
    assert (status, where) == (303, f"{KNEE}?said=created")
    parts: list[tuple[str, list[tuple[str, str]]]] = [
        (
            "item",
            [("text", "膝盖能弯到什么程度？"), ("type", "choice"), ("required", "on")]
            + [pair for code, label, points in (("", "能蹲下", "0"), ("", "弯不到九十度", "2")) for pair in (("choice_code", code), ("choice_label", label), ("choice_points", points))],
        ),
        (
            "item",
            [("text", "今天体温多少度？"), ("type", "quantity"), ("unit", "Cel"), ("low", "35"), ("high", "41"), ("lowest", "30"), ("highest", "45"),
             ("why", "发烧要早知道。"), ("when", _key("answer", "q1", "=", "a2")), ("when_number", "")],
        ),
        ("scale", [("title", "活动分"), ("method", "sum"), ("items", "q1"), ("band_low", "0"), ("band_high", "1"), ("band_title", "好"), ("band_says", "恢复得不错。"), ("band_low", "2"), ("band_high", "2"), ("band_title", "差"), ("band_says", "")]),
        ("rule", [("title", "发烧：问伤口"), ("severity", "urgent"), ("says", "flag.fever"), ("source", "本院约定"), ("when", _key("answer", "q2", ">=")), ("when_number", "38.5")]),
    ]  # fmt: skip
    for part, fields in parts:
        status, where, page = await editor.send(f"{KNEE}/{part}", *fields, await _edition(database))
        assert (status, where) == (303, f"{KNEE}?said=saved"), page
    status, *_ = await editor.send(
        f"{KNEE}/settings", ("title", "膝关节随访"), ("purpose", "follow_up"), ("minutes", "1"), ("channels", "wechat"),
        ("channels", "page"), ("shows_result", "on"), ("copyright", "本院编写"), ("sources", "本院约定"), await _edition(database),
    )  # fmt: skip
    assert status == 303


async def test_built_by_clicking_and_published_by_another(database: Database, clock: VirtualClock) -> None:
    tokens = await staff(database, Role.EDITOR, Role.CLINICAL_REVIEWER)
    app = editor_app(database, clock)
    async with editors(app, list(tokens.values())) as (editor, reviewer):
        assert "还没有问卷" in (await editor.get(HOME))[1]
        await _build(editor, database)
        page = html.unescape((await editor.get(KNEE))[1])
        assert "当“今天体温多少度？”大于或等于 38.5" in page
        assert "wechat：膝盖能弯到什么程度？" in page
        assert "今天体温多少度？</p>" not in page.partition('id="try"')[2], (
            "not asked before the first answer"
        )
        _, _, tried = await editor.send(
            f"{HOME}/knee/try", ("which", "draft"), ("channel", "page"), ("t_q1", "a2"), ("t_q2", "44")
        )
        assert "活动分：<b>2</b>　差" in tried
        assert "发烧：问伤口" in tried
        assert "超出合理范围" in tried
        assert (await editor.send(f"{KNEE}/do/publish"))[0] == 409, "not handed in"
        await editor.send(
            f"{KNEE}/rule",
            ("title", "疼"),
            ("severity", "soon"),
            ("says", "flag.pain"),
            ("when", _key("answer", "q1", "=", "a2")),
            ("when_number", ""),
            await _edition(database),
        )
        status, _, page = await editor.send(f"{KNEE}/do/hand-in")
        assert (status, "“rule2”：这条预警规则还没写依据" in html.unescape(page)) == (409, True)
        await editor.send(f"{KNEE}/rule", ("code", "rule2"), ("act", "remove"), await _edition(database))
        assert (await editor.send(f"{KNEE}/do/hand-in"))[1] == f"{KNEE}?said=hand-in"
        status, _, page = await editor.send(f"{KNEE}/do/publish")
        assert (status, "临床审核员" in page) == (409, True)
        assert (await reviewer.send(f"{KNEE}/do/publish"))[1] == f"{HOME}/knee?said=publish"
        assert "恢复得不错" in (await reviewer.get(f"{HOME}/knee"))[1]
    async with database.read() as session:
        row = await latest(session, "knee")
        assert row is not None
        made = read_definition(row.definition)
        assert (made.channels, made.shows_result, made.purpose) == ({"wechat", "page"}, True, "follow_up")
        temperature = made.items[1]
        assert (temperature.unit, temperature.minimum, temperature.highest, temperature.why) == (
            "℃",
            35,
            45,
            "发烧要早知道。",
        )
        kept = await session.scalars(select(AuditRow.detail).where(AuditRow.subject == "questionnaire:knee"))
        assert [one["state"] for one in kept if "state" in one] == ["hand-in", "publish"]


async def test_a_wording_is_a_revision_another_meaning_a_version(
    database: Database, clock: VirtualClock
) -> None:
    tokens = await staff(database, Role.CLINICAL_REVIEWER, Role.ADMIN)
    async with database.write() as session:
        await publish(session, raw("mmrc"), clock.now())
    draft, item = f"{HOME}/mmrc/draft", raw("mmrc")["item"][2]
    labels = [pair for one in item["answerOption"] for pair in (("choice_code", one["valueCoding"]["code"]), ("choice_label", one["valueCoding"]["display"]), ("choice_points", ""))]  # fmt: skip
    async with editors(editor_app(database, clock), list(tokens.values())) as (reviewer, admin):
        for text, required, told in (
            ("痰有变化吗？", "", "只改了文字"),
            ("痰有变化吗？", "on", "会换新版本号"),
        ):
            await reviewer.send(f"{HOME}/mmrc/draft")
            fields = [("link_id", "sputum"), ("text", text), ("type", "choice"), *labels]
            status, *_ = await reviewer.send(
                f"{draft}/item", *fields, ("required", required), await _edition(database, "mmrc")
            )
            assert status == 303
            assert told in (await reviewer.get(draft))[1]
            await reviewer.send(f"{draft}/do/hand-in")
            status, _, page = await reviewer.send(f"{draft}/do/publish")
            assert (status, "没有参与编写" in page) == (409, True)
            assert (await admin.send(f"{draft}/do/publish"))[0] == 303
        page = (await reviewer.get(f"{HOME}/mmrc"))[1]
        assert "题目“sputum”改了问法" in html.unescape(page)
        assert "题目“sputum”改了是否必答" in html.unescape(page)
    async with database.read() as session:
        assert [(row.version, row.revision) for row in await history(session, "mmrc")] == [
            ("2", 1),
            ("1", 2),
            ("1", 1),
        ]


async def test_what_is_wrong_is_said_and_nothing_typed_is_lost(
    database: Database, clock: VirtualClock
) -> None:
    tokens = await staff(database, Role.EDITOR)
    async with editors(editor_app(database, clock), list(tokens.values())) as (editor,):
        status, _, page = await editor.send(
            f"{HOME}/new", ("title", "膝关节"), ("name", "膝"), ("purpose", "follow_up")
        )
        assert (status, "膝关节" in page) == (422, True)
        await _build(editor, database)
        stale = await _edition(database)
        one = [("text", "几天了？"), ("type", "integer"), ("low", "很多")]
        status, _, page = await editor.send(f"{KNEE}/item", *one, stale)
        assert (status, "“很多”应当是数字" in html.unescape(page), "几天了？" in page) == (422, True, True)
        status, _, page = await editor.send(f"{KNEE}/item", ("text", "选一个"), ("type", "choice"), ("choice_code", ""), ("choice_label", "只有一个"), ("choice_points", ""), stale)  # fmt: skip
        assert (status, "至少要两个选项" in page, "只有一个" in page) == (422, True, True)
        assert (await editor.send(f"{KNEE}/item", ("text", "几天了？"), ("type", "integer"), stale))[0] == 303
        status, _, page = await editor.send(f"{KNEE}/item", ("text", "几周了？"), ("type", "integer"), stale)
        assert (status, "同事改过" in page, "几周了？" in page) == (422, True, True)
        await editor.send(f"{KNEE}/arrange", ("link_id", "q1"), ("act", "down"), await _edition(database))
        page = html.unescape((await editor.get(KNEE))[1])
        assert "还不能提交：“q2”：出现条件里的“q1”不在这题前面" in page
        assert (await editor.send(f"{KNEE}/do/hand-in"))[0] == 409
        assert (await editor.send(f"{KNEE}/do/discard"))[1] == f"{HOME}?said=discard"
    assert await _draft(database, "knee") is None


async def test_every_shipped_form_saves_what_it_shows(database: Database, clock: VirtualClock) -> None:
    """Each part of each shipped definition is opened and saved as it stands: nothing of it changes."""
    tokens = await staff(database, Role.EDITOR)
    async with database.write() as session:
        await publish_shipped(session, clock.now())
    async with editors(editor_app(database, clock), list(tokens.values())) as (editor,):
        for name in ("phq9", "postop-day7", "medication", "diabetes-weekly"):
            await editor.send(f"{HOME}/{name}/draft")
            page = html.unescape((await editor.get(f"{HOME}/{name}/draft"))[1])
            links = sorted(
                set(
                    re.findall(
                        rf'href="({HOME}/{name}/draft/(?:settings|item\?link|scale\?|rule\?)[^"]*)"', page
                    )
                )
            )
            assert len(links) > 5
            for link in links:
                form = (
                    (await editor.get(link))[1]
                    .partition(f'action="{link.partition("?")[0]}"')[2]
                    .partition("</form>")[0]
                )
                status, _, page = await editor.send(link.partition("?")[0], *_fields(form))
                assert status == 303, (link, page)
            draft = await _draft(database, name)
            assert draft is not None
            assert read_definition(draft.definition) == shipped(name)


def _fields(form: str) -> list[tuple[str, str]]:
    """What a browser would send, in the form's order."""
    found: list[tuple[str, str]] = []
    for tag in re.finditer(
        r"<input([^>]*)>|<select([^>]*)>(.*?)</select>|<textarea([^>]*)>(.*?)</textarea>", form, re.S
    ):
        given = dict(re.findall(r'([\w-]+)="([^"]*)"', tag[1] or tag[2] or tag[4]))
        if tag[3] is not None:
            options = re.findall(r'<option value="([^"]*)"( selected)?', tag[3])
            value = next((one for one, on in options if on), options[0][0] if options else "")
        elif tag[5] is not None:
            value = tag[5]
        elif given.get("type") in ("checkbox", "radio") and " checked" not in tag[1]:
            continue
        else:
            value = given.get("value", "")
        found.append((given["name"], html.unescape(value)))
    return [one for one in found if one[0] != "csrf_token"]


async def test_what_was_built_elsewhere_survives_a_save(database: Database, clock: VirtualClock) -> None:
    """A condition, a unit and a wording key that no list offers, a code and an extension nobody here knows."""
    tokens = await staff(database, Role.EDITOR)
    foreign = raw("pain-nrs")
    unit = {"url": ext.UNIT, "valueCoding": {"system": ext.UCUM, "code": "[foz_us]", "display": "盎司"}}
    foreign["item"][1] |= {
        "extension": [{"url": "https://elsewhere.example/x", "valueString": "y"}, unit],
        "enableWhen": [{"question": "now", "operator": "!=", "answerInteger": 3}],
    }
    rules = [one for one in foreign["extension"] if one["url"] == ext.RED_FLAG]
    next(one for one in rules[0]["extension"] if one["url"] == "says")["valueCode"] = "flag.of_ours"
    async with editors(editor_app(database, clock), list(tokens.values())) as (editor,):
        await editor.upload(f"{HOME}/import", json.dumps(foreign))
        for link in ("item?link_id=worst", "rule?code=severe"):
            form = (await editor.get(f"{HOME}/pain-nrs/draft/{link}"))[1].partition("/draft/")[2]
            form = form[form.index("<form") if "<form" in form else 0 :]
            status, _, page = await editor.send(
                f"{HOME}/pain-nrs/draft/{link.partition('?')[0]}", *_fields(form)
            )
            assert status == 303, page
    draft = await _draft(database, "pain-nrs")
    assert draft is not None
    made, before = read_definition(draft.definition), read_definition(foreign)
    assert (made.items[1].enable, made.items[1].unit_code) == (before.items[1].enable, "[foz_us]")
    assert made.flags[0].says == "flag.of_ours"
    assert {"url": "https://elsewhere.example/x", "valueString": "y"} in draft.definition["item"][1][
        "extension"
    ]
    assert draft.definition["item"][0]["code"] == foreign["item"][0]["code"]


async def test_files_out_and_in(database: Database, clock: VirtualClock) -> None:
    tokens = await staff(database, Role.EDITOR)
    async with database.write() as session:
        await publish_shipped(session, clock.now())
    async with editors(editor_app(database, clock), list(tokens.values())) as (editor,):
        page = (await editor.get(HOME))[1]
        assert page.count("已发布") == len(NAMES)
        text = (await editor.get(f"{HOME}/phq9/file"))[1]
        assert read_definition(json.loads(text)) == shipped("phq9")
        assert (await editor.upload(f"{HOME}/import", text))[:2] == (303, f"{HOME}/phq9/draft?said=imported")
        status, _, page = await editor.upload(f"{HOME}/import", text.replace('"choice"', '"slider"'))
        assert (status, "题型“slider”不能提问" in html.unescape(page)) == (422, True)
        assert (await editor.send(f"{HOME}/mmrc/retire"))[0] == 303
        async with database.read() as session:
            assert await latest(session, "mmrc") is None
        assert (await editor.send(f"{HOME}/mmrc/restore"))[0] == 303
        async with database.read() as session:
            assert await latest(session, "mmrc") is not None
        assert (await editor.get(f"{HOME}/nothing"))[0] == 404
