"""`/content/questions` and `/content/faq`: what patients asked in vain, and the entries that answer."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Form, HTTPException, Query, Request
from starlette.responses import RedirectResponse, Response

from content.faq import editing
from content.faq.form import EntryForm, entry_form
from content.faq.questions import service as questions
from content.faq.rules import check, limits
from content.faq.search import FaqIndex, Near
from content.faq.shown import TEMPLATES, FaqWords
from content.sms.lint import Finding, SmsFrame
from language.private import MASK
from store import audit
from store.clock import Clock
from store.database import Database
from web.security import csrf_protect
from web.shell import add_templates, render
from web.signin.models import Role, StaffUser
from web.signin.pages import require
from web.words import query_of

add_templates("faq", TEMPLATES)

EDITORS = (Role.EDITOR, Role.CLINICAL_REVIEWER)
"""Who reads what patients asked in vain, and writes the answers."""
Editor = Annotated[StaffUser, Depends(require(*EDITORS))]
Slug = Annotated[str, Form(max_length=100)]
Values = Annotated[EntryForm, Depends(entry_form)]


@dataclass(frozen=True, slots=True)
class FaqDesk:
    """What the server hands in. `regroup` groups the questions now; `same`: cosine of nearly identical questions."""

    database: Database
    clock: Clock
    index: FaqIndex
    frame: SmsFrame
    regroup: Callable[[], Awaitable[int]]
    same: float


def faq_router(desk: FaqDesk) -> APIRouter:
    """The pages and their buttons."""
    router = APIRouter(prefix="/content", include_in_schema=False, dependencies=[Depends(csrf_protect)])
    words = FaqWords()

    def show(request: Request, template: str, status: int = 200, **context: Any) -> Response:
        said = request.query_params.get("said", "")
        return render(
            request,
            f"faq/{template}",
            status,
            words=words,
            query_of=query_of,
            local=desk.clock.local,
            said=words("said", said) if said in words.known("said") else "",
            said_kind="error" if said in ("gone", "nothing_new") else "success",
            undo=request.query_params.get("undo", ""),
            **context,
        )

    def note(session: Any, staff: StaffUser, action: str, subject: str, **detail: Any) -> None:
        audit.record(
            session,
            actor=audit.subject_of("staff", staff.id),
            action=action,
            subject=subject,
            at=desk.clock.now(),
            detail=detail,
        )

    async def form_page(
        request: Request,
        form: EntryForm,
        *,
        target: str,
        slug: str = "",
        state: str = "",
        group: questions.GroupView | None = None,
        findings: list[Finding] | None = None,
        near: list[Near] | None = None,
        status: int = 200,
    ) -> Response:
        async with desk.database.read("faq form") as session:
            known = await editing.categories(session)
        return show(
            request,
            "entry.html",
            status,
            form=form,
            target=target,
            slug=slug,
            state=state,
            group=group,
            findings=findings or [],
            near=near or [],
            categories=known,
            frame=desk.frame,
            limits=limits(),
        )

    async def problems(form: EntryForm, slug: str) -> tuple[list[Finding], list[Near]]:
        """What keeps it from being saved, and nearly identical questions of other entries not yet shown."""
        if not form.publish:
            return ([] if form.question else [Finding("question", "missing")]), []
        found = check(form.values(), desk.frame)
        if found:
            return found, []
        near = await desk.index.near([form.question, *form.similar], desk.same, slug)
        return [], [] if {one.entry_id for one in near} <= set(form.seen) else near

    @router.get("")
    async def home(_staff: Editor) -> Response:
        return RedirectResponse("/content/questions", 303)

    @router.get("/questions")
    async def asked(
        request: Request,
        staff: Editor,
        state: Annotated[str, Query(pattern="^(open|answered|dismissed)$")] = "open",
        q: Annotated[str, Query(max_length=60)] = "",
        people: Annotated[int, Query(ge=1, le=1000)] = 1,
    ) -> Response:
        async with desk.database.write("read questions") as session:
            groups = await questions.listed(session, desk.clock.local().date(), state, q, people)
            now = desk.clock.now()
            audit.read(session, staff.id, ["unanswered_questions"], now, "questions", groups=len(groups))
            numbers = await questions.counts(session)
            waiting = await questions.waiting(session)
        return show(
            request,
            "questions.html",
            groups=groups,
            counts=numbers,
            waiting=waiting,
            state=state,
            q=q,
            people=people,
        )

    @router.post("/questions/group")
    async def regroup(_staff: Editor) -> Response:
        await desk.regroup()
        return _to("/content/questions", said="grouped")

    async def group_of(group_id: UUID, staff: StaffUser) -> questions.GroupView:
        async with desk.database.write("read question") as session:
            group = await questions.one(session, group_id, desk.clock.local().date())
            whom = [audit.subject_of("question_group", group_id)]
            audit.read(session, staff.id, whom, desk.clock.now(), "questions")
        if group is None:
            raise HTTPException(404)
        return group

    @router.get("/questions/{group_id}/entry")
    async def new_from(request: Request, staff: Editor, group_id: UUID) -> Response:
        group = await group_of(group_id, staff)
        texts = [one.text for one in group.wordings if MASK not in one.text]
        form = EntryForm(
            question=f"{texts[0].rstrip('?？ ')}？" if texts else "",
            similar=texts[1:20],
            category=group.nearest[0].category if group.nearest else "",
        )
        return await form_page(request, form, target=f"/content/questions/{group_id}/entry", group=group)

    @router.post("/questions/{group_id}/entry")
    async def save_from(request: Request, staff: Editor, group_id: UUID, form: Values) -> Response:
        group = await group_of(group_id, staff)
        target = f"/content/questions/{group_id}/entry"
        slug = group.row.entry_slug or ""
        found, near = await problems(form, slug)
        if found or near:
            return await form_page(
                request, form, target=target, group=group, findings=found, near=near, status=422
            )
        now = desk.clock.now()
        async with desk.database.write("make entry") as session:
            entry = await editing.save(session, form.values(), now=now, status=form.status, slug=slug)
            if entry is None:  # the draft it had is gone
                entry = await editing.save(session, form.values(), now=now, status=form.status)
            assert entry is not None
            state = "answered" if form.publish else "open"
            await questions.decide(
                session, group_id, state, staff_id=staff.id, now=now, entry_slug=entry.slug
            )
            note(session, staff, "create", f"faq:{entry.slug}", group=str(group_id), status=form.status)
            slug = entry.slug
        return _to(f"/content/faq/{slug}", said="published" if form.publish else "drafted")

    @router.post("/questions/{group_id}/assign")
    async def assign(staff: Editor, group_id: UUID, slug: Slug) -> Response:
        group = await group_of(group_id, staff)
        now = desk.clock.now()
        texts = [one.text for one in group.wordings if MASK not in one.text]
        async with desk.database.write("assign question") as session:
            fresh = await editing.add_similar(session, slug, texts, now)
            if fresh is None:
                raise HTTPException(404)
            await questions.decide(session, group_id, "answered", staff_id=staff.id, now=now, entry_slug=slug)
            note(session, staff, "update", f"faq:{slug}", group=str(group_id), similar=len(fresh))
        return _to("/content/questions", said="assigned")

    async def decided(staff: StaffUser, group_id: UUID, state: str) -> bool:
        async with desk.database.write("decide question") as session:
            done = await questions.decide(session, group_id, state, staff_id=staff.id, now=desk.clock.now())
            note(session, staff, "update", audit.subject_of("question_group", group_id), state=state)
        return done

    @router.post("/questions/{group_id}/dismiss")
    async def dismiss(staff: Editor, group_id: UUID) -> Response:
        if not await decided(staff, group_id, "dismissed"):
            return _to("/content/questions", said="gone")
        return _to("/content/questions", said="dismissed", undo=str(group_id))

    @router.post("/questions/{group_id}/reopen")
    async def reopen(staff: Editor, group_id: UUID) -> Response:
        done = await decided(staff, group_id, "open")
        return _to("/content/questions", said="reopened" if done else "gone")

    @router.get("/faq")
    async def entries(
        request: Request,
        staff: Editor,
        state: Annotated[str, Query(pattern="^(published|draft|withdrawn)$")] = "published",
        category: Annotated[str, Query(max_length=60)] = "",
        q: Annotated[str, Query(max_length=60)] = "",
    ) -> Response:
        async with desk.database.read("faq list") as session:
            found = await editing.listed(session, state, category, q)
            numbers = await editing.counts(session)
            known = await editing.categories(session)
        return show(
            request,
            "entries.html",
            entries=found,
            counts=numbers,
            categories=known,
            state=state,
            category=category,
            q=q,
            most=editing.SHOWN,
        )

    @router.get("/faq/near")
    async def alike(request: Request, staff: Editor) -> Response:
        pairs = await desk.index.twins(desk.same)
        async with desk.database.read("faq twins") as session:
            both = {
                one.slug: one
                for one in await editing.listed_by_slugs(
                    session, {slug for pair in pairs for slug in (pair.one, pair.other)}
                )
            }
        shown = [pair for pair in pairs if pair.one in both and pair.other in both]
        return show(request, "near.html", pairs=shown, entries=both)

    @router.post("/faq/merge")
    async def merge(staff: Editor, keep: Slug, drop: Slug) -> Response:
        async with desk.database.write("merge entries") as session:
            done = await editing.merge(session, keep, drop, desk.clock.now())
            note(session, staff, "update", f"faq:{keep}", merged=drop, done=done)
        return _to("/content/faq/near", said="merged" if done else "gone")

    @router.get("/faq/new")
    async def new(request: Request, staff: Editor) -> Response:
        return await form_page(request, EntryForm(), target="/content/faq/new")

    @router.post("/faq/new")
    async def create(request: Request, staff: Editor, form: Values) -> Response:
        found, near = await problems(form, "")
        if found or near:
            return await form_page(
                request, form, target="/content/faq/new", findings=found, near=near, status=422
            )
        async with desk.database.write("make entry") as session:
            entry = await editing.save(session, form.values(), now=desk.clock.now(), status=form.status)
            assert entry is not None
            note(session, staff, "create", f"faq:{entry.slug}", status=form.status)
            slug = entry.slug
        return _to(f"/content/faq/{slug}", said="published" if form.publish else "drafted")

    @router.get("/faq/{slug}")
    async def edit(request: Request, staff: Editor, slug: str) -> Response:
        async with desk.database.read("faq entry") as session:
            entry = await editing.get(session, slug)
        if entry is None:
            raise HTTPException(404)
        form = EntryForm.of(entry)
        return await form_page(request, form, target=f"/content/faq/{slug}", slug=slug, state=entry.status)

    @router.post("/faq/{slug}")
    async def change(request: Request, staff: Editor, slug: str, form: Values) -> Response:
        found, near = await problems(form, slug)
        if found or near:
            async with desk.database.read("faq entry") as session:
                entry = await editing.get(session, slug)
            if entry is None:
                raise HTTPException(404)
            return await form_page(
                request,
                form,
                target=f"/content/faq/{slug}",
                slug=slug,
                state=entry.status,
                findings=found,
                near=near,
                status=422,
            )
        async with desk.database.write("change entry") as session:
            entry = await editing.save(
                session, form.values(), now=desk.clock.now(), status=form.status, slug=slug
            )
            if entry is None:
                raise HTTPException(404)
            note(session, staff, "update", f"faq:{slug}", status=form.status, revision=entry.revision)
        return _to(f"/content/faq/{slug}", said="published" if form.publish else "drafted")

    @router.post("/faq/{slug}/withdraw")
    async def withdraw(staff: Editor, slug: str) -> Response:
        async with desk.database.write("withdraw entry") as session:
            entry = await editing.set_status(session, slug, "withdrawn", desk.clock.now())
            if entry is None:
                raise HTTPException(404)
            note(session, staff, "update", f"faq:{slug}", status="withdrawn", revision=entry.revision)
        return _to(f"/content/faq/{slug}", said="withdrawn")

    return router


def _to(path: str, **query: str) -> Response:
    return RedirectResponse(f"{path}?{query_of(query)}", 303)
