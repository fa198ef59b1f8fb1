"""The editors' pages of plans over a test's database."""

from __future__ import annotations

from collections.abc import Sequence

from fastapi import FastAPI
from sqlalchemy.ext.asyncio import AsyncSession

from care.plans.editor.desk import Offer, PlanDesk
from care.plans.editor.pages import editor_router
from store.clock import Clock
from store.database import Database
from tests.care.plans.shipped import slugs
from web.build import build
from web.shell import install_shell
from web.signin.pages import signin_router

HOME = "/content/plans"


def editor_app(database: Database, clock: Clock) -> FastAPI:
    build()
    app = FastAPI()
    app.state.database, app.state.clock, app.state.nav = database, clock, []
    install_shell(app)
    app.include_router(signin_router())
    app.include_router(editor_router(PlanDesk(database, clock, _articles)))
    return app


async def _articles(session: AsyncSession) -> Sequence[Offer]:
    return [(slug, f"文章 {slug}") for slug in sorted(slugs())]
