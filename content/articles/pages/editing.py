"""The editor: the form, autosave, undo, locks, states kept, and the preview with what the checks found."""

from __future__ import annotations

import asyncio
from dataclasses import asdict
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Body, Form, HTTPException, Query, Request
from pydantic import ValidationError
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.responses import JSONResponse, Response

from channels.sms.template import count_parts
from content.articles import drafts, lint, rendering, workflow
from content.articles.doc import ArticleDoc
from content.articles.drafts import Conflict, Saved
from content.articles.errors import ArticleError, say
from content.articles.models import Article
from content.articles.pages.desk import WRITERS, ArticleDesk, Writer, article_of, names_of, show, told
from content.articles.pages.written import Written
from content.articles.profiles import as_read, reader_of
from content.articles.readability import measure
from content.articles.revisions import compare
from content.media import service as media
from web.shell import back_to
from web.signin.access import may
from web.signin.models import StaffUser

Version = Annotated[int, Form(ge=1)]


def add_routes(router: APIRouter, desk: ArticleDesk) -> None:
    """`/content/articles/{slug}/edit` and what its script asks for."""

    @router.get("/{slug}/edit")
    async def edit(request: Request, staff: Writer, slug: str) -> Response:
        async with desk.database.write("edit article") as session:
            article = await article_of(session, slug)
            try:
                draft = await drafts.begin(session, article, staff=staff, now=desk.clock.now())
            except ArticleError:
                return back_to(f"/content/articles/{slug}", said="in_review")
            lock = await drafts.lock(session, article, staff=staff)
            names = await names_of(session, [lock.held_by, draft.saved_by])
            doc = ArticleDoc.from_json(draft.doc)
            pictures = await media.pictures(session, doc.media())
        looked = await asyncio.to_thread(_looked_at, desk, doc, pictures)
        return show(
            desk,
            request,
            "edit.html",
            article=article,
            form=form_of(doc),
            version=draft.version,
            lock=lock,
            holder=names[lock.held_by],
            saved_at=draft.saved_at,
            looked=looked,
        )

    @router.post("/{slug}/save")
    async def save(
        staff: Writer,
        slug: str,
        doc: Annotated[dict[str, Any], Body()],
        version: Annotated[int, Body(ge=1)],
        kind: Annotated[Literal["autosave", "saved"], Body()] = "autosave",
    ) -> Response:
        written = _written(doc).doc()
        async with desk.database.write("save article") as session:
            article = await article_of(session, slug)
            try:
                result = await drafts.save(
                    session, article, written, version=version, staff=staff, now=desk.clock.now(), kind=kind
                )
            except ArticleError as error:
                return JSONResponse({"detail": str(error)}, 409)
            return await _saved(session, desk, result, written)

    @router.post("/{slug}/preview")
    async def preview(
        _staff: Writer,
        slug: str,
        doc: Annotated[dict[str, Any], Body()],
        reader: Annotated[int, Body(ge=0, le=20)] = 0,
    ) -> Response:
        """`reader`: 0 somebody nothing is known of, else the number of the variation whose readers see it so."""
        written = _written(doc).doc()
        async with desk.database.read("preview article") as session:
            pictures = await media.pictures(session, written.media())
        return JSONResponse(await asyncio.to_thread(_looked_at, desk, written, pictures, reader))

    @router.post("/{slug}/step/{step}")
    async def stepped(
        staff: Writer, slug: str, step: Literal["undo", "redo"], version: Annotated[int, Body(embed=True)]
    ) -> Response:
        move = drafts.undo if step == "undo" else drafts.redo
        async with desk.database.write("undo article") as session:
            article = await article_of(session, slug)
            result = await move(session, article, version=version, staff=staff, now=desk.clock.now())
            if result is None:
                return JSONResponse({"detail": told("labels", f"nothing_to_{step}")}, 404)
            draft = await drafts.find(session, article.id)
            assert draft is not None
            return await _saved(session, desk, result, ArticleDoc.from_json(draft.doc))

    @router.post("/{slug}/lock/take")
    async def take_over(staff: Writer, slug: str) -> Response:
        async with desk.database.write("lock article") as session:
            article = await article_of(session, slug)
            await drafts.lock(session, article, staff=staff, take_over=True)
        return back_to(f"/content/articles/{slug}/edit", said="taken_over")

    @router.post("/{slug}/lock/keep")
    async def keep(staff: Writer, slug: str) -> Response:
        """The page is open: the lock stays; tells when somebody else has it by now."""
        async with desk.database.write("lock article") as session:
            article = await article_of(session, slug)
            try:
                lock = await drafts.lock(session, article, staff=staff)
            except ArticleError as error:
                return JSONResponse({"detail": str(error)}, 409)
            names = await names_of(session, [lock.held_by])
        if lock.mine:
            return JSONResponse({"mine": True})
        return JSONResponse({"mine": False, "detail": say("errors", "locked", name=names[lock.held_by])})

    @router.get("/{slug}/states")
    async def states(
        request: Request, staff: Writer, slug: str, look: Annotated[UUID | None, Query()] = None
    ) -> Response:
        """Earlier states of the draft; `look`: one of them beside what is there now."""
        async with desk.database.read("article states") as session:
            article = await article_of(session, slug)
            draft = await drafts.find(session, article.id)
            if draft is None:
                return back_to(f"/content/articles/{slug}")
            kept = await drafts.history(session, article.id)
            names = await names_of(session, [one.saved_by for one in kept])
            seen = next((one for one in kept if one.id == look), None)
        changes = compare(ArticleDoc.from_json(draft.doc), ArticleDoc.from_json(seen.doc)) if seen else []
        return show(
            desk,
            request,
            "states.html",
            article=article,
            draft=draft,
            kept=kept,
            names=names,
            seen=seen,
            changes=changes,
        )

    @router.post("/{slug}/restore")
    async def restore(staff: Writer, slug: str, state: Annotated[UUID, Form()], version: Version) -> Response:
        async with desk.database.write("restore article") as session:
            article = await article_of(session, slug)
            try:
                result = await drafts.restore(
                    session, article, state, version=version, staff=staff, now=desk.clock.now()
                )
            except ArticleError as error:
                raise HTTPException(409, str(error)) from error
        if isinstance(result, Conflict):
            return back_to(f"/content/articles/{slug}/states", said="newer")
        return back_to(f"/content/articles/{slug}/edit", said="restored")

    @router.post("/{slug}/submit")
    async def submit(
        staff: Writer, slug: str, version: Version, note: Annotated[str, Form(max_length=300)] = ""
    ) -> Response:
        async with desk.database.write("submit article") as session:
            article = await article_of(session, slug)
            draft = await drafts.find(session, article.id)
            if draft is None:
                return back_to(f"/content/articles/{slug}")
            if draft.version != version:
                return back_to(f"/content/articles/{slug}/edit", said="newer")
            doc = ArticleDoc.from_json(draft.doc)
            pictures = await media.pictures(session, doc.media())
            found = await asyncio.to_thread(_findings, desk, doc, pictures)
            try:
                await workflow.submit(
                    session,
                    article,
                    staff=staff,
                    now=desk.clock.now(),
                    note=note,
                    problems=lint.errors(found),
                )
            except ArticleError as error:
                raise HTTPException(409, str(error)) from error
        return back_to(f"/content/articles/{slug}", said="submitted")


def _written(raw: dict[str, Any]) -> Written:
    """Raises 422 with a Chinese sentence for what no form of ours sends."""
    try:
        return Written.model_validate(raw)
    except ValidationError as error:
        where = "、".join(
            sorted({told("fields", str(one["loc"][0])) for one in error.errors() if one["loc"]})
        )
        raise HTTPException(422, told("labels", "not_a_draft", where=where)) from error


async def _saved(
    session: AsyncSession, desk: ArticleDesk, result: Saved | Conflict, written: ArticleDoc
) -> Response:
    if isinstance(result, Saved):
        body = {
            "version": result.version,
            "saved_at": f"{desk.clock.local():%H:%M:%S}",
            "doc": form_of(written),
        }
        return JSONResponse(body)
    names = await names_of(session, [result.saved_by, result.locked_by])
    if result.locked_by:
        said = say("errors", "locked", name=names[result.locked_by])
    else:
        said = told("labels", "overtaken", name=names[result.saved_by])
    return JSONResponse({"detail": said, "kept": str(result.kept), "version": result.version}, 409)


def _findings(desk: ArticleDesk, doc: ArticleDoc, pictures: rendering.Pictures) -> list[lint.Finding]:
    """Some 20 ms of CPU: call it in a thread."""
    return lint.check(doc, lint.Known(media=set(pictures), frame=desk.frame))


def _looked_at(
    desk: ArticleDesk, doc: ArticleDoc, pictures: rendering.Pictures, reader: int = 0
) -> dict[str, Any]:
    """How it looks to a reader on every channel, what the checks found, and how hard it is to read; call it in a thread.

    WeChat's inline styles come as `data-style`: our pages' policy forbids inline ones, the script sets them one by one.
    """
    level = measure(doc.body)
    when = doc.variations[reader - 1].when if 0 < reader <= len(doc.variations) else None
    seen = as_read(doc, reader_of(when)) if when is not None else doc
    whole = desk.frame.whole(doc.sms) if doc.sms else ""
    return {
        "page": rendering.render_page(seen.body, pictures).html,
        "wechat": rendering.render_wechat(seen, pictures).html.replace(' style="', ' data-style="'),
        "sms": whole,
        "sms_parts": count_parts(whole) if whole else 0,
        "findings": [
            {**asdict(one), "name": told("fields", one.field.split(".")[0])}
            for one in _findings(desk, doc, pictures)
        ],
        "level": {
            "grade": level.grade,
            "characters": level.characters,
            "said": told("levels", level.verdict or "none"),
        },
    }


def form_of(doc: ArticleDoc) -> dict[str, Any]:
    """The document as the form's script fills itself in: the shape of `Written`."""
    raw = doc.to_json()
    video = raw.pop("video") or {}
    raw["audience"] = _audience(raw["audience"])
    for one in raw["variations"]:
        one["when"] = _audience(one["when"])
    return {**raw, "video_title": video.get("title", ""), "video_url": video.get("url", "")}


def _audience(raw: dict[str, Any]) -> dict[str, Any]:
    first, last = raw.pop("weeks", None) or (None, None)
    return {**raw, "weeks_from": first, "weeks_to": last}


def may_edit(article: Article, staff: StaffUser) -> bool:
    """Whether the button to edit is shown."""
    return article.pending_revision is None and may(staff, WRITERS)
