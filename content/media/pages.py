"""`/content/media`: the library's pages for editors, and the picker beside a text that is being written."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Form, HTTPException, Query, Request
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.datastructures import UploadFile
from starlette.responses import RedirectResponse, Response

from content.articles import service as articles
from content.articles.errors import ArticleError, NotFound, say
from content.media import images, service, uses
from content.media.models import MediaAsset
from content.media.service import Described, Shelf
from store.clock import Clock
from store.database import Database
from web.security import csrf_protect
from web.shell import add_templates, render
from web.signin.access import require
from web.signin.models import Role, StaffUser
from web.words import Words, query_of

TEMPLATES = Path(__file__).parent / "templates"
add_templates("media", TEMPLATES)
told = Words(TEMPLATES / "texts.yml")
Editor = Annotated[StaffUser, Depends(require(Role.EDITOR, Role.CLINICAL_REVIEWER))]
Sought = Annotated[str, Query(max_length=60)]
Page = Annotated[int, Query(ge=1, le=10_000)]
FORM = 64 * 1024
"""Bytes of an upload that are not the picture, at most."""


@dataclass(frozen=True, slots=True)
class MediaDesk:
    """What the server hands in."""

    database: Database
    clock: Clock
    shelf: Shelf


@dataclass(frozen=True, slots=True)
class Place:
    """A text that shows a picture: its article and whether its draft or one of its revisions does."""

    slug: str
    title: str
    numbers: Sequence[int]
    draft: bool


async def small_enough(request: Request) -> None:
    """Dependency, before the body is read: 413 for more than a picture, 422 for what does not say how long it is."""
    if request.method != "POST":
        return
    declared = request.headers.get("content-length", "")
    if not declared.isdecimal():
        raise HTTPException(422, told("wrong", "length"))
    if int(declared) > images.MOST_BYTES + FORM:
        raise HTTPException(413, told("wrong", "large", limit=images.MOST_BYTES // 1024 // 1024))


def media_desk_router(desk: MediaDesk) -> APIRouter:
    """The library's pages."""
    router = APIRouter(
        prefix="/content/media",
        include_in_schema=False,
        dependencies=[Depends(small_enough), Depends(csrf_protect)],
    )

    async def shelves(words: str, unused: bool, page: int) -> dict[str, Any]:
        async with desk.database.read("media library") as session:
            found, total = await service.listed(session, words, unused=unused, page=page)
        return {
            "found": found,
            "total": total,
            "page": page,
            "pages": max(1, -(-total // service.SHOWN)),
            "q": words,
            "unused": unused,
            "query_of": query_of,
        }

    async def library(
        request: Request, status: int = 200, problem: str = "", given: Described | None = None
    ) -> Response:
        query = request.query_params
        page = int(text) if (text := query.get("page", "1")).isdecimal() and 0 < int(text) <= 10_000 else 1
        return render(
            request,
            "media/library.html",
            status,
            licences=say.known("licences"),
            most=images.MOST_BYTES // 1024 // 1024,
            given=given or Described("", "", ""),
            problem=problem,
            told=_told(request),
            **await shelves(query.get("q", "")[:60], query.get("unused") == "true", page),
        )

    async def one(
        request: Request, media_id: UUID, status: int = 200, problem: str = "", given: Described | None = None
    ) -> Response:
        async with desk.database.read("picture") as session:
            asset = await _asset(session, media_id)
            places = await _places(session, media_id)
        return render(
            request,
            "media/picture.html",
            status,
            shown=asset,
            given=given or Described(asset.alt, asset.source, asset.licence, asset.name),
            places=places,
            licences=say.known("licences"),
            problem=problem,
            told=_told(request),
            local=desk.clock.local,
        )

    @router.get("")
    async def listing(
        request: Request, _staff: Editor, q: Sought = "", unused: bool = False, page: Page = 1
    ) -> Response:
        return await library(request)

    @router.get("/pick")
    async def pick(request: Request, _staff: Editor, q: Sought = "", page: Page = 1) -> Response:
        """The picker's part: pictures to put into a text."""
        return render(request, "media/pick.html", **await shelves(q, unused=False, page=page))

    @router.post("")
    async def upload(request: Request, staff: Editor) -> Response:
        """What was filled in stays when it is refused; the file too where the page sent it by script."""
        form = await request.form(max_files=1, max_fields=10)
        given = Described(*(_text(form.get(name)) for name in ("alt", "source", "licence", "name")))
        sent, partly = form.get("file"), "hx-request" in request.headers
        try:
            raw = await sent.read(images.MOST_BYTES + 1) if isinstance(sent, UploadFile) else b""
            picture = await service.prepare(raw)
            async with desk.database.write("add picture") as session:
                asset = await service.add(
                    session, desk.shelf, picture, given, staff=staff, now=desk.clock.now()
                )
        except ArticleError as error:
            if partly:
                return render(request, "notice.html", problem=str(error))
            return await library(request, 422, str(error), given)
        known_before = asset.created_at != asset.changed_at
        target = f"/content/media/{asset.id}?said=again" if known_before else "/content/media?said=added"
        return Response(headers={"HX-Redirect": target}) if partly else RedirectResponse(target, 303)

    @router.get("/{media_id}")
    async def picture(request: Request, _staff: Editor, media_id: UUID) -> Response:
        return await one(request, media_id)

    @router.post("/{media_id}")
    async def describe(
        request: Request,
        staff: Editor,
        media_id: UUID,
        alt: Annotated[str, Form(max_length=400)] = "",
        source: Annotated[str, Form(max_length=400)] = "",
        licence: Annotated[str, Form(max_length=24)] = "",
        name: Annotated[str, Form(max_length=200)] = "",
    ) -> Response:
        given = Described(alt, source, licence, name)
        try:
            async with desk.database.write("describe picture") as session:
                await service.describe(session, media_id, given, staff=staff, now=desk.clock.now())
        except NotFound as error:
            raise HTTPException(404, str(error)) from error
        except ArticleError as error:
            return await one(request, media_id, 422, str(error), given)
        return RedirectResponse(f"/content/media/{media_id}?said=changed", 303)

    @router.post("/{media_id}/delete")
    async def delete(request: Request, staff: Editor, media_id: UUID) -> Response:
        try:
            async with desk.database.write("remove picture") as session:
                asset = await service.remove(session, media_id, staff=staff, now=desk.clock.now())
        except NotFound as error:
            raise HTTPException(404, str(error)) from error
        except ArticleError as error:
            return await one(request, media_id, 409, str(error))
        desk.shelf.discard(asset)
        return RedirectResponse("/content/media?said=removed", 303)

    return router


def _told(request: Request) -> str:
    return told.known("said").get(request.query_params.get("said", ""), "")


def _text(value: object) -> str:
    return value.strip()[:400] if isinstance(value, str) else ""


async def _asset(session: AsyncSession, media_id: UUID) -> MediaAsset:
    try:
        return await service.get(session, media_id)
    except NotFound as error:
        raise HTTPException(404, str(error)) from error


async def _places(session: AsyncSession, media_id: UUID) -> list[Place]:
    numbers: dict[str, list[int]] = {}
    for owner, number in await uses.where_used(session, media_id):
        numbers.setdefault(owner.removeprefix("article:"), []).append(number)
    titles = await articles.titles(session, numbers)
    return [
        Place(slug, titles.get(slug, slug), [one for one in found if one], 0 in found)
        for slug, found in numbers.items()
    ]
