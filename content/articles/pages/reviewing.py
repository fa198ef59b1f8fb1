"""One article: its text, its review, its history, comments, and recalling it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Form, HTTPException, Query, Request
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.responses import Response

from care.patients.identity import mask_name
from care.patients.models import Patient
from content.articles import comments, draftbox, drafts, recall, rendering, revisions, service, workflow
from content.articles.doc import ArticleDoc
from content.articles.errors import ArticleError, NotFound
from content.articles.models import Article, ArticleRevision
from content.articles.pages.desk import (
    CARERS,
    RECALLERS,
    WRITERS,
    ArticleDesk,
    Carer,
    Reader,
    Recaller,
    Writer,
    article_of,
    names_of,
    show,
)
from content.articles.pages.editing import may_edit
from content.articles.service import state_of, today_of
from content.media import service as media
from web.shell import back_to
from web.signin.access import may
from web.signin.models import StaffUser

Line = Annotated[str, Form(max_length=1000)]
Act = Callable[[AsyncSession, Article], Awaitable[object]]


def add_routes(router: APIRouter, desk: ArticleDesk) -> None:
    """`/content/articles/{slug}` and its buttons."""

    async def page(
        request: Request, staff: StaffUser, slug: str, status: int = 200, problem: str = ""
    ) -> Response:
        async with desk.database.read("article") as session:
            article = await article_of(session, slug)
            text, revision = await _text(session, article)
            pictures = await media.pictures(session, text.media())
            history = await revisions.history(session, article.id)
            steps = await workflow.steps(session, revision, desk.rules) if revision is not None else []
            decisions = await workflow.sign_offs(session, revision) if revision is not None else []
            said = await comments.listed(session, article.id)
            boxed = await draftbox.put_before(session, article.id)
            reached = await recall.reach(session, slug) if article.published_at is not None else None
            names = await names_of(
                session,
                [
                    *(one.author_id for one in history),
                    *(one.staff_id for one in decisions),
                    *(one.staff_id for one in said),
                    *(one.recalled_by for one in history),
                ],
            )
            drafted = await drafts.find(session, article.id) is not None
        now_at = next((step.stage for step in steps if step.state == "next"), None)
        return show(
            desk,
            request,
            "article.html",
            status,
            article=article,
            state=state_of(article, today_of(desk.clock)),
            doc=text,
            revision=revision,
            html=rendering.render_page(text.body, pictures).html,
            source_line=rendering.source_line(text) if text.sources else "",
            history=history,
            steps=steps,
            decisions=decisions,
            stage=now_at,
            may_sign=now_at is not None and workflow.may_sign(now_at, staff),
            comments=said,
            names=names,
            drafted=drafted,
            reached=reached,
            editable=may_edit(article, staff),
            writer=may(staff, WRITERS),
            recaller=may(staff, RECALLERS),
            carer=may(staff, CARERS),
            problem=problem,
            boxes=sorted(desk.boxes) if revision is not None and revision.state in draftbox.SIGNED else [],
            boxed=boxed,
        )

    async def act(request: Request, staff: StaffUser, slug: str, said: str, do: Act) -> Response:
        """Do it and come back; what cannot be done is said on the page, in words."""
        try:
            async with desk.database.write("article act") as session:
                await do(session, await article_of(session, slug))
        except ArticleError as error:
            return await page(request, staff, slug, 409, str(error))
        return back_to(f"/content/articles/{slug}", said=said)

    @router.get("/{slug}")
    async def article(request: Request, staff: Reader, slug: str) -> Response:
        return await page(request, staff, slug)

    @router.post("/{slug}/sign")
    async def sign(
        request: Request,
        staff: Reader,
        slug: str,
        digest: Annotated[str, Form(max_length=64)],
        checks: Annotated[list[str] | None, Form()] = None,
        remark: Line = "",
    ) -> Response:
        async def do(session: AsyncSession, article: Article) -> None:
            await workflow.sign(
                session,
                article,
                desk.rules,
                staff=staff,
                digest=digest,
                checks=checks or [],
                now=desk.clock.now(),
                today=today_of(desk.clock),
                remark=remark,
            )

        return await act(request, staff, slug, "signed", do)

    @router.post("/{slug}/return")
    async def send_back(
        request: Request,
        staff: Reader,
        slug: str,
        digest: Annotated[str, Form(max_length=64)],
        remark: Line = "",
    ) -> Response:
        async def do(session: AsyncSession, article: Article) -> None:
            await workflow.send_back(
                session,
                article,
                desk.rules,
                staff=staff,
                digest=digest,
                remark=remark,
                now=desk.clock.now(),
            )

        return await act(request, staff, slug, "returned", do)

    @router.post("/{slug}/withdraw")
    async def withdraw(request: Request, staff: Writer, slug: str) -> Response:
        return await act(
            request,
            staff,
            slug,
            "withdrawn",
            lambda session, one: workflow.withdraw(session, one, staff=staff, now=desk.clock.now()),
        )

    @router.post("/{slug}/renew")
    async def renew(request: Request, staff: Writer, slug: str) -> Response:
        return await act(
            request,
            staff,
            slug,
            "submitted",
            lambda session, one: workflow.renew(session, one, staff=staff, now=desk.clock.now()),
        )

    @router.post("/{slug}/recall")
    async def recalled(
        request: Request, staff: Recaller, slug: str, reason: Annotated[str, Form(max_length=300)] = ""
    ) -> Response:
        return await act(
            request,
            staff,
            slug,
            "recalled",
            lambda session, one: recall.recall(
                session, one, reason=reason, staff=staff, now=desk.clock.now()
            ),
        )

    @router.get("/{slug}/recipients")
    async def recipients(
        request: Request, staff: Carer, slug: str, after: Annotated[UUID | None, Query()] = None
    ) -> Response:
        async with desk.database.write("read recipients") as session:
            article = await article_of(session, slug)
            found = await recall.recipients(session, slug, staff=staff, now=desk.clock.now(), after=after)
            ids = {one.patient_id for one in found if one.patient_id is not None}
            patients = await session.scalars(select(Patient).where(Patient.id.in_(ids)))
            people = dict.fromkeys(ids, "") | {one.id: mask_name(one.name) for one in patients}
            reached = await recall.reach(session, slug)
        return show(
            desk, request, "recipients.html", article=article, found=found, people=people, reached=reached
        )

    @router.post("/{slug}/comments")
    async def comment(
        request: Request,
        staff: Reader,
        slug: str,
        text: Annotated[str, Form(min_length=1, max_length=2000)],
        quote: Annotated[str, Form(max_length=300)] = "",
    ) -> Response:
        return await act(
            request,
            staff,
            slug,
            "commented",
            lambda session, one: comments.add(
                session,
                one,
                text,
                staff=staff,
                now=desk.clock.now(),
                quote=quote,
                number=one.pending_revision or one.live_revision,
            ),
        )

    @router.post("/{slug}/comments/{comment_id}/settle")
    async def settle(
        request: Request, staff: Reader, slug: str, comment_id: UUID, done: Annotated[bool, Form()] = True
    ) -> Response:
        return await act(
            request,
            staff,
            slug,
            "settled",
            lambda session, one: comments.settle(
                session, one, comment_id, staff=staff, now=desk.clock.now(), done=done
            ),
        )

    @router.get("/{slug}/compare")
    async def compared(
        request: Request,
        _staff: Reader,
        slug: str,
        old: Annotated[int, Query(ge=1)],
        new: Annotated[int, Query(ge=1)],
    ) -> Response:
        async with desk.database.read("compare revisions") as session:
            article = await article_of(session, slug)
            try:
                before = await service.revision(session, article.id, old)
                after = await service.revision(session, article.id, new)
            except NotFound as error:
                raise HTTPException(404, str(error)) from error
        changes = revisions.compare(ArticleDoc.from_json(before.doc), ArticleDoc.from_json(after.doc))
        return show(desk, request, "compare.html", article=article, old=old, new=new, changes=changes)

    @router.post("/{slug}/roll-back")
    async def roll_back(
        request: Request, staff: Writer, slug: str, number: Annotated[int, Form(ge=1)]
    ) -> Response:
        return await act(
            request,
            staff,
            slug,
            "rolled_back",
            lambda session, one: revisions.roll_back(session, one, number, staff=staff, now=desk.clock.now()),
        )


async def _text(session: AsyncSession, article: Article) -> tuple[ArticleDoc, ArticleRevision | None]:
    """What is shown: the revision in review, else the live one, else the newest, else the draft."""
    number = article.pending_revision or article.live_revision or article.revisions
    if number:
        revision = await service.revision(session, article.id, number)
        return ArticleDoc.from_json(revision.doc), revision
    draft = await drafts.find(session, article.id)
    return ArticleDoc.from_json(draft.doc) if draft is not None else ArticleDoc(), None
