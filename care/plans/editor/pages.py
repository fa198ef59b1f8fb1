"""`/content/plans`: the list, one plan with its versions, new ones, pausing and going on."""

from __future__ import annotations

import re
from typing import Any

from fastapi import APIRouter, Depends, HTTPException, Request
from starlette.responses import Response

from care.plans import publishing
from care.plans.definition import ANCHORS
from care.plans.editor import drafts, forms
from care.plans.editor.building import building_router
from care.plans.editor.desk import HOME, WRITERS, Looker, PlanDesk, Writer, show, words
from care.plans.editor.drafts import DraftError
from care.plans.editor.looking import one_page
from care.plans.editor.trial import add_trial
from care.plans.models import PlanDraft
from care.questionnaires.editor.forms import Form
from web.security import csrf_protect
from web.shell import back_to
from web.signin.access import may

RESERVED = frozenset({"new"})
_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,59}")


def editor_router(desk: PlanDesk) -> APIRouter:
    """The pages and their buttons."""
    router = APIRouter(prefix=HOME, include_in_schema=False, dependencies=[Depends(csrf_protect)])

    @router.get("")
    async def everything(request: Request, staff: Looker) -> Response:
        writer = may(staff, WRITERS)
        async with desk.database.read("plans") as session:
            entries = [one for one in await drafts.listed(session) if writer or one.live is not None]
        return show(desk, request, "list.html", entries=entries, writer=writer)

    def new_page(request: Request, **values: Any) -> Response:
        typed = {"name": "", "title": "", "anchor": "discharge", **values}
        status = 422 if values.get("problem") else 200
        return show(desk, request, "new.html", status, anchors=ANCHORS, **typed)

    @router.get("/new")
    async def new(request: Request, _staff: Writer) -> Response:
        return new_page(request)

    @router.post("/new")
    async def create(request: Request, staff: Writer) -> Response:
        form = Form(await request.form(max_files=0, max_fields=10))
        typed = {one: form.text(one) for one in ("name", "title", "anchor")}
        fits = _NAME.fullmatch(typed["name"]) and typed["name"] not in RESERVED and typed["title"]
        try:
            if not fits or typed["anchor"] not in ANCHORS or len(typed["title"]) > 60:
                raise DraftError("name_shape")
            async with desk.database.write("new plan") as session:
                await drafts.create(session, forms.new_plan(**typed), staff=staff, now=desk.clock.now())
                drafts.note(session, staff.id, "create", typed["name"], desk.clock.now())
        except DraftError as error:
            return new_page(request, **typed, problem=words("refused", error.key))
        return back_to(f"{HOME}/{typed['name']}/draft", said="created")

    @router.get("/{name}")
    async def one(request: Request, staff: Looker, name: str) -> Response:
        async with desk.database.read("plan") as session:
            unpublished = await publishing.newest(session, name) is None
            if unpublished and await session.get(PlanDraft, name) is not None:
                return back_to(f"{HOME}/{name}/draft")
        return await one_page(desk, request, staff, name)

    @router.post("/{name}/retire")
    async def retire(staff: Writer, name: str) -> Response:
        async with desk.database.write("retire plan") as session:
            if await publishing.retire(session, name, desk.clock.now()):
                drafts.note(session, staff.id, "update", name, desk.clock.now(), state="retired")
        return back_to(f"{HOME}/{name}", said="retired")

    @router.post("/{name}/restore")
    async def restore(staff: Writer, name: str) -> Response:
        async with desk.database.write("restore plan") as session:
            row = await publishing.newest(session, name)
            if row is None:
                raise HTTPException(404, words("refused", "gone"))
            row.retired_at = None
            drafts.note(session, staff.id, "update", name, desk.clock.now(), state="restored")
        return back_to(f"{HOME}/{name}", said="restored")

    @router.post("/{name}/draft")
    async def begin(staff: Writer, name: str) -> Response:
        async with desk.database.write("draft plan") as session:
            try:
                await drafts.begin(session, name, staff=staff, now=desk.clock.now())
            except DraftError as error:
                raise HTTPException(404, words("refused", error.key)) from error
        return back_to(f"{HOME}/{name}/draft")

    add_trial(router, desk)
    router.include_router(building_router(desk))
    return router
