"""The patients' pages over a test's database."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import aiohttp
from fastapi import FastAPI

from content.reading.desk import ReadingDesk
from content.reading.pages import reading_router
from content.reading.visitors import Pace
from store.clock import Clock
from store.database import Database
from tests.channels.simulator.serving import serve
from web.build import build
from web.shell import install_shell

PHONE = (
    "Mozilla/5.0 (Linux; Android 10; CUBOT NOTE 20) AppleWebKit/537.36 (KHTML, like Gecko) Version/4.0 Chrome/126.0.0.0"
    " Mobile Safari/537.36 MicroMessenger/8.0.49"
)


def reading_app(database: Database, clock: Clock) -> FastAPI:
    build()
    app = FastAPI()
    app.state.database, app.state.clock = database, clock
    install_shell(app)
    desk = ReadingDesk(
        database,
        clock,
        Pace(),
        timedelta(days=90),
        "云江市示范医院",
        "0571-00000000",
        account_id="hospital",
    )
    app.include_router(reading_router(desk))
    return app


@dataclass
class Reader:
    """A phone's browser without scripts."""

    http: aiohttp.ClientSession

    async def get(self, path: str, **headers: str) -> tuple[int, str]:
        async with self.http.get(path, headers=headers, allow_redirects=False) as answer:
            return answer.status, await answer.text()

    async def post(self, path: str, **form: str) -> tuple[int, str]:
        """Status and where it leads."""
        async with self.http.post(path, data=form, allow_redirects=False) as answer:
            return answer.status, answer.headers.get("Location", "")

    async def beacon(self, token: str, agent: str = PHONE, origin: str = "", **said: Any) -> int:
        body = {"view": "0123456789abcdef", "slug": "", "revision": 1, "dwell": 5, "end": False, **said}
        headers = {"User-Agent": agent} | ({"Origin": origin} if origin else {})
        async with self.http.post(f"/r/{token}/seen", json=body, headers=headers) as answer:
            return answer.status


@asynccontextmanager
async def reading(database: Database, clock: Clock) -> AsyncIterator[Reader]:
    headers = {"Accept": "text/html", "User-Agent": PHONE}
    async with (
        serve(reading_app(database, clock)) as url,
        aiohttp.ClientSession(url, headers=headers, cookie_jar=aiohttp.CookieJar(unsafe=True)) as http,
    ):
        yield Reader(http)
