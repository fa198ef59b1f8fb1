"""How accounts and sessions are shown: Chinese for codes, times of the hospital, a browser's name."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from datetime import datetime
from pathlib import Path
from typing import Any

from fastapi import Request

from store.clock import Clock
from web.words import Words

words = Words(Path(__file__).parents[1] / "templates" / "signin" / "words.yml", unknown="")
"""Chinese for codes; nothing for one nobody has words for."""
_BROWSERS = (
    (r"MicroMessenger", "wechat"),
    (r"Edg/", "edge"),
    (r"Firefox/", "firefox"),
    (r"Chrome/", "chrome"),
    (r"Safari/", "safari"),
)
_SYSTEMS = (
    (r"Windows", "windows"),
    (r"Android", "android"),
    (r"iPhone|iPad", "ios"),
    (r"Mac OS X", "mac"),
    (r"Linux", "linux"),
)


def role_names(roles: Iterable[str]) -> list[str]:
    """The roles' names, in the order of the list of roles."""
    have = set(roles)
    return [name for code, name in words.known("roles").items() if code in have]


def local_time(request: Request) -> Callable[[datetime | None], str]:
    """Writes a moment as the hospital's clock on the wall shows it."""
    clock: Clock = getattr(request.app.state, "clock", None) or Clock()

    def at(moment: datetime | None) -> str:
        return "" if moment is None else f"{clock.local(moment):%Y-%m-%d %H:%M}"

    return at


def browser_of(agent: str) -> str:
    """What a browser calls itself, shortened to what people recognise."""
    found: list[Any] = [
        next((words.known("agents")[code] for sign, code in signs if re.search(sign, agent)), "")
        for signs in (_BROWSERS, _SYSTEMS)
    ]
    return " · ".join(one for one in found if one) or words.known("agents")["other"]
