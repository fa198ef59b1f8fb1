"""`/content/plans/{name}/enrol`: an audience chosen, looked at, put into the plan; how far it is, and taken back."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from functools import partial
from pathlib import Path
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, HTTPException, Query, Request
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.responses import Response

from care.gate.rules import GateRules
from care.plans import publishing, service
from care.plans.definition import Plan
from care.plans.editor.desk import HOME, words
from care.plans.errors import PlanError
from care.plans.errors import words as plan_words
from care.plans.joining import foresee, joining_words
from care.plans.joining import service as joining
from care.plans.joining.foresee import Foreseen
from care.plans.joining.models import PlanEnrolment, State
from care.plans.joining.ports import AudienceBook, Choice
from care.questionnaires.editor.forms import Form
from store.clock import Clock
from store.database import Database
from store.ids import new_id
from web.aside import Aside
from web.security import csrf_protect
from web.shell import add_templates, back_to, render
from web.signin import staffing
from web.signin.access import may, require
from web.signin.models import Role, StaffUser

add_templates("plans_joining", Path(__file__).parent / "templates")

LOOKERS = (Role.EDITOR, Role.CLINICAL_REVIEWER, Role.NURSE)
ENROLLERS = (Role.CLINICAL_REVIEWER, Role.NURSE)
"""Who may put patients into plans: those who answer for patients. An editor may look what would come of it."""
Looker = Annotated[StaffUser, Depends(require(*LOOKERS))]
Enroller = Annotated[StaffUser, Depends(require(*ENROLLERS))]
PATIENCE = 1.5
"""Seconds a look may take before the page says that it is under way."""


@dataclass(frozen=True, slots=True)
class JoiningDesk:
    """What the server hands in. `rules`: the gate's, for the cap. `looks`: audiences being looked at."""

    database: Database
    clock: Clock
    book: AudienceBook
    rules: GateRules
    looks: Aside[Foreseen]

    def first_day(self, basis: str, day: date | None) -> date | None:
        """None: each one's own, by the record."""
        return None if basis != "day" else day or self.clock.local().date()


def joining_router(desk: JoiningDesk) -> APIRouter:
    router = APIRouter(
        prefix=f"{HOME}/{{name}}/enrol", include_in_schema=False, dependencies=[Depends(csrf_protect)]
    )

    def show(request: Request, staff: StaffUser, template: str, status: int = 200, **values: Any) -> Response:
        said = joining_words.known("said").get(request.query_params.get("said", ""), "")
        context = {
            "here": f"{HOME}/{values['name']}/enrol",
            "home": HOME,
            "words": joining_words,
            "plan_words": plan_words(),
            "local": desk.clock.local,
            "may_enrol": may(staff, ENROLLERS),
            "said": said,
            "problem": "",
            **values,
        }
        return render(request, f"plans_joining/{template}", status, **context)

    async def choose(
        request: Request, staff: StaffUser, name: str, status: int = 200, problem: str = ""
    ) -> Response:
        async with desk.database.read("choose an audience") as session:
            row = await publishing.newest(session, name)
            if row is None:
                raise HTTPException(404, words("refused", "gone"))
            offered = await desk.book.offered(session)
            rows = await joining.of_plan(session, name)
            names = await _names(session, rows)
        return show(
            request,
            staff,
            "choose.html",
            status,
            name=name,
            plan=publishing.plan_of(row),
            runs=row.signed_by is not None and row.retired_at is None,
            offered=offered,
            today=desk.clock.local().date(),
            rows=rows,
            names=names,
            problem=problem,
        )

    @router.get("")
    async def form(request: Request, staff: Looker, name: str) -> Response:
        return await choose(request, staff, name)

    @router.get("/look")
    async def look(
        request: Request,
        staff: Looker,
        name: str,
        audience: UUID,
        basis: Annotated[str, Query(max_length=10)] = "record",
        day: date | None = None,
        on: bool = False,
    ) -> Response:
        """`on`: the page asks after what it began; a click looks anew."""
        first = desk.first_day(basis, day)
        async with desk.database.read("plan to look at") as session:
            try:
                plan = await service.signed(session, name)
            except PlanError as error:
                raise HTTPException(409, str(error)) from error
            choice = await _choice(desk, session, audience)
        key = (name, plan.version, plan.revision, audience, first, desk.clock.local().date())
        found = await desk.looks.ask(
            key, partial(_foresee, desk, plan, audience, first), PATIENCE, again=not on
        )
        done = found if isinstance(found, Foreseen) else None
        return show(
            request,
            staff,
            "look.html",
            name=name,
            plan=plan,
            choice=choice,
            basis=basis,
            day=first.isoformat() if first else "",
            seconds=round(found) if isinstance(found, float) else 0,
            found=done,
            most=max((one.count for one in done.days), default=1) if done else 1,
            token=new_id(),
        )

    @router.post("")
    async def confirm(request: Request, staff: Enroller, name: str) -> Response:
        form, now = Form(await request.form(max_files=0, max_fields=12)), desk.clock.now()
        try:
            token, audience = UUID(form.text("token")), UUID(form.text("audience"))
            given = form.text("day")
            day = desk.first_day(form.text("basis"), date.fromisoformat(given) if given else None)
            expected = int(form.number("expected", "expected") or 0)
        except ValueError as error:
            raise HTTPException(422, joining_words("refused", "form")) from error
        try:
            async with desk.database.write("enrol an audience") as session:
                choice = await _choice(desk, session, audience)
                new = await joining.begin(
                    session,
                    token,
                    name,
                    choice,
                    day=day,
                    keep=bool(form.text("keep")),
                    expected=expected,
                    by=staff.id,
                    now=now,
                )
        except PlanError as error:
            return await choose(request, staff, name, 409, str(error))
        return back_to(f"{HOME}/{name}/enrol/{token}", said="begun" if new else "begun_before")

    async def progress(request: Request, staff: StaffUser, name: str, enrolment_id: UUID) -> Response:
        async with desk.database.read("enrolment") as session:
            row = await session.get(PlanEnrolment, enrolment_id)
            plan = await publishing.newest(session, name)
            if row is None or plan is None or row.plan != name:
                raise HTTPException(404, joining_words("refused", "gone"))
            names = await _names(session, [row])
        part = "hx-request" in request.headers
        return show(
            request,
            staff,
            "now.html" if part else "one.html",
            name=name,
            title=plan.title,
            row=row,
            names=names,
            busy=row.state in (State.RUNNING, State.UNDOING) and row.dead_reason is None,
        )

    @router.get("/{enrolment_id}")
    async def one(request: Request, staff: Looker, name: str, enrolment_id: UUID) -> Response:
        return await progress(request, staff, name, enrolment_id)

    @router.post("/{enrolment_id}/undo")
    async def undo(staff: Enroller, name: str, enrolment_id: UUID) -> Response:
        async with desk.database.write("undo enrolment") as session:
            done = await joining.undo(session, enrolment_id, by=staff.id, now=desk.clock.now())
        return back_to(f"{HOME}/{name}/enrol/{enrolment_id}", said="undoing" if done else "undone_before")

    @router.post("/{enrolment_id}/stop")
    async def stop(staff: Enroller, name: str, enrolment_id: UUID) -> Response:
        async with desk.database.write("stop enrolling") as session:
            await joining.stop_keeping(session, enrolment_id, by=staff.id, now=desk.clock.now())
        return back_to(f"{HOME}/{name}/enrol/{enrolment_id}", said="stopped")

    return router


async def _foresee(desk: JoiningDesk, plan: Plan, audience: UUID, first: date | None) -> Foreseen:
    async with desk.database.read("audience for a plan") as session:
        everyone = await desk.book.of(session, audience)
        if everyone is None:
            raise HTTPException(404, joining_words("refused", "audience"))
        return await foresee.foresee(session, plan, everyone, first, desk.rules, desk.clock.now())


async def _choice(desk: JoiningDesk, session: AsyncSession, version_id: UUID) -> Choice:
    """Raises 404 for an audience that was changed or archived meanwhile: what was looked at is no longer what it says."""
    found = [one for one in await desk.book.offered(session) if one.version_id == version_id]
    if not found:
        raise HTTPException(404, joining_words("refused", "audience"))
    return found[0]


async def _names(session: AsyncSession, rows: Any) -> dict[UUID | None, str]:
    who = {one.begun_by for one in rows} | {one.undone_by for one in rows if one.undone_by}
    return await staffing.said_names(
        session, who, somebody=words("somebody", "name"), system=words("system", "name")
    )
