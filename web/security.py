"""Headers every answer carries, and the check that a form was sent from our own pages."""

from __future__ import annotations

import secrets
from typing import Annotated, Literal, TypedDict
from urllib.parse import urlsplit

from fastapi import Depends, HTTPException, Request
from starlette.datastructures import MutableHeaders
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from web.texts import say

CSRF_COOKIE = "banyi_csrf"
CSRF_FIELD = "csrf_token"
CSRF_HEADER = "X-CSRF-Token"
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})

_SOURCES = {
    "default-src": "'none'",
    "script-src": "'self'",
    "style-src": "'self'",
    "img-src": "'self' data:",
    "font-src": "'self'",
    "connect-src": "'self'",
    "manifest-src": "'self'",
    "form-action": "'self'",
    "base-uri": "'none'",
    "frame-ancestors": "'none'",
}
HEADERS = {
    "Content-Security-Policy": "; ".join(f"{name} {allowed}" for name, allowed in _SOURCES.items()),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=(), payment=()",
    "Cross-Origin-Opener-Policy": "same-origin",
}


class SecurityHeaders:
    """ASGI middleware: adds `HEADERS` where the handler did not set its own; pages are not kept by caches."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
                if headers.get("content-type", "").startswith("text/html"):
                    headers.setdefault("Cache-Control", "no-store")
                if scope["scheme"] == "https":
                    headers.setdefault("Strict-Transport-Security", "max-age=31536000")
            await send(message)

        await self.app(scope, receive, send_with_headers)


def csrf_token(request: Request) -> str:
    """This browser's token: from its cookie, else a new one that `keep_csrf` hands out with the answer."""
    known: str | None = getattr(request.state, "csrf", None)
    if known is None:
        cookie = request.cookies.get(CSRF_COOKIE, "")
        known = cookie if len(cookie) == 43 and cookie.isascii() else secrets.token_urlsafe(32)
        request.state.csrf = known
    return known


def keep_csrf(request: Request, response: Response) -> None:
    """Set the cookie on `response` if the browser has not got it yet."""
    token = csrf_token(request)
    if request.cookies.get(CSRF_COOKIE) != token:
        response.set_cookie(CSRF_COOKIE, token, **cookie_flags(request))


class CookieFlags(TypedDict):
    """What every cookie of ours carries."""

    httponly: bool
    samesite: Literal["lax"]
    secure: bool
    path: str


def cookie_flags(request: Request) -> CookieFlags:
    """Hidden from scripts, not sent by other sites' forms, and over HTTPS only where the site is reached by it.

    `app.state.https`: the public address is HTTPS, whatever the proxy speaks to us.
    """
    secure = request.url.scheme == "https" or bool(getattr(request.app.state, "https", False))
    return {"httponly": True, "samesite": "lax", "secure": secure, "path": "/"}


async def csrf_protect(request: Request) -> None:
    """Dependency: refuse (403) an unsafe request that did not start on our own page.

    Two independent checks: what the browser says of the origin (`Sec-Fetch-Site`, else `Origin`), and the
    token, in the field `csrf_token` or the header `X-CSRF-Token`, against the cookie (OWASP's double submit).
    """
    if request.method in SAFE_METHODS:
        return
    if not same_origin(request):
        raise HTTPException(403, say("form_stale"))
    sent = request.headers.get(CSRF_HEADER)
    content_type = request.headers.get("content-type", "")
    if sent is None and content_type.startswith(("application/x-www-form-urlencoded", "multipart/form-data")):
        field = (await request.form()).get(CSRF_FIELD)
        sent = field if isinstance(field, str) else None
    cookie = request.cookies.get(CSRF_COOKIE, "")
    if not sent or not cookie or not secrets.compare_digest(sent.encode(), cookie.encode()):
        raise HTTPException(403, say("form_stale"))


def same_origin(request: Request) -> bool:
    """Whether the browser says that one of our own pages asked."""
    site = request.headers.get("sec-fetch-site")
    if site is not None:
        return site in ("same-origin", "none")
    origin = request.headers.get("origin")
    return origin is None or urlsplit(origin).netloc == request.headers.get("host", "")


CsrfProtected = Annotated[None, Depends(csrf_protect)]
