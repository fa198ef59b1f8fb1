"""A signed text into a WeChat account's 草稿箱, from its article's page."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Form, HTTPException, Request
from starlette.responses import Response

from content.articles.errors import ArticleError, NotFound
from content.articles.pages.desk import ArticleDesk, Writer
from web.shell import back_to, render


def add_routes(router: APIRouter, desk: ArticleDesk) -> None:
    """The button's route; WeChat is asked with no session open."""

    @router.post("/{slug}/draft-box")
    async def put(
        request: Request,
        staff: Writer,
        slug: str,
        number: Annotated[int, Form(ge=1)],
        account: Annotated[str, Form(max_length=64)],
    ) -> Response:
        box = desk.boxes.get(account)
        if box is None:
            raise HTTPException(404)
        partly = "hx-request" in request.headers
        try:
            await box.put(slug, number, staff=staff)
        except NotFound as error:
            raise HTTPException(404, str(error)) from error
        except ArticleError as error:
            if partly:
                return render(request, "notice.html", problem=str(error))
            raise HTTPException(409, str(error)) from error
        target = f"/content/articles/{slug}?said=boxed"
        return Response(headers={"HX-Redirect": target}) if partly else back_to(target)
