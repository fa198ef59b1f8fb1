"""The whole application on a real port inside this process, its workers at rest: what it takes in stays where it is."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import requests
import uvicorn
from fastapi import FastAPI

from server.app import create_app
from server.serve import prepare
from server.settings import ROOT, Settings
from server.supervisor import free_ports
from store import crypto
from tests.e2e.installation import _environment

PASSWORD = "a-password-of-the-tests"
TOKEN = "C" * 43
"""The page's own token, in the cookie and in the header."""
START = 300.0
"""Seconds a house may take to start; on a machine that is used up by other work it takes minutes."""


@dataclass(frozen=True, slots=True)
class Served:
    app: FastAPI
    settings: Settings
    errors: list[str]

    @property
    def url(self) -> str:
        return self.settings.loopback

    def sign_in(self) -> dict[str, str]:
        """Headers of the administrator's browser."""
        form = f"username=admin&password={PASSWORD}&csrf_token={TOKEN}".encode()
        headers = {"Content-Type": "application/x-www-form-urlencoded", "Cookie": f"banyi_csrf={TOKEN}"}
        answer = requests.post(
            f"{self.url}/sign-in", form, headers=headers, timeout=10, allow_redirects=False
        )
        cookie = f"banyi_session={answer.cookies['banyi_session']}"
        return {"Cookie": f"banyi_csrf={TOKEN}; {cookie}", "X-CSRF-Token": TOKEN}


@contextmanager
def served(folder: Path, database_url: str = "", *, workers: bool = False) -> Iterator[Served]:
    """The demo on `database_url` (empty: SQLite in `folder`); `workers`: it does its work, too."""
    (folder / "models").symlink_to(ROOT / "var" / "models")
    (port,) = free_ports(1)
    given = {
        "BANYI_VAR_DIR": str(folder),
        "BANYI_PORT": str(port),
        "BANYI_DATABASE_URL": database_url,
        "BANYI_ENVIRONMENT": "demo",
        "BANYI_DEMO_HISTORY": "false",
        "BANYI_SIMULATORS": "true",
        "BANYI_WORKERS": str(workers).lower(),
        "BANYI_WECHAT_MODE": "safe",
        "BANYI_WECHAT_PASSIVE_WAIT": "0",
        "BANYI_ADMIN_USER": "admin",
        "BANYI_ADMIN_PASSWORD": PASSWORD,
    }
    keyring = crypto._current
    with _environment(given):
        settings = Settings()
    ready = threading.Event()
    box: list[tuple[FastAPI, uvicorn.Server]] = []
    errors: list[str] = []

    async def run() -> None:
        app = create_app(await prepare(settings))
        server = uvicorn.Server(
            uvicorn.Config(app, host="127.0.0.1", port=port, log_config=None, access_log=False)
        )
        app.state.stopping = lambda: server.should_exit
        box.append((app, server))
        serving = asyncio.create_task(server.serve())
        while not server.started and not serving.done():
            await asyncio.sleep(0.02)
        ready.set()
        await serving

    def inside() -> None:
        try:
            asyncio.run(run())
        except BaseException as error:
            errors.append(repr(error))
        finally:
            ready.set()

    thread = threading.Thread(target=inside, daemon=True)
    thread.start()
    try:
        assert ready.wait(START), f"the house did not start within {START} seconds"
        assert not errors, errors
        yield Served(box[0][0], settings, errors)
    finally:
        if box:
            box[0][1].should_exit = True
        thread.join(15)
        crypto._current = keyring
