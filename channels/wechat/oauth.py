"""Who opened a page in WeChat: `/oauth/{account}/start`, `/oauth/{account}/back`, and the session they lead to.

The state is random, signed, kept in one browser's cookie, good for ten minutes and for one answer (a row remembers it). The code is
exchanged on the server; no secret and no openid reaches the browser, only a signed cookie with our contact's id. Where a
visitor is led afterwards was decided before: a path on this site.
"""

from __future__ import annotations

import base64
import hmac
import re
import secrets
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from urllib.parse import quote, urlsplit
from uuid import UUID

import structlog
from fastapi import APIRouter, HTTPException, Request
from sqlalchemy import delete
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.responses import JSONResponse, RedirectResponse, Response

from channels.contacts import service as contacts
from channels.contacts.models import Contact
from channels.ports import ChannelName
from channels.wechat.client import TokenRefused, WeChatClient
from channels.wechat.errors import VendorError
from channels.wechat.models import OAuthState
from channels.wechat.token import StoredToken, TokenKeeper, TokenStore
from channels.wechat.web import SignedIn, authorize_url, js_signature, sign_in
from store import crypto
from store.clock import Clock
from store.database import Database, insert_new
from web.shell import add_templates, render
from web.signin.pages import safe_next
from web.texts import Texts

log = structlog.get_logger(__name__)

TEMPLATES = Path(__file__).parent / "templates"
add_templates("wechat", TEMPLATES)
say = Texts(TEMPLATES / "texts.yml")

STATE_COOKIE = "banyi_oauth"
PATIENT_COOKIE = "banyi_patient"
STATE_LASTS = timedelta(minutes=10)
SESSION_LASTS = timedelta(hours=2)
LAPSED = frozenset({40029, 40163, 42003})
"""The code is wrong, used or too old: the page must be opened anew; channels.md (b)."""
NEXT_AT_MOST = 500
_STATE = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class PatientSession:
    """Who is looking at a page in WeChat."""

    contact_id: UUID
    account_id: str
    expires_at: datetime


# -- the session cookie


def seal_session(contact_id: UUID, account_id: str, expires_at: datetime) -> str:
    """The cookie's value: readable, but not to be made by anybody else."""
    said = f"{contact_id.hex}.{int(expires_at.timestamp())}.{account_id}"
    return f"{said}.{_mac(said, 'patient.session')}"


def read_session(cookie: str, now: datetime) -> PatientSession | None:
    """None for a forged, damaged or expired cookie."""
    said, _, mac = cookie.rpartition(".")
    parts = said.split(".", 2)
    if len(parts) != 3 or not hmac.compare_digest(
        mac.encode("utf-8", "replace"), _mac(said, "patient.session").encode()
    ):
        return None
    expires_at = datetime.fromtimestamp(int(parts[1]), now.tzinfo)
    return PatientSession(UUID(parts[0]), parts[2], expires_at) if expires_at > now else None


def session_of(request: Request) -> PatientSession | None:
    """The patient's session of this browser."""
    clock: Clock = request.app.state.clock
    return read_session(request.cookies.get(PATIENT_COOKIE, ""), clock.now())


def require_patient(account_id: str) -> Callable[[Request], Awaitable[PatientSession]]:
    """Dependency of pages for patients: leads a browser through WeChat's sign-in and back, refuses programs with 401."""

    async def check(request: Request) -> PatientSession:
        found = session_of(request)
        if found is not None and found.account_id == account_id:
            return found
        if request.method != "GET" or "text/html" not in request.headers.get("accept", ""):
            raise HTTPException(401, say("open_again"))
        here = request.url.path + (f"?{request.url.query}" if request.url.query else "")
        raise HTTPException(
            303, headers={"Location": f"/oauth/{account_id}/start?next={quote(here, safe='')}"}
        )

    return check


def _mac(text: str, kind: str) -> str:
    return crypto.lookup(text, kind).replace(":", "-")


# -- the state


def new_state() -> str:
    """64 hexadecimal digits (WeChat takes up to 128 letters and digits): half random, half its signature."""
    half = secrets.token_hex(16)
    return half + _state_mac(half)


def state_ok(state: str) -> bool:
    return _STATE.fullmatch(state) is not None and hmac.compare_digest(state[32:], _state_mac(state[:32]))


def _state_mac(half: str) -> str:
    return crypto.lookup(half, "wechat.oauth_state.sign").encode().hex()[-32:]


def _state_hash(state: str) -> str:
    return crypto.lookup(state, "wechat.oauth_state")


def seal_visit(state: str, account_id: str, wanted: str, expires_at: datetime) -> str:
    """The state's cookie: where the visitor wanted to go, readable only as we wrote it. Nothing is stored until the answer."""
    path = base64.urlsafe_b64encode(wanted.encode()).decode()
    said = f"{state}.{int(expires_at.timestamp())}.{path}"
    return f"{said}.{_mac(f'{account_id} {said}', 'wechat.oauth_visit')}"


def read_visit(cookie: str, state: str, account_id: str, now: datetime) -> tuple[str, datetime] | None:
    """The path wanted and the end of the visit; None for a cookie that is not of this state, forged or too old."""
    said, _, mac = cookie.rpartition(".")
    genuine = _mac(f"{account_id} {said}", "wechat.oauth_visit")
    if not hmac.compare_digest(mac.encode("utf-8", "replace"), genuine.encode()):
        return None
    begun, ends, path = said.split(".")
    expires_at = datetime.fromtimestamp(int(ends), now.tzinfo)
    if begun != state or expires_at <= now:
        return None
    return base64.urlsafe_b64decode(path).decode(), expires_at


async def use_state(
    session: AsyncSession, state: str, account_id: str, wanted: str, expires_at: datetime, now: datetime
) -> bool:
    """Mark the state as answered; False when it was before."""
    await session.execute(delete(OAuthState).where(OAuthState.expires_at < now))
    values = {
        "state_hash": _state_hash(state),
        "account_id": account_id,
        "next_path": wanted,
        "expires_at": expires_at,
        "used_at": now,
    }
    return await insert_new(session, OAuthState, values)


class JsTickets:
    """The JS-SDK's ticket of each account, kept where the access token is: one fetch for all processes."""

    def __init__(self, clients: Mapping[str, WeChatClient], store: TokenStore, clock: Clock) -> None:
        self._keepers = {
            account_id: TokenKeeper(f"{account_id}:jsapi", store, _fetch_ticket(client, clock), clock)
            for account_id, client in clients.items()
        }

    async def current(self, account_id: str) -> str:
        """Raises `TokenRefused`."""
        return await self._keepers[account_id].current()


def _fetch_ticket(client: WeChatClient, clock: Clock) -> Callable[[], Awaitable[StoredToken]]:
    async def fetch() -> StoredToken:
        answer = await client.js_ticket()
        if not isinstance(answer, dict):
            raise TokenRefused(answer)
        now = clock.now().timestamp()
        return StoredToken(str(answer["ticket"]), now + int(answer.get("expires_in", 7200)), now)

    return fetch


# -- the routes


def oauth_router(
    database: Database, clock: Clock, clients: Mapping[str, WeChatClient], tickets: JsTickets, base_url: str
) -> APIRouter:
    """`base_url`: how the world reaches this site; the account's web-authorisation domain must be its host."""
    router = APIRouter(prefix="/oauth/{account_id}", include_in_schema=False)
    secure = base_url.startswith("https:")

    def client_of(account_id: str) -> WeChatClient:
        if (client := clients.get(account_id)) is None:
            raise HTTPException(404)
        return client

    @router.get("/start")
    async def start(account_id: str, next: str = "/") -> Response:
        client = client_of(account_id)
        state, now = new_state(), clock.now()
        wanted = safe_next(next)
        visit = seal_visit(
            state, account_id, wanted if len(wanted) <= NEXT_AT_MOST else "/", now + STATE_LASTS
        )
        back = f"{base_url}/oauth/{quote(account_id)}/back"
        response = RedirectResponse(authorize_url(client.account, back, state), 302)
        lasts = int(STATE_LASTS.total_seconds())
        response.set_cookie(
            STATE_COOKIE, visit, lasts, httponly=True, samesite="lax", secure=secure, path="/oauth"
        )
        response.headers["Cache-Control"] = "no-store"
        return response

    @router.get("/back")
    async def back(request: Request, account_id: str, code: str = "", state: str = "") -> Response:
        client, now = client_of(account_id), clock.now()
        visit = read_visit(request.cookies.get(STATE_COOKIE, ""), state, account_id, now)
        if visit is None or not state_ok(state):
            return _trouble(request, "open_again", 400)
        wanted, ends = visit
        async with database.write("oauth-back") as session:
            fresh = await use_state(session, state, account_id, wanted, ends, now)
        if not fresh:
            return _trouble(request, "open_again", 400)
        if not code or len(code) > 512:
            return _trouble(request, "not_allowed", 403, wanted)
        found = await sign_in(client, code)
        if isinstance(found, VendorError) and found.code in LAPSED:
            return _trouble(request, "open_again", 400, wanted)
        if not isinstance(found, SignedIn):
            log.warning("oauth.failed", account=account_id, reason=type(found).__name__)
            return _trouble(request, "try_later", 503, wanted)
        if found.snapshot:
            return _trouble(request, "snapshot", 403, wanted)
        async with database.write("oauth-contact") as session:
            contact, _ = await contacts.ensure(session, ChannelName.WECHAT, account_id, found.openid, now)
            contact_id = contact.id
        response = RedirectResponse(wanted, 303)
        value = seal_session(contact_id, account_id, now + SESSION_LASTS)
        lasts = int(SESSION_LASTS.total_seconds())
        response.set_cookie(
            PATIENT_COOKIE, value, lasts, httponly=True, samesite="lax", secure=secure, path="/"
        )
        response.delete_cookie(STATE_COOKIE, path="/oauth")
        response.headers["Cache-Control"] = "no-store"
        return response

    @router.get("/js")
    async def js_config(account_id: str, url: str = "") -> Response:
        """What `wx.config` needs for one of our own pages."""
        client = client_of(account_id)
        page = url.partition("#")[0]
        if _origin(page) != _origin(base_url) or len(page) > 2000:
            raise HTTPException(403)
        try:
            ticket = await tickets.current(account_id)
        except TokenRefused as error:
            log.warning("oauth.no_ticket", account=account_id, reason=str(error))
            raise HTTPException(503) from error
        nonce, stamp = secrets.token_hex(8), int(clock.now().timestamp())
        body = {
            "appId": client.account.appid,
            "timestamp": stamp,
            "nonceStr": nonce,
            "signature": js_signature(ticket, nonce, stamp, page),
        }
        return JSONResponse(body, headers={"Cache-Control": "no-store"})

    return router


def _origin(url: str) -> tuple[str, str, int | None]:
    try:
        parts = urlsplit(url)
        return parts.scheme, parts.hostname or "", parts.port
    except ValueError:
        return "", "", None


def _trouble(request: Request, what: str, status: int, again: str = "") -> Response:
    response = render(
        request,
        "wechat/oauth_trouble.html",
        status,
        title=say(f"{what}_title"),
        said=say(what),
        again=f"/oauth/{request.path_params['account_id']}/start?next={quote(again, safe='')}"
        if again
        else "",
    )
    response.delete_cookie(STATE_COOKIE, path="/oauth")
    return response


async def contact_of(session: AsyncSession, patient: PatientSession) -> Contact | None:
    """The contact behind a session, if it is still there."""
    return await session.get(Contact, patient.contact_id)
