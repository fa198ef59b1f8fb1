"""`/content/articles`: the editors' desk."""

from __future__ import annotations

from fastapi import APIRouter, Depends

from content.articles.pages import draft_box, editing, listing, reviewing
from content.articles.pages.desk import ArticleDesk
from web.security import csrf_protect

__all__ = ["ArticleDesk", "articles_router"]


def articles_router(desk: ArticleDesk) -> APIRouter:
    """The pages and what their scripts ask for."""
    router = APIRouter(
        prefix="/content/articles", include_in_schema=False, dependencies=[Depends(csrf_protect)]
    )
    for subject in (listing, editing, reviewing, draft_box):
        subject.add_routes(router, desk)
    return router
