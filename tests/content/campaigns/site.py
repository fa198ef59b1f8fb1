"""The campaigns' pages over a test's database."""

from __future__ import annotations

from fastapi import FastAPI

from care.gate.reasons import words
from content.articles.sendable import ArticleContents
from content.audiences.counting import Counter
from content.campaigns.pages import CampaignDesk, campaigns_router
from store.clock import Clock
from store.database import Database
from web.build import build
from web.shell import NavLink, install_shell
from web.signin.pages import signin_router


def campaigns_app(database: Database, clock: Clock) -> FastAPI:
    build()
    app = FastAPI()
    app.state.database, app.state.clock = database, clock
    app.state.nav = [NavLink("推送", "/content/campaigns", frozenset({"editor", "clinical_reviewer"}))]
    install_shell(app)
    app.include_router(signin_router())
    counter = Counter(database, clock)
    app.include_router(
        campaigns_router(CampaignDesk(database, clock, counter, ArticleContents(clock), words))
    )
    return app
