"""The editors' pages over a test's database, and a visitor that sends forms as a browser would."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import aiohttp
from fastapi import FastAPI

from care.questionnaires.editor.desk import QuestionnaireDesk
from care.questionnaires.editor.pages import editor_router
from store.clock import Clock
from store.database import Database
from tests.channels.ops.site import TOKEN, Visitor, visiting
from web.build import build
from web.shell import install_shell
from web.signin.pages import signin_router

HOME = "/content/questionnaires"


def editor_app(database: Database, clock: Clock) -> FastAPI:
    build()
    app = FastAPI()
    app.state.database, app.state.clock, app.state.nav = database, clock, []
    install_shell(app)
    app.include_router(signin_router())
    desk = QuestionnaireDesk(database, clock, lambda definition, item, channel: f"{channel}：{item.text}")
    app.include_router(editor_router(desk))
    return app


class Editor(Visitor):
    """Sends pairs, so that a name may come several times, and says what the answer shows."""

    async def send(self, path: str, *fields: tuple[str, str]) -> tuple[int, str, str]:
        """Status, where it leads, and the page."""
        data = aiohttp.FormData([*fields, ("csrf_token", TOKEN)])
        async with self._session.post(path, data=data, allow_redirects=False) as answer:
            return answer.status, answer.headers.get("Location", ""), await answer.text()

    async def upload(self, path: str, text: str) -> tuple[int, str, str]:
        data = aiohttp.FormData([("csrf_token", TOKEN)])
        data.add_field("file", text.encode(), filename="q.json", content_type="application/json")
        async with self._session.post(path, data=data, allow_redirects=False) as answer:
            return answer.status, answer.headers.get("Location", ""), await answer.text()


@asynccontextmanager
async def editors(app: FastAPI, tokens: Sequence[str]) -> AsyncIterator[list[Editor]]:
    """One a token."""
    if not tokens:
        yield []
        return
    async with visiting(app, tokens[0]) as first, editors(app, tokens[1:]) as others:
        yield [Editor(first._session), *others]
