"""What the pages of one plan show: the published one with its versions, the draft with what it would change."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from fastapi import HTTPException, Request
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.responses import Response

from care.plans import publishing
from care.plans.definition import Plan, read_plan
from care.plans.difference import Replan, difference
from care.plans.editor import drafts, shown
from care.plans.editor.desk import WRITERS, PlanDesk, offers_of, show, words
from care.plans.editor.differences import differences
from care.plans.editor.drafts import DraftError, Raw
from care.plans.errors import PlanError
from care.plans.models import LIVE, CarePlan, PlanDraft
from web.signin import staffing
from web.signin.access import may
from web.signin.models import StaffUser


async def draft_page(desk: PlanDesk, request: Request, staff: StaffUser, name: str) -> Response:
    """The draft as a timeline and a list, what it changes, and what can be done with it."""
    async with desk.database.read("draft plan") as session:
        try:
            draft = await drafts.get(session, name)
        except DraftError as error:
            raise HTTPException(404, words("refused", error.key)) from error
        offers = await offers_of(desk, session)
        row = await publishing.newest(session, name)
        old = publishing.plan_of(row) if row is not None else None
        plan, problem = _understood(draft.definition)
        replan: Replan | None = None
        if old is not None and plan is not None:
            replan = await difference(session, old, plan, desk.clock.now())
        can_undo = await drafts.can_undo(session, name)
        people = await enrolled(session, name)
        shorts = shown.shorts(draft.definition, desk.short.look, await desk.short.articles(session))
    refused = drafts.refusal(draft, staff)
    return show(
        desk,
        request,
        "draft.html",
        name=name,
        draft=draft,
        raw=draft.definition,
        picture=shown.picture(draft.definition, edit=True),
        lines=shown.lines(draft.definition, titles(offers), shorts),
        plan=plan,
        wrong=problem,
        first=old is None,
        changes=differences(old, plan) if old is not None and plan is not None else [],
        replan=replan,
        people=people,
        can_undo=can_undo,
        refused=words("refused", refused) if refused else "",
    )


async def one_page(desk: PlanDesk, request: Request, staff: StaffUser, name: str) -> Response:
    """The newest published state, the versions before it with what changed, who is in it."""
    async with desk.database.read("plan") as session:
        rows = await publishing.history(session, name)
        if not rows:
            raise HTTPException(404, words("refused", "gone"))
        offers = await offers_of(desk, session)
        draft = await session.get(PlanDraft, name)
        people = await enrolled(session, name)
        names = await staffing.said_names(
            session,
            {row.published_by for row in rows},
            somebody=words("somebody", "name"),
            system=words("system", "name"),
        )
        raw: Raw = rows[0].definition
        shorts = shown.shorts(raw, desk.short.look, await desk.short.articles(session))
    states = [publishing.plan_of(row) for row in rows]
    changes = [differences(before, after) for after, before in pairwise(states)]
    return show(
        desk,
        request,
        "one.html",
        name=name,
        writer=may(staff, WRITERS),
        row=rows[0],
        raw=raw,
        plan=states[0],
        picture=shown.picture(raw, edit=False),
        lines=shown.lines(raw, titles(offers), shorts),
        versions=list(zip(rows, [*changes, []], strict=True)),
        names=names,
        draft=draft,
        people=people,
    )


async def enrolled(session: AsyncSession, name: str) -> dict[str, int]:
    """How many are in the plan, by status."""
    mine = (CarePlan.plan == name, CarePlan.status.in_(LIVE))
    rows = await session.execute(select(CarePlan.status, func.count()).where(*mine).group_by(CarePlan.status))
    return {str(status): count for status, count in rows}


def titles(offers: dict[str, list[tuple[str, str]]]) -> dict[str, dict[str, Any]]:
    return {field: dict(pairs) for field, pairs in offers.items()}


def _understood(raw: Raw) -> tuple[Plan | None, str]:
    """The plan, or what is wrong with it."""
    try:
        return read_plan(raw), ""
    except PlanError as error:
        return None, str(error)
