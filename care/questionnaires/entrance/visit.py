"""The cookie of who proved to be somebody: bound to one link, sent to its path only, signed, not readable by scripts."""

from __future__ import annotations

import hmac
from datetime import datetime, timedelta
from uuid import UUID

from fastapi import Request
from starlette.responses import Response

from store import crypto
from web.security import cookie_flags

COOKIE = "banyi_answers"
LASTS = timedelta(hours=12)
"""A form that is left lying is gone on with in the evening; a phone that is lent tomorrow asks anew."""


def let_in(request: Request, response: Response, path: str, link_id: UUID, now: datetime) -> None:
    """Set the cookie for `path` (`/q/<token>`)."""
    said = f"{link_id.hex}.{int((now + LASTS).timestamp())}"
    response.set_cookie(
        COOKIE,
        f"{said}.{_mac(said)}",
        int(LASTS.total_seconds()),
        **{**cookie_flags(request), "path": path},  # type: ignore[arg-type]
    )


def is_in(request: Request, link_id: UUID, now: datetime) -> bool:
    """Whether this browser proved it for this link, not too long ago."""
    said, _, mac = request.cookies.get(COOKIE, "").rpartition(".")
    if not hmac.compare_digest(mac.encode("utf-8", "replace"), _mac(said).encode()):
        return False
    whose, _, until = said.partition(".")
    return whose == link_id.hex and int(until) > now.timestamp()


def _mac(said: str) -> str:
    return crypto.lookup(said, "response.visit").replace(":", "-")
