"""The articles' desk over a test's database."""

from __future__ import annotations

from collections.abc import Mapping

from fastapi import FastAPI

from content.articles.draftbox import DraftBox
from content.articles.pages import ArticleDesk, articles_router
from content.sms.lint import SmsFrame
from store.clock import Clock
from store.database import Database
from tests.factories.articles import RULES
from web.build import build
from web.shell import NavLink, install_shell
from web.signin.pages import signin_router

FRAME = SmsFrame("云江示范医院", "。详询0571-00000000")


def articles_app(database: Database, clock: Clock, boxes: Mapping[str, DraftBox] | None = None) -> FastAPI:
    build()
    app = FastAPI()
    app.state.database, app.state.clock = database, clock
    app.state.nav = [NavLink("文章", "/content/articles", frozenset({"editor", "clinical_reviewer"}))]
    install_shell(app)
    app.include_router(signin_router())
    app.include_router(articles_router(ArticleDesk(database, clock, RULES, FRAME, boxes or {})))
    return app
