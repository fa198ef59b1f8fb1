"""Building a draft by clicking: settings, questions, groups, scales, red flags; each form saves one part and leaves the rest alone."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from typing import Annotated, Any

from fastapi import APIRouter, HTTPException, Query, Request
from starlette.responses import Response

from care.questionnaires import extensions as ext
from care.questionnaires import publishing
from care.questionnaires.definition import CHANNELS, DefinitionError, read_definition
from care.questionnaires.editor import drafts, sentences, tree
from care.questionnaires.editor.desk import HOME, QuestionnaireDesk, Writer, show, understood
from care.questionnaires.editor.drafts import DraftError
from care.questionnaires.editor.filling import item_page, rule_page, scale_page
from care.questionnaires.editor.forms import (
    Form,
    put_part,
    read_conditions,
    read_item,
    read_rule,
    read_scale,
    read_settings,
)
from care.questionnaires.editor.models import QuestionnaireDraft
from care.questionnaires.editor.tree import Raw
from care.questionnaires.editor.trying import tried
from care.questionnaires.errors import words
from care.questionnaires.items import PREFILLS
from web.shell import back_to

Id = Annotated[str, Query(max_length=60)]
PARTS = {"scale": ext.SCALE, "rule": ext.RED_FLAG}


def building_router(desk: QuestionnaireDesk) -> APIRouter:
    """Under `/content/questionnaires/{name}/draft`."""
    router = APIRouter(prefix="/{name}/draft")

    async def draft_of(session: Any, name: str) -> QuestionnaireDraft:
        draft = await drafts.get(session, name)
        if draft is None:
            raise HTTPException(404, words()("refused", "draft_gone"))
        return draft

    async def raw_of(name: str) -> tuple[Raw, int]:
        async with desk.database.read("draft") as session:
            draft = await draft_of(session, name)
            return deepcopy(draft.definition), draft.edition

    async def form_of(request: Request) -> Form:
        return Form(await request.form(max_files=0, max_fields=500))

    async def keep(staff: Any, name: str, form: Form, change: Callable[[Raw], str | None]) -> str:
        """Save what `change` makes of the draft; the problem, if there is one, in words. `change` names what may be wrong."""
        edition = int(form.text("edition") or 0)
        try:
            async with desk.database.write("build questionnaire") as session:
                raw = deepcopy((await draft_of(session, name)).definition)
                where = change(raw)
                problem = _problem_at(raw, where)
                if problem:
                    return problem
                await drafts.save(session, raw, staff=staff, now=desk.clock.now(), edition=edition)
                drafts.note(session, staff.id, "update", name, desk.clock.now())
        except DefinitionError as error:
            return str(error)
        except DraftError as error:
            return words()("refused", error.key)
        return ""

    @router.get("")
    async def draft(
        request: Request, staff: Writer, name: str, channel: Annotated[str, Query(max_length=10)] = "wechat"
    ) -> Response:
        async with desk.database.read("draft") as session:
            row = await draft_of(session, name)
            definition, problem = understood(row.definition)
            changes = await drafts.changed(session, name, definition) if definition is not None else []
            refused = await drafts.refusal(session, row, staff) if definition is not None else None
            first = not await publishing.history(session, name)
        offers = sentences.triggers(definition.items, definition.scales) if definition is not None else []
        flags = definition.flags if definition is not None else ()
        return show(
            desk,
            request,
            "draft.html",
            draft=row,
            raw=row.definition,
            rows=list(tree.walk(row.definition)),
            definition=definition,
            wrong=problem,
            changes=changes,
            first=first,
            refused=words()("refused", refused) if refused else "",
            rules=[(one, sentences.say_rule(one.when, one.every, offers)) for one in flags],
            trial=tried(definition, Form(request.query_params), desk.speak, channel)  # type: ignore[arg-type]
            if definition is not None
            else None,
            channel=channel,
            which="draft",
            name=name,
        )

    @router.get("/settings")
    async def settings(request: Request, _staff: Writer, name: str) -> Response:
        raw, edition = await raw_of(name)
        return show(desk, request, "settings.html", **_settings(raw), name=name, edition=edition)

    @router.post("/settings")
    async def save_settings(request: Request, staff: Writer, name: str) -> Response:
        form = await form_of(request)

        def change(raw: Raw) -> str:
            if not form.text("title"):
                raise DefinitionError("missing", None, field=words()("fields", "title"))
            read_settings(form, raw)
            return ""

        problem = await keep(staff, name, form, change)
        if not problem:
            return back_to(f"{HOME}/{name}/draft", said="saved")
        raw, edition = await raw_of(name)
        try:
            read_settings(form, raw)
        except DefinitionError as error:
            problem = str(error)
        return show(
            desk, request, "settings.html", 422, **_settings(raw), name=name, edition=edition, problem=problem
        )

    @router.get("/item")
    async def item(
        request: Request, _staff: Writer, name: str, link_id: Id = "", kind: Id = "choice"
    ) -> Response:
        raw, edition = await raw_of(name)
        entry = tree.entry_of(raw, link_id) or {
            "type": kind if kind in (*words().known("types"), "group") else "choice"
        }
        values = item_page(raw, entry, None)
        return show(
            desk, request, "item.html", **values, name=name, edition=edition, prefills=sorted(PREFILLS)
        )

    @router.post("/item")
    async def save_item(request: Request, staff: Writer, name: str) -> Response:
        form = await form_of(request)
        sent = form.text("link_id")

        def change(raw: Raw) -> str:
            old = tree.entry_of(raw, sent) or {}
            is_group = form.text("type") == "group"
            link_id = sent or tree.fresh(raw, "g" if is_group else "q")
            if is_group:
                entry = {**old, "linkId": link_id, "type": "group", "text": form.text("text")}
                entry |= read_conditions(form, entry, link_id)
                entry.setdefault("item", [])
            else:
                entry = read_item(form, old, link_id)
            tree.put(raw, entry, "" if is_group else form.text("group"), sent)
            return link_id

        problem = "" if form.on("more") else await keep(staff, name, form, change)
        if not problem and not form.on("more"):
            return back_to(f"{HOME}/{name}/draft", said="saved")
        raw, edition = await raw_of(name)
        entry = tree.entry_of(raw, sent) or {"type": form.text("type")}
        values = item_page(raw, entry, form)
        status = 422 if problem else 200
        context = {
            **values,
            "name": name,
            "edition": edition,
            "prefills": sorted(PREFILLS),
            "problem": problem,
        }
        return show(desk, request, "item.html", status, **context)

    @router.post("/arrange")
    async def arrange(request: Request, staff: Writer, name: str) -> Response:
        form = await form_of(request)
        link_id, act = form.text("link_id"), form.text("act")

        def change(raw: Raw) -> None:
            if act == "remove":
                tree.remove(raw, link_id)
            else:
                tree.move(raw, link_id, -1 if act == "up" else 1)

        problem = await keep(staff, name, form, change)
        if problem:
            raise HTTPException(409, problem)
        return back_to(f"{HOME}/{name}/draft", said="removed" if act == "remove" else "moved")

    @router.get("/{part}")
    async def part(request: Request, _staff: Writer, name: str, part: str, code: Id = "") -> Response:
        raw, edition = await raw_of(name)
        if part not in PARTS:
            raise HTTPException(404)
        values = scale_page(raw, code, None) if part == "scale" else rule_page(raw, code, None)
        return show(desk, request, f"{part}.html", **values, name=name, edition=edition)

    @router.post("/{part}")
    async def save_part(request: Request, staff: Writer, name: str, part: str) -> Response:
        if part not in PARTS:
            raise HTTPException(404)
        form = await form_of(request)
        sent = form.text("code")

        def change(raw: Raw) -> str:
            if form.text("act") == "remove":
                put_part(raw, PARTS[part], sent, None)
                return ""
            code = sent or _fresh_code(raw, part)
            put_part(
                raw, PARTS[part], code, read_scale(form, code) if part == "scale" else read_rule(form, code)
            )
            return code

        problem = "" if form.on("more") else await keep(staff, name, form, change)
        if not problem and not form.on("more"):
            return back_to(
                f"{HOME}/{name}/draft", said="removed" if form.text("act") == "remove" else "saved"
            )
        raw, edition = await raw_of(name)
        values = scale_page(raw, sent, form) if part == "scale" else rule_page(raw, sent, form)
        context = {**values, "name": name, "edition": edition, "problem": problem}
        return show(desk, request, f"{part}.html", 422 if problem else 200, **context)

    @router.post("/do/{act}")
    async def act(request: Request, staff: Writer, name: str, act: str) -> Response:
        now = desk.clock.now()
        try:
            async with desk.database.write(f"{act} questionnaire") as session:
                row = await draft_of(session, name)
                if act == "hand-in":
                    await drafts.hand_in(session, row, now=now)
                elif act == "take-back":
                    row.submitted_at = None
                elif act == "publish":
                    await drafts.publish(session, row, staff=staff, now=now)
                elif act == "discard":
                    await drafts.discard(session, name)
                else:
                    raise HTTPException(404)
                drafts.note(session, staff.id, "update", name, now, state=act)
        except (DefinitionError, DraftError) as error:
            said = words()("refused", error.key) if isinstance(error, DraftError) else str(error)
            raise HTTPException(409, said) from error
        target = {"publish": f"{HOME}/{name}", "discard": HOME}.get(act, f"{HOME}/{name}/draft")
        return back_to(target, said=act)

    return router


def _problem_at(raw: Raw, where: str | None) -> str:
    """What is wrong with the part just changed. What is wrong elsewhere may wait until the draft is handed in."""
    if not where:
        return ""
    try:
        read_definition(raw)
    except DefinitionError as error:
        return str(error) if error.where == where and error.key != "empty_group" else ""
    return ""


def _settings(raw: Raw) -> dict[str, Any]:
    shows = ext.value(raw, ext.SHOWS_RESULT)
    return {
        "raw": raw,
        "purpose": ext.value(raw, ext.PURPOSE) or "survey",
        "minutes": ext.value(raw, ext.MINUTES) or "",
        "shows_result": shows is not False,
        "chosen_channels": ext.values(raw, ext.CHANNEL) or CHANNELS,
        "sources": "\n".join(ext.values(raw, ext.SOURCE)),
    }


def _fresh_code(raw: Raw, part: str) -> str:
    """`total` for the first scale, then `scale1`…; `rule1`… for red flags."""
    taken = {str(ext.value(one, "code")) for url in PARTS.values() for one in ext.all_of(raw, url)}
    if part == "scale" and "total" not in taken:
        return "total"
    return tree.fresh(raw, part, iter(taken))
