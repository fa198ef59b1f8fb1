"""Plans on a patient's page: enrolled by hand, touches moved, skipped and taken back, held and ended; who looks is kept."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta
from html import unescape

from fastapi import FastAPI
from sqlalchemy import select

from care.plans import publishing, service
from care.plans.models import CarePlan, Touch
from store.audit import AuditRow
from store.clock import VirtualClock
from store.database import Database
from tests.care.conftest import World
from tests.care.patients.site import patients_app
from tests.care.plans.conftest import plan_of, step
from tests.care.questionnaires.editor.site import Editor, editors
from tests.channels.ops.site import staff
from web.signin.models import Role


def plans_app(database: Database, clock: VirtualClock) -> FastAPI:
    """The pages about patients with the plans' part."""
    return patients_app(database, clock)


async def _touches(database: Database, world: World) -> dict[str, Touch]:
    async with database.read() as session:
        return {one.step: one for one in await service.touches_of(session, world.wang)}


async def _post(nurse: Editor, path: str, *fields: tuple[str, str]) -> str:
    status, _, page = await nurse.send(path, *fields)
    assert status == 200, page
    return unescape(page)


async def test_a_nurse_enrols_moves_skips_takes_back_and_ends(
    database: Database, clock: VirtualClock, world: World
) -> None:
    tokens = await staff(database, Role.NURSE)
    async with database.write() as session:
        await publishing.publish_shipped(session, clock.now())
    here = f"/desk/patients/{world.wang}/plans"
    today = clock.local().date()
    async with editors(plans_app(database, clock), list(tokens.values())) as (nurse,):
        page = unescape((await nurse.get(here))[1])
        assert "没有进行中的计划" in page
        assert "血压随访" not in page, "a template is offered to nobody"
        page = await _post(nurse, f"{here}/enrol", ("plan", "post_discharge"), ("day", today.isoformat()))
        assert "已加入计划" in page
        assert "护士加入" in page
        assert page.count('class="plan-mark') == 6
        assert 'aria-label="第3天 ' in page, "what a mark shows is part of its name"
        again = await _post(nurse, f"{here}/enrol", ("plan", "post_discharge"), ("day", today.isoformat()))
        assert "已经在这个计划里了" in again
        touch = (await _touches(database, world))["day3"]
        to = today + timedelta(days=5)
        page = await _post(nurse, f"{here}/touches/{touch.id}/move", ("day", to.isoformat()))
        assert f"{to} 10:00" in page
        assert "（手动）" in page
        page = await _post(
            nurse, f"{here}/touches/{touch.id}/move", ("day", (today - timedelta(days=1)).isoformat())
        )
        assert "不能改到已经过去的时间" in page, "refused in words, and nothing changed"
        page = await _post(nurse, f"{here}/touches/{touch.id}/undo")
        assert f"{today + timedelta(days=3)} 10:00" in page
        page = await _post(nurse, f"{here}/touches/{touch.id}/skip")
        assert re.search("没有发：工作人员跳过", page)
        page = await _post(nurse, f"{here}/touches/{touch.id}/undo")
        assert "工作人员跳过" not in page
        row = touch.care_plan_id
        assert "暂停" in await _post(nurse, f"{here}/{row}/hold")
        assert "进行中" in await _post(nurse, f"{here}/{row}/resume")
        assert (await nurse.send(f"{here}/{row}/end"))[0] == 422, "ending wants a reason"
        page = await _post(nurse, f"{here}/{row}/end", ("reason", "refused"))
        assert "已终止：患者拒绝随访" in page
        assert "没有进行中的计划" in page
        other = f"/desk/patients/{world.lijing}/plans/{row}/hold"
        assert (await nurse.send(other))[0] == 404, "a plan is changed on its own patient's page only"
    async with database.read() as session:
        care_plan = (await session.scalars(select(CarePlan))).one()
        assert (care_plan.status, care_plan.reason, care_plan.source) == ("revoked", "refused", "nurse")
        kept = {row.action for row in await session.scalars(select(AuditRow))}
        assert {
            "careplan_started",
            "plan_touch_moved",
            "plan_touch_skipped",
            "careplan_ended",
            "read",
        } <= kept


async def test_of_several_plans_what_waits_says_until_when_and_why(
    database: Database, clock: VirtualClock, world: World
) -> None:
    tokens = await staff(database, Role.NURSE)
    today = clock.local().date()
    plans = [plan_of(step("hello", 1), name="after", title=f"{name}随访") for name in ("甲", "乙")]
    async with database.write() as session:
        for number, plan in enumerate(plans):
            named = replace(plan, name=f"p{number}", raw={**plan.raw, "name": f"p{number}"})
            await publishing.publish(session, named, None, clock.now())
            await service.enrol(
                session, f"p{number}", world.wang, anchor_date=today, source="nurse", now=clock.now()
            )
        waiting = (await service.touches_of(session, world.wang))[0]
        waiting.reason, waiting.due_at = "burden_wait", waiting.planned_for + timedelta(days=2)
    async with editors(plans_app(database, clock), list(tokens.values())) as (nurse,):
        page = unescape((await nurse.get(f"/desk/patients/{world.wang}/plans"))[1])
    to = f"{today + timedelta(days=3):%m-%d}"
    assert f"这几天已发够，先让要紧的发，改到 {to} 10:00 左右" in page
    assert "几个计划合起来" in page and f"（原定 {today + timedelta(days=1):%m-%d}，这几天已发够" in page
