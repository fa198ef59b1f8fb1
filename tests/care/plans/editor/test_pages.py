"""Built without JSON, changes taken back, the difference shown, published by another person; refusals that lose nothing."""

from __future__ import annotations

import html
import re

from sqlalchemy import select

from care.plans import publishing
from care.plans.definition import read_plan
from care.plans.models import PlanDraft
from care.questionnaires.publishing import publish_shipped as publish_questionnaires
from store.audit import AuditRow
from store.clock import VirtualClock
from store.database import Database
from tests.care.plans.editor.site import HOME, editor_app
from tests.care.plans.shipped import raw
from tests.care.questionnaires.editor.site import Editor, editors
from tests.care.questionnaires.editor.test_pages import _fields
from tests.channels.ops.site import staff
from web.signin.models import Role

KNEE = f"{HOME}/knee/draft"
STEP = (("days", "3"), ("at", "10:00"), ("late", "catch_up"), ("stale_days", "3"), ("priority", "5"))


async def _edition(database: Database, name: str = "knee") -> tuple[str, str]:
    async with database.read() as session:
        return ("edition", str((await session.get_one(PlanDraft, name)).edition))


async def _add(editor: Editor, database: Database, kind: str, title: str, *fields: tuple[str, str]) -> None:
    status, where, page = await editor.send(
        f"{KNEE}/step", ("kind", kind), ("title", title), *fields, *STEP, await _edition(database)
    )
    assert (status, where) == (303, f"{KNEE}?said=saved"), page


async def test_built_by_clicking_and_published_by_another(database: Database, clock: VirtualClock) -> None:
    tokens = await staff(database, Role.EDITOR, Role.CLINICAL_REVIEWER)
    async with database.write() as session:
        await publish_questionnaires(session, clock.now())
    async with editors(editor_app(database, clock), list(tokens.values())) as (editor, reviewer):
        assert "还没有随访计划" in (await editor.get(HOME))[1]
        new = (("title", "膝关节术后随访"), ("name", "knee"), ("anchor", "surgery"))
        assert (await editor.send(f"{HOME}/new", *new))[1] == f"{KNEE}?said=created"
        assert (await editor.send(f"{HOME}/new", *new))[0] == 422, "the name is taken"
        assert "还没有步骤" in (await editor.get(KNEE))[1]
        await _add(editor, database, "article", "伤口", ("slug", "surgery-wound-care"))
        await _add(editor, database, "questionnaire", "第7天", ("name", "postop-day7"))
        await _add(
            editor, database, "call", "没回复的电话", ("script", "问恢复得怎么样。"), ("when_step", "questionnaire1"),
            ("when_is", "unanswered"),
        )  # fmt: skip
        page = html.unescape((await editor.get(KNEE))[1])
        assert "只在“第7天”没有回复时" in page
        assert page.count('class="plan-mark') == 3, "each step is a mark of the timeline"
        assert 'aria-label="第3天 10:00 文章：伤口"' in page

        later = (("id", "questionnaire1"), ("act", "week_later"))
        assert (await editor.send(f"{KNEE}/arrange", *later, await _edition(database)))[0] == 303
        gone = (("id", "article1"), ("act", "remove"))
        assert (await editor.send(f"{KNEE}/arrange", *gone, await _edition(database)))[0] == 303
        assert "文章：伤口" not in (await editor.get(KNEE))[1]
        assert (await editor.send(f"{KNEE}/do/undo", await _edition(database)))[1] == f"{KNEE}?said=undone"
        page = (await editor.get(KNEE))[1]
        assert "文章：伤口" in page, "the removal was taken back, the move was not"
        assert "第10天 10:00 问卷" in page

        status, _, page = await editor.send(f"{KNEE}/do/hand-in")
        assert (status, "依据" in page) == (409, True)
        settings = (
            ("title", "膝关节术后随访"), ("anchor", "surgery"), ("closes_after_days", "60"), ("codes", "81.54，81.55"),
            ("departments", "骨科"), ("stops", "readmitted"), ("source", "本院约定，2026"),
        )  # fmt: skip
        assert (await editor.send(f"{KNEE}/settings", *settings, await _edition(database)))[0] == 303
        assert (await editor.send(f"{KNEE}/do/publish"))[0] == 409, "not handed in"
        assert (await editor.send(f"{KNEE}/do/hand-in"))[1] == f"{KNEE}?said=hand-in"
        status, _, page = await editor.send(f"{KNEE}/do/publish")
        assert (status, "临床审核员" in page) == (409, True)
        signed = ("signed_by", "骨科主任")
        assert (await reviewer.send(f"{KNEE}/do/publish", signed))[1] == f"{HOME}/knee?said=publish"
        page = (await editor.get(f"{HOME}/knee"))[1]
        assert "骨科主任 签发" in page
        assert (await editor.send(f"{HOME}/knee/retire"))[0] == 303
        assert "已停用" in (await editor.get(HOME))[1]
        assert (await editor.send(f"{HOME}/knee/restore"))[0] == 303
    async with database.read() as session:
        plan = await publishing.current(session, "knee")
        assert plan is not None
        assert (plan.codes, plan.signed_by, plan.version) == (("81.54", "81.55"), "骨科主任", 1)
        assert [(one.id, one.days) for one in plan.steps] == [
            ("article1", 3),
            ("call1", 3),
            ("questionnaire1", 10),
        ]
        kept = await session.scalars(select(AuditRow.detail).where(AuditRow.subject == "plan:knee"))
        states = [one["state"] for one in kept if "state" in one]
        assert states == ["undo", "hand-in", "publish", "retired", "restored"]


async def test_a_change_of_a_published_plan_shows_what_it_does(
    database: Database, clock: VirtualClock
) -> None:
    tokens = await staff(database, Role.CLINICAL_REVIEWER)
    async with database.write() as session:
        await publish_questionnaires(session, clock.now())
        await publishing.publish_shipped(session, clock.now())
    draft = f"{HOME}/hypertension/draft"
    async with editors(editor_app(database, clock), list(tokens.values())) as (reviewer,):
        await reviewer.send(f"{HOME}/hypertension/draft")
        assert "和已发布的一样" in (await reviewer.get(draft))[1]
        move = (("id", "salt"), ("act", "week_later"))
        await reviewer.send(f"{draft}/arrange", *move, await _edition(database, "hypertension"))
        page = html.unescape((await reviewer.get(draft))[1])
        assert "“少吃盐”从第10天改到第17天" in page
        await reviewer.send(f"{draft}/do/hand-in")
        status, _, page = await reviewer.send(f"{draft}/do/publish", ("signed_by", "x"))
        assert (status, "另一位临床审核员" in page) == (409, True), "who changed it does not publish it"


async def test_what_is_wrong_is_said_and_nothing_typed_is_lost(
    database: Database, clock: VirtualClock
) -> None:
    tokens = await staff(database, Role.EDITOR)
    async with editors(editor_app(database, clock), list(tokens.values())) as (editor,):
        status, _, page = await editor.send(
            f"{HOME}/new", ("title", "膝关节"), ("name", "膝"), ("anchor", "birth")
        )
        assert (status, "膝关节" in page) == (422, True)
        new = (("title", "膝关节"), ("name", "knee"), ("anchor", "surgery"))
        await editor.send(f"{HOME}/new", *new)
        stale = await _edition(database)
        typed = (
            ("kind", "message"),
            ("title", "问候"),
            ("text", "好好休息。"),
            ("at", "10:00"),
            ("days", "三"),
        )
        status, _, page = await editor.send(f"{KNEE}/step", *typed, stale)
        assert (status, "第几天”应当是整数" in html.unescape(page), "好好休息。" in page) == (422, True, True)
        status, _, page = await editor.send(
            f"{KNEE}/step", ("kind", "message"), ("title", "问候"), *STEP, stale
        )
        assert (status, "正文：还没有填" in html.unescape(page), "问候" in page) == (422, True, True)
        good = (("kind", "message"), ("title", "问候"), ("text", "好好休息。"), *STEP)
        assert (await editor.send(f"{KNEE}/step", *good, stale))[0] == 303
        status, _, page = await editor.send(f"{KNEE}/step", *good, stale)
        assert (status, "同事改过" in page, "好好休息。" in page) == (422, True, True)
        status, _, page = await editor.send(
            f"{KNEE}/settings", ("title", "新名字"), ("anchor", "surgery"), ("departments", "烧伤科"),
            ("closes_after_days", "30"), await _edition(database),
        )  # fmt: skip
        assert (status, "没有“烧伤科”这个科室" in html.unescape(page), "新名字" in page) == (422, True, True)
        assert (await editor.send(f"{KNEE}/do/discard"))[1] == f"{HOME}?said=discard"
    async with database.read() as session:
        assert await session.get(PlanDraft, "knee") is None


async def test_every_shipped_step_saves_what_it_shows(database: Database, clock: VirtualClock) -> None:
    """Each form of some shipped plans is opened and saved as it stands: nothing of the plan changes."""
    tokens = await staff(database, Role.EDITOR)
    async with database.write() as session:
        await publish_questionnaires(session, clock.now())
        await publishing.publish_shipped(session, clock.now())
    async with editors(editor_app(database, clock), list(tokens.values())) as (editor,):
        for name in ("heart", "post_operative"):
            await editor.send(f"{HOME}/{name}/draft")
            page = html.unescape((await editor.get(f"{HOME}/{name}/draft"))[1])
            links = set(re.findall(rf'href="({HOME}/{name}/draft/(?:settings|step\?id)[^"]*)"', page))
            assert len(links) > 8
            for link in sorted(links):
                form = (await editor.get(link))[1].partition('method="post" action="/content/plans/')[2]
                status, _, page = await editor.send(
                    link.partition("?")[0], *_fields(form.partition("</form>")[0])
                )
                assert status == 303, (link, page)
            async with database.read() as session:
                kept = read_plan((await session.get_one(PlanDraft, name)).definition)
            before = read_plan(raw(name))
            assert publishing.meaning(kept) == publishing.meaning(before)
            assert publishing.wording(kept) == publishing.wording(before)
