"""The campaigns' pages over a ward."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI

from care.gate.reasons import words
from care.gate.rules import GateRules
from care.gate.words import CatalogueWords
from content.audiences.counting import Counter
from content.campaigns.dryrun import Rehearsal
from content.campaigns.pages import CampaignDesk, campaigns_router
from content.campaigns.pages.rehearsing import DryRuns
from store.clock import real_now
from tests.channels.ops.site import Visitor, visiting
from tests.content.campaigns.ward import ACCOUNT, BASE, Ward
from web.build import build
from web.shell import NavLink, install_shell
from web.signin.pages import signin_router
from web.signin.service import open_session


def campaigns_app(ward: Ward) -> FastAPI:
    build()
    app = FastAPI()
    app.state.database, app.state.clock = ward.database, ward.clock
    app.state.nav = [NavLink("推送活动", "/content/campaigns", frozenset({"editor", "clinical_reviewer"}))]
    install_shell(app)
    app.include_router(signin_router())
    rehearsal = Rehearsal(
        ward.gate(), GateRules(), CatalogueWords(ward.catalogue()), [ACCOUNT["sms"]], [], ward.clock
    )
    desk = CampaignDesk(
        database=ward.database,
        clock=ward.clock,
        counter=Counter(ward.database, ward.clock),
        contents=ward.contents,
        explain=words,
        speak=lambda reply, channel: f"{reply.params['title']}：{channel}",
        dry_runs=DryRuns(ward.database, rehearsal),
        base=BASE,
        accounts=list(ACCOUNT.items()),
        wake=lambda: None,
    )
    app.include_router(campaigns_router(desk))
    return app


@asynccontextmanager
async def signed_in(app: FastAPI, ward: Ward, who: str) -> AsyncIterator[Visitor]:
    """The browser of somebody of the ward's staff."""
    async with ward.database.write("sign in") as session:
        token = await open_session(session, ward.staff[who], real_now())
    async with visiting(app, token) as visitor:
        yield visitor
