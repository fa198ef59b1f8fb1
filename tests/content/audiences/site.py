"""The pages of audiences over a test's database."""

from __future__ import annotations

from fastapi import FastAPI

from content.audiences.counting import Counter
from content.audiences.pages import AudienceDesk, audience_router
from store.clock import Clock
from store.database import Database
from web.build import build
from web.shell import NavLink, install_shell
from web.signin.pages import signin_router


def audience_app(database: Database, clock: Clock) -> FastAPI:
    build()
    app = FastAPI()
    app.state.database, app.state.clock = database, clock
    app.state.nav = [NavLink("人群", "/content/audiences", frozenset({"editor"}))]
    install_shell(app)
    app.include_router(signin_router())
    counter = Counter(database, clock)
    router = audience_router(AudienceDesk(database, clock, counter))
    app.include_router(router)
    app.state.counter, app.state.audience_routes = counter, router.routes
    return app
