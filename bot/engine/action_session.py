"""One HTTP session to the action server, kept.

Rasa 3.6 opens a session, and so a connection, for every action it runs.
"""

from __future__ import annotations

from typing import Any

import aiohttp
from rasa.core.constants import DEFAULT_REQUEST_TIMEOUT
from rasa.utils.endpoints import EndpointConfig

_IDLE_SECONDS = 2.0
"""Less than the five seconds after which our server closes an idle connection: none is used while it is being closed."""


class _Kept:
    """What `async with` is given: leaving it leaves the session open."""

    def __init__(self, session: aiohttp.ClientSession) -> None:
        self._session = session

    async def __aenter__(self) -> aiohttp.ClientSession:
        return self._session

    async def __aexit__(self, *_: Any) -> None:
        """Nothing: the process's end closes it."""


def _session(self: EndpointConfig) -> _Kept:
    kept = self.__dict__.get("kept_session")
    if kept is None or kept.closed:
        user = self.basic_auth
        kept = self.__dict__["kept_session"] = aiohttp.ClientSession(
            headers=self.headers,
            auth=aiohttp.BasicAuth(user["username"], user["password"]) if user else None,
            timeout=aiohttp.ClientTimeout(total=DEFAULT_REQUEST_TIMEOUT),
            connector=aiohttp.TCPConnector(keepalive_timeout=_IDLE_SECONDS),
        )
    return _Kept(kept)


def install() -> None:
    """Let every endpoint keep its session."""
    EndpointConfig.session = _session
