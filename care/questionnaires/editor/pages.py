"""`/content/questionnaires`: the list, one questionnaire with its versions, files in and out, publishing and retiring."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import Annotated, Any

from fastapi import APIRouter, Depends, File, HTTPException, Query, Request, UploadFile
from starlette.responses import Response

from care.questionnaires import publishing
from care.questionnaires.checking import check
from care.questionnaires.definition import DefinitionError, read_definition
from care.questionnaires.differences import differences
from care.questionnaires.editor import drafts, sentences
from care.questionnaires.editor.building import building_router
from care.questionnaires.editor.desk import HOME, QuestionnaireDesk, Writer, show, understood
from care.questionnaires.editor.drafts import DraftError
from care.questionnaires.editor.forms import Form, new_definition
from care.questionnaires.editor.trying import tried
from care.questionnaires.errors import words
from care.questionnaires.files import MOST_BYTES, read_text
from care.questionnaires.models import Questionnaire
from web.security import csrf_protect
from web.shell import back_to
from web.signin import staffing

RESERVED = frozenset({"new", "import"})
FHIR_JSON = "application/fhir+json"


def editor_router(desk: QuestionnaireDesk) -> APIRouter:
    """The pages and their buttons."""
    router = APIRouter(prefix=HOME, include_in_schema=False, dependencies=[Depends(csrf_protect)])

    async def listing(request: Request, status: int = 200, **values: Any) -> Response:
        async with desk.database.read("questionnaires") as session:
            entries = await drafts.listed(session)
        facts = {
            one.name: understood(
                one.live.definition if one.live else one.draft.definition if one.draft else {}
            )[0]
            for one in entries
        }
        return show(desk, request, "list.html", status, entries=entries, facts=facts, **values)

    @router.get("")
    async def everything(request: Request, _staff: Writer) -> Response:
        return await listing(request)

    @router.get("/new")
    async def new(request: Request, _staff: Writer) -> Response:
        return show(desk, request, "new.html", name="", title="", purpose="follow_up")

    @router.post("/new")
    async def create(request: Request, staff: Writer) -> Response:
        form = Form(await request.form(max_files=0, max_fields=10))
        name, title, purpose = form.text("name"), form.text("title"), form.text("purpose")
        fits = name.replace("-", "").isalnum() and name.isascii() and name == name.lower() and len(name) <= 60
        key = "" if fits and title and name not in RESERVED else "name_shape"
        async with desk.database.write("new questionnaire") as session:
            if not key and (await drafts.get(session, name) or await publishing.history(session, name)):
                key = "name_taken"
            if not key:
                raw = new_definition(
                    name, title, purpose if purpose in ("follow_up", "survey") else "follow_up"
                )
                await drafts.save(session, raw, staff=staff, now=desk.clock.now())
                drafts.note(session, staff.id, "create", name, desk.clock.now())
        if key:
            values = {"name": name, "title": title, "purpose": purpose, "problem": words()("refused", key)}
            return show(desk, request, "new.html", 422, **values)
        return back_to(f"{HOME}/{name}/draft", said="created")

    @router.post("/import")
    async def bring_in(request: Request, staff: Writer, file: Annotated[UploadFile, File()]) -> Response:
        data = await file.read(MOST_BYTES + 1)
        try:
            found = read_text(data.decode("utf-8-sig", errors="replace"))
            for raw in found:
                check(raw)
        except DefinitionError as error:
            return await listing(request, 422, problem=str(error))
        async with desk.database.write("import questionnaires") as session:
            for raw in found:
                await drafts.save(session, raw, staff=staff, now=desk.clock.now())
                drafts.note(session, staff.id, "create", str(raw["name"]), desk.clock.now(), imported=True)
        target = f"{HOME}/{found[0]['name']}/draft" if len(found) == 1 else HOME
        return back_to(target, said="imported")

    async def rows_of(session: Any, name: str) -> list[Questionnaire]:
        rows = list(await publishing.history(session, name))
        if not rows:
            raise HTTPException(404, words()("refused", "gone"))
        return rows

    @router.get("/{name}")
    async def one(
        request: Request, _staff: Writer, name: str, channel: Annotated[str, Query(max_length=10)] = "wechat"
    ) -> Response:
        async with desk.database.read("questionnaire") as session:
            draft = await drafts.get(session, name)
            if draft is not None and not await publishing.history(session, name):
                return back_to(f"{HOME}/{name}/draft")
            rows = await rows_of(session, name)
            somebody, system = words()("page", "somebody"), words()("page", "system")
            names = await staffing.said_names(
                session, {row.published_by for row in rows}, somebody=somebody, system=system
            )
        states = [read_definition(row.definition) for row in rows]
        changes = [differences(before, after) for after, before in pairwise(states)]
        definition = states[0]
        offers = sentences.triggers(definition.items, definition.scales)
        return show(
            desk,
            request,
            "one.html",
            row=rows[0],
            definition=definition,
            versions=list(zip(rows, [*changes, []], strict=True)),
            names=names,
            draft=draft,
            rules=[(rule, sentences.say_rule(rule.when, rule.every, offers)) for rule in definition.flags],
            trial=tried(definition, Form(request.query_params), desk.speak, channel),  # type: ignore[arg-type]
            channel=channel,
            which="live",
            name=name,
        )

    @router.get("/{name}/file")
    async def file(_staff: Writer, name: str, draft: bool = False) -> Response:
        async with desk.database.read("questionnaire") as session:
            row = await drafts.get(session, name) if draft else None
            raw = row.definition if row is not None else (await rows_of(session, name))[0].definition
        headers = {"Content-Disposition": f'attachment; filename="{raw["name"]}.json"'}
        return Response(json.dumps(raw, ensure_ascii=False, indent=2), media_type=FHIR_JSON, headers=headers)

    @router.post("/{name}/try")
    async def attempt(request: Request, _staff: Writer, name: str) -> Response:
        form = Form(await request.form(max_files=0, max_fields=500))
        which, channel = form.text("which"), form.text("channel") or "wechat"
        async with desk.database.read("questionnaire") as session:
            draft = await drafts.get(session, name) if which == "draft" else None
            raw = draft.definition if draft is not None else (await rows_of(session, name))[0].definition
        definition, problem = understood(raw)
        trial = tried(definition, form, desk.speak, channel) if definition is not None else None
        values: dict[str, Any] = {
            "definition": definition,
            "trial": trial,
            "channel": channel,
            "which": which,
        }
        return show(desk, request, "tried.html", **values, name=name, problem=problem)

    @router.post("/{name}/retire")
    async def retire(staff: Writer, name: str) -> Response:
        async with desk.database.write("retire questionnaire") as session:
            if await publishing.retire(session, name, desk.clock.now()):
                drafts.note(session, staff.id, "update", name, desk.clock.now(), state="retired")
        return back_to(f"{HOME}/{name}", said="retired")

    @router.post("/{name}/restore")
    async def restore(request: Request, staff: Writer, name: str) -> Response:
        async with desk.database.write("restore questionnaire") as session:
            row = (await rows_of(session, name))[0]
            row.retired_at = None
            drafts.note(session, staff.id, "update", name, desk.clock.now(), state="restored")
        return back_to(f"{HOME}/{name}", said="restored")

    @router.post("/{name}/draft")
    async def begin(staff: Writer, name: str) -> Response:
        async with desk.database.write("draft questionnaire") as session:
            try:
                await drafts.begin(session, name, staff=staff, now=desk.clock.now())
            except DraftError as error:
                raise HTTPException(404, words()("refused", error.key)) from error
        return back_to(f"{HOME}/{name}/draft")

    router.include_router(building_router(desk))
    return router
