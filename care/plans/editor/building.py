"""Building a draft by clicking: settings, steps, what to take back; each form saves one part and leaves the rest alone."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from typing import Annotated, Any

from fastapi import APIRouter, HTTPException, Query, Request
from starlette.responses import Response

from care.plans.definition import ALWAYS_STOPS, ANCHORS, CHANNELS, KINDS, LATE, STOPS, WORKDAYS, read_plan
from care.plans.editor import drafts, forms, shown
from care.plans.editor.desk import HOME, PlanDesk, Writer, offers_of, show, words
from care.plans.editor.drafts import DraftError, Raw
from care.plans.editor.looking import draft_page
from care.plans.errors import PlanError
from care.questionnaires.editor.forms import Form
from web.shell import back_to
from web.signin.models import StaffUser

Id = Annotated[str, Query(max_length=40)]
SHIFTS = {"earlier": -1, "later": 1, "week_earlier": -7, "week_later": 7}


def building_router(desk: PlanDesk) -> APIRouter:
    """Under `/content/plans/{name}/draft`."""
    router = APIRouter(prefix="/{name}/draft")

    async def form_of(request: Request) -> Form:
        return Form(await request.form(max_files=0, max_fields=200))

    async def opened(name: str) -> tuple[Raw, int, dict[str, Any]]:
        async with desk.database.read("draft plan") as session:
            try:
                draft = await drafts.get(session, name)
            except DraftError as error:
                raise HTTPException(404, words("refused", error.key)) from error
            return deepcopy(draft.definition), draft.edition, await offers_of(desk, session)

    async def keep(staff: StaffUser, name: str, form: Form, change: Callable[[Raw], str | None]) -> str:
        """Save what `change` makes of the draft; the problem, if there is one, in words. `change` names the step it changed
        ("" for the plan's own fields, None: look at nothing)."""
        try:
            async with desk.database.write("build plan") as session:
                draft = await drafts.get(session, name, lock=True)
                raw = deepcopy(draft.definition)
                if problem := _problem_at(raw, change(raw)):
                    return problem
                edition = int(form.number("edition", "edition") or 0)
                await drafts.save(session, draft, raw, staff=staff, now=desk.clock.now(), edition=edition)
                drafts.note(session, staff.id, "update", name, desk.clock.now())
        except DraftError as error:
            return words("refused", error.key, **error.values)
        return ""

    @router.get("")
    async def draft(request: Request, staff: Writer, name: str) -> Response:
        return await draft_page(desk, request, staff, name)

    @router.get("/settings")
    async def settings(request: Request, _staff: Writer, name: str) -> Response:
        raw, edition, offers = await opened(name)
        return _settings_page(desk, request, name, raw, edition, offers)

    @router.post("/settings")
    async def save_settings(request: Request, staff: Writer, name: str) -> Response:
        form = await form_of(request)

        def change(raw: Raw) -> str:
            forms.read_settings(form, raw)
            return ""

        problem = await keep(staff, name, form, change)
        if not problem:
            return back_to(f"{HOME}/{name}/draft", said="saved")
        raw, edition, offers = await opened(name)
        typed = {**raw, **{one: form.text(one) for one in ("title", "anchor", "source", "description")}}
        typed |= {
            "closes_after_days": form.text("closes_after_days"),
            "stops": form.rows("stops"),
            "patients_join": form.text("patients_join") == "on",
        }
        typed |= {one: forms.split(form.text(one)) for one in ("codes", "departments")}
        return _settings_page(desk, request, name, typed, edition, offers, problem)

    @router.get("/step")
    async def step(request: Request, _staff: Writer, name: str, id: Id = "", kind: Id = "") -> Response:
        raw, edition, offers = await opened(name)
        entry = forms.step_of(raw, id)
        if entry is None and kind not in KINDS:
            raise HTTPException(404, words("refused", "no_step"))
        entry = entry or {**deepcopy(forms.NEW_STEP), "kind": kind}
        return _step_page(desk, request, name, raw, entry, edition, offers)

    @router.post("/step")
    async def save_step(request: Request, staff: Writer, name: str) -> Response:
        form = await form_of(request)
        sent, kind = form.text("id"), form.text("kind")
        if kind not in KINDS:
            raise HTTPException(422)

        def change(raw: Raw) -> str:
            old = forms.step_of(raw, sent)
            if sent and old is None:
                raise DraftError("no_step")
            entry = forms.read_step(form, old or {}, sent or forms.fresh_id(raw, kind), kind)
            forms.put_step(raw, entry)
            return str(entry["id"])

        problem = await keep(staff, name, form, change)
        if not problem:
            return back_to(f"{HOME}/{name}/draft", said="saved")
        raw, edition, offers = await opened(name)
        entry = _as_typed(form, forms.step_of(raw, sent) or {"kind": kind})
        return _step_page(desk, request, name, raw, entry, edition, offers, problem)

    @router.post("/arrange")
    async def arrange(request: Request, staff: Writer, name: str) -> Response:
        form = await form_of(request)
        step_id, act = form.text("id"), form.text("act")

        def change(raw: Raw) -> str | None:
            if act == "remove":
                forms.remove_step(raw, step_id)
                return None
            forms.shift_step(raw, step_id, SHIFTS.get(act, 0))
            return step_id

        if problem := await keep(staff, name, form, change):
            raise HTTPException(409, problem)
        return back_to(f"{HOME}/{name}/draft", said="removed" if act == "remove" else "moved")

    @router.post("/do/{act}")
    async def act(request: Request, staff: Writer, name: str, act: str) -> Response:
        form, now = await form_of(request), desk.clock.now()
        try:
            async with desk.database.write(f"{act} plan") as session:
                draft = await drafts.get(session, name, lock=True)
                if act == "undo":
                    edition = int(form.number("edition", "edition") or 0)
                    await drafts.undo(session, draft, staff=staff, now=now, edition=edition)
                elif act == "hand-in":
                    _check_content(desk, draft.definition, await offers_of(desk, session))
                    await drafts.hand_in(session, draft, now=now)
                elif act == "take-back":
                    draft.submitted_at = None
                elif act == "publish":
                    _check_content(desk, draft.definition, await offers_of(desk, session))
                    signed_by = form.text("signed_by")
                    await drafts.publish(session, draft, staff=staff, signed_by=signed_by, now=now)
                elif act == "discard":
                    await drafts.discard(session, draft)
                else:
                    raise HTTPException(404)
                drafts.note(session, staff.id, "update", name, now, state=act)
        except PlanError as error:
            raise HTTPException(409, str(error)) from error
        except DraftError as error:
            raise HTTPException(409, words("refused", error.key, **error.values)) from error
        if act == "publish":
            await desk.published()
        target = {"publish": f"{HOME}/{name}", "discard": HOME}.get(act, f"{HOME}/{name}/draft")
        return back_to(target, said="undone" if act == "undo" else act)

    return router


def _problem_at(raw: Raw, where: str | None) -> str:
    """What is wrong with the part just changed. What is wrong elsewhere may wait until the draft is handed in."""
    if where is None:
        return ""
    try:
        read_plan(raw)
    except PlanError as error:
        own = (
            error.step == where
            if where
            else error.step is None and error.key not in ("no_steps", "closes_early")
        )
        return str(error) if own else ""
    return ""


def _check_content(desk: PlanDesk, raw: Raw, offers: dict[str, list[tuple[str, str]]]) -> None:
    """Raises `DraftError` for a step that names an article or a questionnaire nobody can be sent, or that says by SMS what may not
    be said there."""
    for step_id, short in shown.shorts(raw, desk.short.look, {one for one, _ in offers["slug"]}).items():
        if short.problems:
            title = str((forms.step_of(raw, step_id) or {}).get("title") or step_id)
            raise DraftError("short", title=title, problem=words("rules", "and").join(short.problems))
    for field, key in (("slug", "article"), ("name", "questionnaire")):
        known = {code for code, _ in offers[field]}
        for entry in forms.steps_of(raw):
            content = entry.get("content") or {}
            for value in (content.get(field), content.get("questionnaire") if field == "name" else None):
                if value and value not in known:
                    raise DraftError(key, name=value)


def _settings_page(
    desk: PlanDesk, request: Request, name: str, raw: Raw, edition: int, offers: Any, problem: str = ""
) -> Response:
    return show(
        desk,
        request,
        "settings.html",
        422 if problem else 200,
        name=name,
        raw=raw,
        edition=edition,
        offers=offers,
        anchors=ANCHORS,
        stops=[one for one in STOPS if one not in ALWAYS_STOPS],
        problem=problem,
    )


def _step_page(
    desk: PlanDesk,
    request: Request,
    name: str,
    raw: Raw,
    entry: Raw,
    edition: int,
    offers: Any,
    problem: str = "",
) -> Response:
    kind = entry["kind"]
    asking = [
        (one["id"], one.get("title") or one["id"])
        for one in forms.steps_of(raw)
        if one.get("kind") in ("questionnaire", "offer") and one.get("id") != entry.get("id")
    ]
    return show(
        desk,
        request,
        "step.html",
        422 if problem else 200,
        name=name,
        plan=raw,
        entry=entry,
        kind=kind,
        content=entry.get("content") or {},
        when=entry.get("when") or {},
        edition=edition,
        offers=offers,
        anchors=ANCHORS,
        channels=CHANNELS,
        workdays=WORKDAYS,
        late=LATE,
        asking=asking,
        problem=problem,
    )


def _as_typed(form: Form, entry: Raw) -> Raw:
    """The step as it was typed, numbers that are none included."""
    names = ("title", "days", "at", "workday", "late", "stale_days", "priority", "channel", "anchor")
    typed = {**entry, **{one: form.text(one) for one in names}}
    fields = ("text", "slug", "name", "department", "within_days", "script")
    typed["content"] = {one: form.text(one) for one in fields} | {
        "questionnaire": form.text("with_questionnaire")
    }
    every = forms.CONDITION_WORDS + forms.CONDITION_NUMBERS
    typed["when"] = {one: form.text(f"when_{one}") for one in every} | {
        one: forms.split(form.text(f"when_{one}")) for one in forms.CONDITION_LISTS
    }
    return typed
