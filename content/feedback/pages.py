"""`/content/feedback`: what editors should look at next, each with one click to the right act."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, HTTPException, Request
from starlette.responses import RedirectResponse, Response

from content.articles import retiring
from content.articles import service as articles
from content.articles.doc import ArticleDoc
from content.articles.errors import ArticleError
from content.articles.stages import ReviewRules
from content.faq.questions import service as questions
from content.feedback import service
from language.private import MASK
from store import audit
from store.clock import Clock
from store.database import Database
from web.security import csrf_protect
from web.shell import add_templates, render
from web.signin.models import Role, StaffUser
from web.signin.pages import require
from web.words import Words

TEMPLATES = Path(__file__).parent / "templates"
add_templates("feedback", TEMPLATES)
EDITORS = (Role.EDITOR, Role.CLINICAL_REVIEWER)
Editor = Annotated[StaffUser, Depends(require(*EDITORS))]
LEAST_ASKERS = 2
"""People who asked the same before it is worth an article."""


@dataclass(frozen=True, slots=True)
class FeedbackDesk:
    """What the server hands in. `least`: from how many people on a number of them is shown."""

    database: Database
    clock: Clock
    rules: ReviewRules
    least: int


def slug_of(group_id: UUID) -> str:
    """The article begun from a group of questions."""
    return f"asked-{group_id.hex[-12:]}"


def feedback_router(desk: FeedbackDesk) -> APIRouter:
    """The page and its acts; a review begins by the articles' own route."""
    router = APIRouter(
        prefix="/content/feedback", include_in_schema=False, dependencies=[Depends(csrf_protect)]
    )
    words = Words(TEMPLATES / "words.yml")

    @router.get("")
    async def page(request: Request, staff: Editor) -> Response:
        now, today = desk.clock.now(), desk.clock.local().date()
        async with desk.database.write("read feedback") as session:
            asked = await questions.listed(session, today, "open", least_people=LEAST_ASKERS)
            audit.read(session, staff.id, ["unanswered_questions"], now, "feedback", groups=len(asked))
            begun = {
                one.row.id: article
                for one in asked
                if (article := await articles.find(session, slug_of(one.row.id))) is not None
            }
            due = await service.due(session, today)
            disliked = await service.disliked(session, now, desk.least)
            unopened = await service.unopened(session, now, desk.least)
        said = request.query_params.get("said", "")
        return render(
            request,
            "feedback/feedback.html",
            words=words,
            due=due,
            disliked=disliked,
            unopened=unopened,
            asked=asked,
            begun=begun,
            local=desk.clock.local,
            said=words("said", said) if said in words.known("said") else "",
            undo=request.query_params.get("undo", ""),
        )

    @router.post("/questions/{group_id}/article")
    async def write(staff: Editor, group_id: UUID) -> Response:
        """A draft with the question as its title, and the ways it was asked as what it answers."""
        now, slug = desk.clock.now(), slug_of(group_id)
        async with desk.database.write("article from question") as session:
            group = await questions.one(session, group_id, desk.clock.local().date())
            if group is None:
                return RedirectResponse("/content/feedback?said=gone", 303)
            audit.read(session, staff.id, [audit.subject_of("question_group", group_id)], now, "feedback")
            if await articles.find(session, slug) is None:
                texts = [one.text for one in group.wordings if MASK not in one.text]
                title = f"{texts[0].rstrip('?？ ')}？" if texts else ""
                doc = ArticleDoc(
                    title=title[:100], questions=tuple(texts[:20]), author=staff.display_name[:16]
                )
                await articles.create(session, slug, doc, staff=staff, now=now)
        return RedirectResponse(f"/content/articles/{slug}/edit", 303)

    @router.post("/articles/{slug}/retire")
    async def retire(staff: Editor, slug: str) -> Response:
        try:
            async with desk.database.write("retire article") as session:
                article = await articles.get(session, slug)
                await retiring.retire(session, article, staff=staff, clock=desk.clock)
        except ArticleError as error:
            raise HTTPException(404, str(error)) from error
        return RedirectResponse(f"/content/feedback?said=retired&undo={article.slug}", 303)

    @router.post("/articles/{slug}/restore")
    async def restore(staff: Editor, slug: str) -> Response:
        try:
            async with desk.database.write("restore article") as session:
                article = await articles.get(session, slug)
                await retiring.restore(session, article, desk.rules, staff=staff, clock=desk.clock)
        except ArticleError as error:
            raise HTTPException(404, str(error)) from error
        return RedirectResponse("/content/feedback?said=restored", 303)

    return router
