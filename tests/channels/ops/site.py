"""The operators' pages over a test's database: shell, sign-in, the pages, one member of staff a role."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import cast
from uuid import UUID

import aiohttp
from fastapi import FastAPI
from sqlalchemy.ext.asyncio import AsyncSession

from care.gate.reasons import words as explain
from channels.ops.desk import OpsHouse, Remembered
from channels.ops.pages import ops_router
from channels.ops.ports import AccountFacts, NoticeFacts
from channels.outbox.models import OutboundMessage
from channels.wording.catalogue import Catalogue
from channels.wording.labels import FILE as LABELS
from server.ops import may_read
from store.clock import Clock, real_now
from store.database import Database
from tests.channels.simulator.serving import serve
from web.build import build
from web.security import CSRF_COOKIE
from web.shell import NavLink, install_shell
from web.signin.models import Role
from web.signin.pages import SESSION_COOKIE, signin_router
from web.signin.service import create_user, open_session

ACCOUNTS = (
    AccountFacts("wechat", "hospital", has_token=True, token_age=754.0),
    AccountFacts("sms", "aliyun", sign="云江示范医院"),
)
NOTICES = (
    NoticeFacts(
        "visit_once",
        "once",
        "预约结果通知",
        {"thing1": "就诊人"},
        {"hospital": "visit_once"},
        ["booking.booked"],
    ),
)
TOKEN = "t" * 43
PASSWORD = "a long password"


class Settlements:
    """Hears what people decided, and how often the delivery was woken."""

    def __init__(self) -> None:
        self.heard: list[tuple[UUID, str]] = []
        self.woken = self.synced = 0
        self.vendor_away = False

    async def __call__(
        self, session: AsyncSession, message: OutboundMessage, how: str, staff_id: UUID, now: datetime
    ) -> None:
        self.heard.append((message.id, how))

    async def sync(self) -> None:
        if self.vendor_away:
            raise ConnectionError("the vendor is away")
        self.synced += 1

    def wake(self) -> None:
        self.woken += 1


def catalogue() -> Catalogue:
    """The shipped wordings."""
    return Catalogue(LABELS.parent, {"hospital": "云江市示范医院", "landline": "0571-00000000"})


def ops_house(
    clock: Clock,
    database: Database | None = None,
    *,
    words: Catalogue | None = None,
    accounts: Sequence[AccountFacts] = ACCOUNTS,
    settlements: Settlements | None = None,
    spool: int = 0,
) -> OpsHouse:
    """What the pages are given; nothing is remembered between two looks."""
    settlements = settlements or Settlements()
    return OpsHouse(
        database=cast("Database", database),
        clock=clock,
        catalogue=words or catalogue(),
        accounts=lambda: accounts,
        spool_waiting=lambda: spool,
        wake=settlements.wake,
        sync_templates=settlements.sync,
        notices=lambda: NOTICES,
        may_read=may_read,
        explain=explain,
        settled=settlements,
        silence=timedelta(minutes=30),
        remembered=Remembered(0),
    )


def ops_app(
    database: Database,
    clock: Clock,
    *,
    accounts: Sequence[AccountFacts] = ACCOUNTS,
    settlements: Settlements | None = None,
    spool: int = 0,
) -> FastAPI:
    """The application over such a house."""
    build()
    app = FastAPI()
    app.state.database, app.state.clock = database, clock
    app.state.nav = [NavLink("发送中心", "/ops/delivery", frozenset({"operator", "nurse", "auditor"}))]
    install_shell(app)
    app.include_router(signin_router())
    router = ops_router(
        ops_house(clock, database, accounts=accounts, settlements=settlements or Settlements(), spool=spool)
    )
    app.include_router(router)
    app.state.ops_routes = router.routes
    return app


async def staff(database: Database, *roles: Role) -> dict[str, str]:
    """One member of staff for each of `roles` (default: all), signed in: role → the session's token."""
    tokens: dict[str, str] = {}
    async with database.write("staff") as session:
        for role in roles or tuple(Role):
            user = await create_user(
                session, username=str(role), display_name=f"{role}先生", password=PASSWORD, roles=[role]
            )
            tokens[str(role)] = await open_session(session, user, real_now())
    return tokens


class Visitor:
    """A browser without scripts that does not follow redirects."""

    def __init__(self, session: aiohttp.ClientSession) -> None:
        self._session = session

    async def get(self, path: str) -> tuple[int, str]:
        async with self._session.get(path, allow_redirects=False) as answer:
            return answer.status, await answer.text()

    async def post(self, path: str, csrf: bool = True, **form: str) -> tuple[int, str]:
        """The status and where it leads."""
        data = {**form, **({"csrf_token": TOKEN} if csrf else {})}
        async with self._session.post(path, data=data, allow_redirects=False) as answer:
            return answer.status, answer.headers.get("Location", "")


@asynccontextmanager
async def visiting(app: FastAPI, token: str = "", accept: str = "text/html") -> AsyncIterator[Visitor]:
    """A visitor with the session `token` (none: not signed in)."""
    async with serve(app) as url:
        cookies = {CSRF_COOKIE: TOKEN, **({SESSION_COOKIE: token} if token else {})}
        headers = {
            "Accept": accept,
            "Cookie": "; ".join(f"{name}={value}" for name, value in cookies.items()),
        }
        async with aiohttp.ClientSession(
            url, headers=headers, cookie_jar=aiohttp.DummyCookieJar()
        ) as session:
            yield Visitor(session)
