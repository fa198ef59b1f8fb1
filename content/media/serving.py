"""`/media/<id>`: the library's pictures from our own site, for patients' pages and editors alike."""

from __future__ import annotations

from uuid import UUID

from fastapi import APIRouter, HTTPException, Request
from starlette.responses import FileResponse, Response

from content.media.models import MediaAsset
from content.media.service import Shelf
from store.database import Database

KEPT = "public, max-age=31536000, immutable"
"""An id's bytes never change: a browser asks once."""


def media_router(database: Database, shelf: Shelf) -> APIRouter:
    """Nobody need be signed in: what is in the library is meant to be shown. 404 for what is not there."""
    router = APIRouter(include_in_schema=False)

    @router.get("/media/{media_id}")
    async def picture(request: Request, media_id: UUID) -> Response:
        async with database.read("media") as session:
            asset = await session.get(MediaAsset, media_id)
        if asset is None or not shelf.path(asset).exists():
            raise HTTPException(404)
        mark = f'"{asset.digest[:32]}"'
        headers = {
            "Cache-Control": KEPT,
            "ETag": mark,
            "X-Content-Type-Options": "nosniff",
            "Content-Security-Policy": "default-src 'none'; sandbox",
        }
        if request.headers.get("if-none-match") == mark:
            return Response(status_code=304, headers=headers)
        return FileResponse(shelf.path(asset), media_type=asset.content_type, headers=headers)

    return router
