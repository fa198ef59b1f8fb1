"""The vendor's side of the WeChat stand-in, second half: media, web sign-in, JS tickets, quota."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from fastapi import FastAPI, Request, Response
from fastapi.responses import RedirectResponse
from starlette.datastructures import UploadFile

from channels.simulator.chance import Chance
from channels.simulator.controls import json_response, problem
from channels.simulator.wechat_api import add_call, check_credentials, errmsg
from channels.simulator.wechat_rules import Refusal, SimWeChatConfig

if TYPE_CHECKING:
    from channels.simulator.wechat import WeChatSimulator

MEDIA_TYPES: Mapping[str, str] = {
    "image": "image/jpeg",
    "voice": "voice/amr",
    "video": "video/mp4",
    "shortvideo": "video/mp4",
    "thumb": "image/jpeg",
}
MEDIA_SAMPLES: Mapping[str, bytes] = {
    "image": b"\xff\xd8\xff\xe0\x00\x10JFIF\x00\x01\x01" + bytes(64),
    "voice": b"#!AMR\n" + bytes(64),
    "video": b"\x00\x00\x00\x18ftypmp42" + bytes(64),
    "shortvideo": b"\x00\x00\x00\x18ftypmp42" + bytes(64),
}
"""What a phone sends when a test names no content: the head of such a file, and nothing to see or hear in it."""
MEDIA_KEPT = 500


class MediaStore:
    """Temporary media: three days, the newest 500."""

    def __init__(self, chance: Chance, seconds: float) -> None:
        self._chance = chance
        self._seconds = seconds
        self._kept: OrderedDict[str, tuple[float, str, bytes]] = OrderedDict()

    def keep(self, content: bytes, content_type: str, now: float) -> str:
        """Stores and returns a new media id."""
        media_id = self._chance.token(48)
        self._kept[media_id] = (now + self._seconds, content_type, content)
        if len(self._kept) > MEDIA_KEPT:
            self._kept.popitem(last=False)
        return media_id

    def read(self, media_id: str, now: float) -> tuple[str, bytes]:
        """`(content type, bytes)`; 40007 when unknown or older than three days."""
        end, content_type, content = self._kept.get(media_id, (0.0, "", b""))
        if now >= end:
            raise Refusal(40007)
        return content_type, content


@dataclass(slots=True)
class _Grant:
    openid: str
    scope: str
    expires: float
    used: bool = False


class OAuth:
    """Codes and tokens of web sign-in (`/connect/oauth2/authorize`, `/sns/…`)."""

    def __init__(self, config: SimWeChatConfig, chance: Chance) -> None:
        self._config = config
        self._chance = chance
        self._codes: dict[str, _Grant] = {}
        self._tokens: dict[str, _Grant] = {}
        self._refresh: dict[str, _Grant] = {}

    def code(self, openid: str, scope: str, now: float) -> str:
        code = self._chance.token(24)
        self._codes[code] = _Grant(openid, scope, now + self._config.code_seconds)
        return code

    def exchange(self, code: str, now: float) -> dict[str, Any]:
        """`access_token` for a code, once: 40029 unknown, 40163 used, 42003 expired."""
        grant = self._codes.get(code)
        if grant is None:
            raise Refusal(40029)
        if grant.used:
            raise Refusal(40163)
        if now >= grant.expires:
            raise Refusal(42003)
        grant.used = True
        return self._issue(grant, now)

    def refresh(self, token: str, now: float) -> dict[str, Any]:
        grant = self._refresh.get(token)
        if grant is None:
            raise Refusal(40030)
        return self._issue(grant, now)

    def openid(self, token: str, scope: str, now: float) -> str:
        """Whose token it is; 48001 when it was made for the smaller scope."""
        grant = self._tokens.get(token)
        if grant is None:
            raise Refusal(40001)
        if now >= grant.expires:
            raise Refusal(42001)
        if scope and grant.scope != scope:
            raise Refusal(48001)
        return grant.openid

    def _issue(self, grant: _Grant, now: float) -> dict[str, Any]:
        access, refresh = self._chance.token(64), self._chance.token(64)
        self._tokens[access] = _Grant(grant.openid, grant.scope, now + self._config.sns_seconds)
        self._refresh[refresh] = grant
        return {
            "access_token": access,
            "expires_in": self._config.sns_seconds,
            "refresh_token": refresh,
            "openid": grant.openid,
            "scope": grant.scope,
        }


def add_more_routes(app: FastAPI, sim: WeChatSimulator) -> None:
    """Media, web sign-in, JS tickets, quota."""
    _media(app, sim)
    _sign_in(app, sim)

    def ticket(payload: Any, raw: bytes, request: Request) -> dict[str, Any]:
        config = sim.rules.config
        if request.query_params.get("type") not in ("jsapi", "wx_card"):
            raise Refusal(40097)
        return {
            "errcode": 0,
            "errmsg": "ok",
            "ticket": sim.chance.token(64),
            "expires_in": config.ticket_seconds,
        }

    def clear_quota(payload: Any, raw: bytes, request: Request) -> dict[str, Any]:
        if not isinstance(payload, dict) or payload.get("appid") != sim.rules.config.appid:
            raise Refusal(40013)
        sim.rules.clear_counts()
        return {}

    add_call(app, sim, "/cgi-bin/ticket/getticket", ticket, ("GET",))
    add_call(app, sim, "/cgi-bin/clear_quota", clear_quota)


def _media(app: FastAPI, sim: WeChatSimulator) -> None:
    async def upload(request: Request) -> Response:
        try:
            sim.rules.check_token(request.query_params.get("access_token", ""))
            sim.rules.count("upload", sim.rules.config.upload_daily)
            kind = request.query_params.get("type", "")
            if kind not in sim.rules.config.media_limits:
                raise Refusal(40004)
            form = await request.form()
            given = form.get("media")
            if not isinstance(given, UploadFile):
                raise Refusal(41005)
            content = await given.read()
            if not content or len(content) > sim.rules.config.media_limits[kind]:
                raise Refusal(40006)
            now = sim.rules.now()
            media_id = sim.media.keep(content, given.content_type or MEDIA_TYPES[kind], now)
        except Refusal as refusal:
            return json_response({"errcode": refusal.code, "errmsg": errmsg(refusal, sim)})
        return json_response({"type": kind, "media_id": media_id, "created_at": int(now)})

    async def download(request: Request) -> Response:
        try:
            sim.rules.check_token(request.query_params.get("access_token", ""))
            sim.rules.count("download", sim.rules.config.download_daily)
            kind, content = sim.media.read(request.query_params.get("media_id", ""), sim.rules.now())
        except Refusal as refusal:
            return json_response({"errcode": refusal.code, "errmsg": errmsg(refusal, sim)})
        return Response(
            content, media_type=kind, headers={"Content-Disposition": 'attachment; filename="media"'}
        )

    app.add_route("/cgi-bin/media/upload", upload, methods=["POST"])
    app.add_route("/cgi-bin/media/get", download, methods=["GET"])


def _sign_in(app: FastAPI, sim: WeChatSimulator) -> None:
    async def authorize(request: Request) -> Response:
        """In WeChat the phone knows who it is; here the phone page adds `openid`."""
        query, config = request.query_params, sim.rules.config
        back = urlsplit(query.get("redirect_uri", ""))
        scope, openid = query.get("scope", ""), query.get("openid", "")
        if query.get("appid") != config.appid or query.get("response_type") != "code":
            return problem(400, "appid or response_type is wrong")
        if back.scheme not in ("http", "https") or (
            config.oauth_domains and back.netloc not in config.oauth_domains
        ):
            return problem(400, "10003: redirect_uri is not under an allowed domain")
        if scope not in ("snsapi_base", "snsapi_userinfo"):
            return problem(400, "10005: scope is wrong")
        if openid not in sim.rules.users:
            return problem(400, "add openid=… of a known user: this stand-in has no phone of its own")
        code = sim.oauth.code(openid, scope, sim.rules.now())
        added = [
            *parse_qsl(back.query, keep_blank_values=True),
            ("code", code),
            ("state", query.get("state", "")),
        ]
        return RedirectResponse(
            urlunsplit(back._replace(query=urlencode(added), fragment="")), status_code=302
        )

    def exchange(payload: Any, raw: bytes, request: Request) -> dict[str, Any]:
        query = request.query_params
        sim.rules.count("sns", sim.rules.config.sns_minute, 60, 45011)
        check_credentials(sim, request, dict(query) | {"grant_type": "client_credential"})
        if query.get("grant_type") != "authorization_code":
            raise Refusal(40097)
        answer = sim.oauth.exchange(query.get("code", ""), sim.rules.now())
        if answer["openid"] in sim.rules.config.snapshot_users:
            answer["is_snapshotuser"] = 1
        return answer

    def refresh(payload: Any, raw: bytes, request: Request) -> dict[str, Any]:
        return sim.oauth.refresh(request.query_params.get("refresh_token", ""), sim.rules.now())

    def userinfo(payload: Any, raw: bytes, request: Request) -> dict[str, Any]:
        query = request.query_params
        openid = sim.oauth.openid(query.get("access_token", ""), "snsapi_userinfo", sim.rules.now())
        if openid != query.get("openid"):
            raise Refusal(40003)
        return {"openid": openid, "nickname": "微信用户", "sex": 0, "headimgurl": "", "privilege": []}

    def auth(payload: Any, raw: bytes, request: Request) -> dict[str, Any]:
        openid = sim.oauth.openid(request.query_params.get("access_token", ""), "", sim.rules.now())
        if openid != request.query_params.get("openid"):
            raise Refusal(40003)
        return {}

    app.add_route("/connect/oauth2/authorize", authorize, methods=["GET"])
    add_call(app, sim, "/sns/oauth2/access_token", exchange, ("GET",), token=False)
    add_call(app, sim, "/sns/oauth2/refresh_token", refresh, ("GET",), token=False)
    add_call(app, sim, "/sns/userinfo", userinfo, ("GET",), token=False)
    add_call(app, sim, "/sns/auth", auth, ("GET",), token=False)
