"""`/content/audiences`: who an article or a campaign is for, put together by clicking, counted and explained."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Form, HTTPException, Request
from starlette.datastructures import FormData
from starlette.responses import RedirectResponse, Response

from content.audiences import looking, saving, service
from content.audiences.building import Clicked, click
from content.audiences.check import Problem, check
from content.audiences.counting import Counter
from content.audiences.data import load
from content.audiences.form import received
from content.audiences.models import Audience
from content.audiences.rules import Group, RuleError, dump, read
from content.audiences.sentence import sentence
from content.audiences.shown import kinds, tree_view
from content.audiences.vocabulary import Vocabulary, vocabulary
from store.clock import Clock
from store.database import Database
from web.security import csrf_protect
from web.shell import add_templates, render
from web.signin.models import Role, StaffUser
from web.signin.pages import require
from web.texts import Texts

TEMPLATES = Path(__file__).parent / "templates"
add_templates("audiences", TEMPLATES)
said = Texts(TEMPLATES / "texts.yml")

EDITORS = (Role.EDITOR, Role.CLINICAL_REVIEWER)
Editor = Annotated[StaffUser, Depends(require(*EDITORS))]
PATIENCE = 1.5
"""Seconds a page waits for a count before it shows that it is under way."""


@dataclass(frozen=True, slots=True)
class AudienceDesk:
    """What the server hands in."""

    database: Database
    clock: Clock
    counter: Counter

    async def words(self) -> Vocabulary:
        async with self.database.read("audience words") as session:
            return await vocabulary(session)


@dataclass(frozen=True, slots=True)
class Draft:
    """The form beside the rule. `id`: of the saved audience, None for a new one; `seen`: the version it was made from."""

    rule: Group
    id: UUID | None = None
    seen: int = 0
    name: str = ""
    note: str = ""


def audience_router(desk: AudienceDesk) -> APIRouter:
    """The pages and what they click."""
    router = APIRouter(
        prefix="/content/audiences", include_in_schema=False, dependencies=[Depends(csrf_protect)]
    )

    async def form_of(request: Request) -> tuple[FormData, Draft, Vocabulary]:
        """What was sent. Raises 422 when it is no form of ours."""
        form, words = await request.form(max_files=0, max_fields=2000), await desk.words()

        def text(name: str, longest: int) -> str:
            value = form.get(name, "")
            return " ".join(value.split())[:longest] if isinstance(value, str) else ""

        try:
            rule = received(form, words)
            draft_id = UUID(text("id", 40)) if text("id", 40) else None
            seen = int(text("seen", 9) or 0)
        except ValueError as error:
            raise HTTPException(422, said("wrong.stale")) from error
        return form, Draft(rule, draft_id, seen, text("name", 200), text("note", 300)), words

    def build(
        request: Request,
        draft: Draft,
        words: Vocabulary,
        *,
        page: bool,
        audience: Audience | None = None,
        versions: Sequence[Any] = (),
        clicked: Clicked | None = None,
        told: str = "",
        wrong: str = "",
        marked: bool = False,
        status: int = 200,
    ) -> Response:
        """The builder: the whole page, or the part that a click swaps. `marked`: problems stand at their fields."""
        problems = check(draft.rule, words)
        shown = (
            problems
            if marked
            else [one for one in problems if one.key not in ("missing", "nothing", "empty_group")]
        )
        return render(
            request,
            f"audiences/{'build' if page else 'builder'}.html",
            status,
            draft=draft,
            tree=tree_view(draft.rule, words, shown, clicked.at if clicked else None),
            kinds=kinds(draft.rule),
            form_words=load("form"),
            conditions=words.conditions,
            surgeries=words.surgeries,
            regions=words.regions,
            tags=words.tags,
            rule_json=json.dumps(dump(draft.rule), ensure_ascii=False),
            before=json.dumps(dump(clicked.undo), ensure_ascii=False) if clicked and clicked.undo else "",
            told=told,
            wrong=wrong,
            audience=audience,
            versions=versions,
            **spoken(draft.rule, words, problems),
        )

    def spoken(rule: Group, words: Vocabulary, problems: Sequence[Problem]) -> dict[str, Any]:
        """The sentence, what is wrong with it, and whether it can be counted."""
        return {
            "sentence": sentence(rule, words),
            "problems": problems,
            "countable": not any(one.blocks for one in problems),
        }

    async def one_page(
        request: Request, audience_id: UUID, *, number: int | None = None, told: str = ""
    ) -> Response:
        async with desk.database.read("audience") as session:
            audience = await service.get(session, audience_id)
            versions = await service.versions(session, audience_id)
            words = await vocabulary(session)
        wanted = [one for one in versions if number is None or one.number == number]
        if audience is None or not wanted:
            raise HTTPException(404)
        draft = Draft(read(wanted[0].rule), audience.id, audience.version, audience.name, audience.note)
        history = [(one, sentence(read(one.rule), words)) for one in versions]
        return build(request, draft, words, page=True, audience=audience, versions=history, told=told)

    @router.get("")
    async def listing(request: Request, _staff: Editor, archived: bool = False) -> Response:
        async with desk.database.read("audiences") as session:
            rows = await service.listed(session, archived=archived)
            words = await vocabulary(session)
        told = request.query_params.get("said", "")
        return render(
            request,
            "audiences/list.html",
            rows=[(one, newest, sentence(read(newest.rule), words)) for one, newest in rows],
            archived=archived,
            told=said(f"said.{told}") if told in ("archived", "restored") else "",
            undo=request.query_params.get("undo", ""),
            local=desk.clock.local,
        )

    @router.get("/new")
    async def new(request: Request, _staff: Editor) -> Response:
        return build(request, Draft(Group()), await desk.words(), page=True)

    @router.get("/{audience_id}")
    async def saved(request: Request, _staff: Editor, audience_id: UUID) -> Response:
        number = request.query_params.get("saved", "")
        told = said("said.new_version", number=number) if number.isascii() and number.isdigit() else ""
        return await one_page(request, audience_id, told=told)

    @router.get("/{audience_id}/versions/{number}")
    async def older(request: Request, _staff: Editor, audience_id: UUID, number: int) -> Response:
        return await one_page(request, audience_id, number=number, told=said("said.based_on", number=number))

    @router.post("/edit")
    async def edit(request: Request, _staff: Editor) -> Response:
        form, draft, words = await form_of(request)
        do, before = form.get("do", ""), form.get("before", "")
        clicked, told = Clicked(draft.rule), ""
        if do == "undo" and isinstance(before, str) and before:
            try:
                clicked = Clicked(read(json.loads(before)), ())
            except (RuleError, ValueError, RecursionError) as error:
                raise HTTPException(422, said("wrong.stale")) from error
        elif isinstance(do, str):
            kind = form.get(f"kind{do.removeprefix('add|').rstrip('|')}", "")
            clicked = click(draft.rule, f"{do}{kind}" if do.startswith("add|") else do)
            told = said("said.full") if clicked.full else said("said.removed") if clicked.undo else ""
        changed = Draft(clicked.rule, draft.id, draft.seen, draft.name, draft.note)
        page = "hx-request" not in request.headers
        return build(request, changed, words, page=page, clicked=clicked, told=told)

    @router.post("/said")
    async def say(request: Request, _staff: Editor) -> Response:
        _, draft, words = await form_of(request)
        shown = spoken(draft.rule, words, check(draft.rule, words))
        return render(request, "audiences/said.html", **shown)

    @router.post("/count")
    async def count(request: Request, staff: Editor) -> Response:
        _, draft, words = await form_of(request)
        if any(one.blocks for one in check(draft.rule, words)):
            return render(request, "audiences/counted.html", counted=None, running=0, failed="")
        found = await looking.count(desk, staff, draft.rule, PATIENCE)
        return render(request, "audiences/counted.html", failed=said("wrong.count_failed"), **found)

    @router.post("/why")
    async def why(request: Request, staff: Editor) -> Response:
        form, draft, words = await form_of(request)
        query, chosen = form.get("q", ""), form.get("patient", "")
        found = await looking.why(desk, staff, draft.rule, words, str(query)[:60], str(chosen)[:40])
        trouble = said(f"wrong.{found.trouble}") if found.trouble else ""
        return render(
            request, "audiences/why.html", found=found, trouble=trouble, statuses=load("words")["statuses"]
        )

    @router.post("/save")
    async def save(request: Request, staff: Editor) -> Response:
        _, draft, words = await form_of(request)
        done = await saving.save(desk, staff, draft, check(draft.rule, words))
        partly = "hx-request" in request.headers
        if done.version is not None:
            target = f"/content/audiences/{done.version.audience_id}?saved={done.version.number}"
            return Response(headers={"HX-Redirect": target}) if partly else RedirectResponse(target, 303)
        values = dict(done.values)
        if done.newer is not None:
            values["sentence"] = sentence(read(done.newer.rule), words)
            draft = Draft(draft.rule, draft.id, done.newer.number, draft.name, draft.note)
        wrong = said(f"wrong.{done.wrong}", **values)
        return build(
            request, draft, words, page=not partly, wrong=wrong, marked=True, status=200 if partly else 422
        )

    @router.post("/{audience_id}/archive")
    async def archive(staff: Editor, audience_id: UUID, back: Annotated[bool, Form()] = False) -> Response:
        if not await saving.archive(desk, staff, audience_id, back=back):
            raise HTTPException(404)
        if back:
            return RedirectResponse("/content/audiences?said=restored", 303)
        return RedirectResponse(f"/content/audiences?said=archived&undo={audience_id}", 303)

    return router
