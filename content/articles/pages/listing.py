"""The list of articles, what waits for one's signature, and a new article."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Form, Query, Request
from starlette.responses import Response

from content.articles import service, workflow
from content.articles.doc import ArticleDoc
from content.articles.errors import ArticleError
from content.articles.pages.desk import WRITERS, ArticleDesk, Reader, Writer, show
from content.articles.service import STATES, Filters, today_of
from web.shell import back_to
from web.signin.access import may

STATE = f"^({'|'.join(STATES)})?$"


def add_routes(router: APIRouter, desk: ArticleDesk) -> None:
    """`/content/articles` and `/content/articles/new`."""

    @router.get("")
    async def listing(
        request: Request,
        staff: Reader,
        state: Annotated[str, Query(pattern=STATE)] = "",
        topic: Annotated[str, Query(max_length=40)] = "",
        stage: Annotated[str, Query(max_length=40)] = "",
        form: Annotated[str, Query(pattern="^(long|short)?$")] = "",
        q: Annotated[str, Query(max_length=60)] = "",
        mine: bool = False,
        page: Annotated[int, Query(ge=1, le=10_000)] = 1,
    ) -> Response:
        filters = Filters(state, topic, stage, form, q, staff.id if mine else None)
        async with desk.database.read("articles") as session:
            found, total = await service.listed(session, today_of(desk.clock), filters, page=page)
            waiting = await workflow.awaiting(session, desk.rules, staff)
        return show(
            desk,
            request,
            "list.html",
            found=found,
            total=total,
            waiting=waiting,
            page=page,
            pages=max(1, -(-total // service.SHOWN)),
            filters={"state": state, "topic": topic, "stage": stage, "form": form, "q": q, "mine": mine},
            writer=may(staff, WRITERS),
        )

    def form_page(request: Request, status: int = 200, **given: str) -> Response:
        values = {"slug": "", "title": "", "topic": "", "problem": "", **given}
        return show(desk, request, "new.html", status, **values)

    @router.get("/new")
    async def new(request: Request, _staff: Writer) -> Response:
        return form_page(request)

    @router.post("/new")
    async def create(
        request: Request,
        staff: Writer,
        title: Annotated[str, Form(max_length=100)],
        slug: Annotated[str, Form(max_length=120)],
        topic: Annotated[str, Form(max_length=40)],
    ) -> Response:
        doc = ArticleDoc(title=title.strip(), topic=topic, author=staff.display_name[:16])
        try:
            async with desk.database.write("new article") as session:
                await service.create(session, slug.strip(), doc, staff=staff, now=desk.clock.now())
        except ArticleError as error:
            return form_page(request, 422, slug=slug, title=title, topic=topic, problem=str(error))
        return back_to(f"/content/articles/{slug.strip()}/edit")
