"""Sign-in, account, staff and a page for nurses over a test's database, with the rules a test wants."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Annotated, Any

import aiohttp
from fastapi import APIRouter, Depends, FastAPI
from sqlalchemy import select
from yarl import URL

from store.audit import AuditRow
from store.clock import VirtualClock
from store.database import Database
from tests.channels.simulator.serving import serve
from web.build import build
from web.security import csrf_protect
from web.shell import install_shell
from web.signin.account import account_router
from web.signin.models import Role, StaffUser
from web.signin.oidc import HospitalSignOn
from web.signin.pages import SESSION_COOKIE, require, signin_router
from web.signin.rules import SignInRules
from web.signin.service import create_user
from web.signin.staff import staff_router

PASSWORD = "a long password"


@dataclass
class Browser:
    """Keeps cookies, follows nothing by itself."""

    http: aiohttp.ClientSession
    csrf: str = ""
    page: str = ""
    headers: Any = field(default_factory=dict)

    async def get(self, path: str, **headers: str) -> tuple[int, str]:
        """Status, and the page or where it leads."""
        async with self.http.get(path, allow_redirects=False, headers=headers) as answer:
            return await self._took(answer)

    async def post(self, path: str, **form: Any) -> tuple[int, str]:
        if not self.csrf:
            await self.get("/sign-in")
        async with self.http.post(
            path, data={**form, "csrf_token": self.csrf}, allow_redirects=False
        ) as answer:
            return await self._took(answer)

    async def sign_in(
        self, username: str, password: str = PASSWORD, next: str = "/for-nurses"
    ) -> tuple[int, str]:
        return await self.post("/sign-in", username=username, password=password, next=next)

    async def inside(self) -> bool:
        """Whether a page for staff opens."""
        return (await self.get("/account"))[0] == 200

    @property
    def token(self) -> str:
        cookie = self.http.cookie_jar.filter_cookies(URL(str(self.http._base_url))).get(SESSION_COOKIE)
        return cookie.value if cookie else ""

    async def _took(self, answer: aiohttp.ClientResponse) -> tuple[int, str]:
        self.page, self.headers = await answer.text(), answer.headers
        if found := re.search(r'name="csrf-token" content="([^"]+)"', self.page):
            self.csrf = found[1]
        return answer.status, answer.headers.get("Location", self.page)


@dataclass
class Site:
    app: FastAPI
    url: str
    database: Database

    @asynccontextmanager
    async def browser(self, **headers: str) -> AsyncIterator[Browser]:
        jar = aiohttp.CookieJar(unsafe=True)
        async with aiohttp.ClientSession(
            self.url, cookie_jar=jar, headers={"Accept": "text/html", **headers}
        ) as http:
            yield Browser(http)

    async def user(self, username: str) -> StaffUser:
        async with self.database.read() as session:
            return (await session.scalars(select(StaffUser).where(StaffUser.username == username))).one()

    async def change(self, username: str, **values: Any) -> None:
        async with self.database.write() as session:
            user = (await session.scalars(select(StaffUser).where(StaffUser.username == username))).one()
            for name, value in values.items():
                setattr(user, name, value)

    async def audited(self, *without: str) -> list[str]:
        async with self.database.read() as session:
            found = await session.scalars(select(AuditRow.action).order_by(AuditRow.id))
            return [one for one in found if one not in without]


def signin_app(
    database: Database, rules: SignInRules | None = None, oidc: HospitalSignOn | None = None
) -> FastAPI:
    build()
    app = FastAPI()
    app.state.database, app.state.clock = database, VirtualClock()
    app.state.sign_in_rules, app.state.oidc = rules, oidc
    app.state.hospital_name = "云江市示范医院"
    install_shell(app)
    for router in (signin_router(), account_router(), staff_router()):
        app.include_router(router)
    ours = APIRouter(dependencies=[Depends(csrf_protect)])

    @ours.get("/for-nurses")
    async def nurses(staff: Annotated[StaffUser, Depends(require(Role.NURSE))]) -> dict[str, str]:
        return {"hello": staff.display_name}

    app.include_router(ours)
    return app


async def people(database: Database) -> None:
    async with database.write("people") as session:
        for username, name, roles in (
            ("zhang", "张护士", [Role.NURSE]),
            ("liu", "刘编辑", [Role.EDITOR]),
            ("root", "管理员", [Role.ADMIN]),
        ):
            await create_user(session, username=username, display_name=name, password=PASSWORD, roles=roles)


@asynccontextmanager
async def signin_site(
    database: Database, rules: SignInRules | None = None, oidc: HospitalSignOn | None = None
) -> AsyncIterator[Site]:
    await people(database)
    app = signin_app(database, rules, oidc)
    async with serve(app) as url:
        yield Site(app, url, database)
