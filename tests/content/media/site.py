"""The media library's pages, and what they show, over a test's database."""

from __future__ import annotations

from fastapi import FastAPI

from content.media.pages import MediaDesk, media_desk_router
from content.media.service import Shelf
from content.media.serving import media_router
from store.clock import Clock
from store.database import Database
from web.build import build
from web.shell import NavLink, install_shell
from web.signin.pages import signin_router


def media_app(database: Database, clock: Clock, shelf: Shelf) -> FastAPI:
    build()
    app = FastAPI()
    app.state.database, app.state.clock = database, clock
    app.state.nav = [NavLink("文章", "/content/articles", frozenset({"editor", "clinical_reviewer"}))]
    install_shell(app)
    app.include_router(signin_router())
    app.include_router(media_router(database, shelf))
    app.include_router(media_desk_router(MediaDesk(database, clock, shelf)))
    return app
