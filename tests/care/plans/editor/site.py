"""The editors' pages of plans over a test's database."""

from __future__ import annotations

from collections.abc import Sequence

from fastapi import FastAPI
from sqlalchemy.ext.asyncio import AsyncSession

from care.gate.rules import GateRules
from care.plans.editor.desk import Offer, PlanDesk, Player
from care.plans.editor.pages import editor_router
from care.plans.joining.foresee import Foreseen
from care.plans.joining.pages import JoiningDesk, joining_router
from care.plans.machine.journal import Journal
from content.sms.lint import SmsFrame
from server.plan_pages import PlanShorts
from server.plans import AudienceOffers
from store.clock import Clock
from store.database import Database
from tests.care.plans.shipped import slugs
from web.aside import Aside
from web.build import build
from web.shell import install_shell
from web.signin.pages import signin_router

HOME = "/content/plans"
KEPT = 60.0


class NobodyPlays:
    """Where no plan is to be played."""

    async def play(self, *_: object, **__: object) -> Journal:
        raise AssertionError("no plan is played here")


def editor_app(database: Database, clock: Clock, player: Player | None = None) -> FastAPI:
    """`player`: the time machine, where a test plays a plan."""
    build()
    app = FastAPI()
    app.state.database, app.state.clock, app.state.nav = database, clock, []
    install_shell(app)
    app.include_router(signin_router())
    trials = Aside[Journal](KEPT, at_once=1)
    short = PlanShorts(SmsFrame("云江示范医院", ""), lambda text: text.replace("{landline}", "0571-00000000"))
    desk = PlanDesk(database, clock, _articles, player or NobodyPlays(), trials, short)
    looks = Aside[Foreseen](KEPT, at_once=1)
    offers = AudienceOffers(clock)
    app.include_router(joining_router(JoiningDesk(database, clock, offers, GateRules(), looks)))
    app.include_router(editor_router(desk))
    return app


async def _articles(session: AsyncSession) -> Sequence[Offer]:
    return [(slug, f"文章 {slug}") for slug in sorted(slugs())]
