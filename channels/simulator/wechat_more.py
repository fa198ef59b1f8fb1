"""The vendor's side of the WeChat stand-in, second half: notices, media, web sign-in, JS tickets, quota."""

from __future__ import annotations

import secrets
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from fastapi import FastAPI, Request, Response
from fastapi.responses import RedirectResponse
from starlette.datastructures import UploadFile

from channels.simulator.controls import json_response, problem
from channels.simulator.wechat_api import add_call, check_credentials, errmsg
from channels.simulator.wechat_fields import check_fields
from channels.simulator.wechat_rules import Refusal

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
MEDIA_LIMITS: Mapping[str, int] = {"image": 10 << 20, "voice": 2 << 20, "video": 10 << 20, "thumb": 64 << 10}
"""Bytes of an upload; from memory of the vendor's table, unconfirmed."""
MEDIA_SECONDS = 3 * 86400.0
MEDIA_KEPT = 500
CODE_SECONDS = 300.0
"""Life of a web sign-in code; unconfirmed."""
SNS_SECONDS = 7200


class MediaStore:
    """Temporary media: three days, the newest 500."""

    def __init__(self) -> None:
        self._kept: OrderedDict[str, tuple[float, str, bytes]] = OrderedDict()

    def keep(self, content: bytes, content_type: str, now: float) -> str:
        """Stores and returns a new media id."""
        media_id = secrets.token_urlsafe(48)
        self._kept[media_id] = (now + MEDIA_SECONDS, content_type, content)
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

    def __init__(self) -> None:
        self._codes: dict[str, _Grant] = {}
        self._tokens: dict[str, _Grant] = {}
        self._refresh: dict[str, _Grant] = {}

    def code(self, openid: str, scope: str, now: float) -> str:
        code = secrets.token_urlsafe(24)
        self._codes[code] = _Grant(openid, scope, now + CODE_SECONDS)
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
        access, refresh = secrets.token_urlsafe(64), secrets.token_urlsafe(64)
        self._tokens[access] = _Grant(grant.openid, grant.scope, now + SNS_SECONDS)
        self._refresh[refresh] = grant
        return {
            "access_token": access,
            "expires_in": SNS_SECONDS,
            "refresh_token": refresh,
            "openid": grant.openid,
            "scope": grant.scope,
        }


def add_more_routes(app: FastAPI, sim: WeChatSimulator) -> None:
    """Notices, media, web sign-in, JS tickets, quota."""
    _notices(app, sim)
    _media(app, sim)
    _sign_in(app, sim)

    def ticket(payload: Any, raw: bytes, request: Request) -> dict[str, Any]:
        if request.query_params.get("type") not in ("jsapi", "wx_card"):
            raise Refusal(40097)
        return {"errcode": 0, "errmsg": "ok", "ticket": secrets.token_urlsafe(64), "expires_in": 7200}

    def clear_quota(payload: Any, raw: bytes, request: Request) -> dict[str, Any]:
        if not isinstance(payload, dict) or payload.get("appid") != sim.rules.config.appid:
            raise Refusal(40013)
        sim.rules.clear_counts()
        return {}

    add_call(app, sim, "/cgi-bin/ticket/getticket", ticket, ("GET",))
    add_call(app, sim, "/cgi-bin/clear_quota", clear_quota)


def _notices(app: FastAPI, sim: WeChatSimulator) -> None:
    def checked(payload: Any) -> tuple[str, str, dict[str, str]]:
        if not isinstance(payload, dict):
            raise Refusal(47001)
        template_id = str(payload.get("template_id", ""))
        fields = sim.rules.config.templates.get(template_id)
        if fields is None:
            raise Refusal(40037)
        return str(payload.get("touser", "")), template_id, check_fields(fields, payload.get("data"))

    def template(payload: Any, raw: bytes, request: Request) -> dict[str, Any]:
        sim.rules.count("template", sim.rules.config.template_daily)
        openid, _, values = checked(payload)
        user = sim.rules.user(openid)
        if not user.subscribed:
            raise Refusal(43004)
        message_id = sim.next_id()
        status = "failed:user block" if user.blacklisted else "success"
        if status == "success":
            sim.transcripts.add(openid, "out", _lines(values), "template")
        sim.notify(user, "TEMPLATESENDJOBFINISH", {"MsgID": message_id, "Status": status})
        return {"errcode": 0, "errmsg": "ok", "msgid": message_id}

    def subscription(payload: Any, raw: bytes, request: Request) -> dict[str, Any]:
        openid, template_id, values = checked(payload)
        user = sim.rules.user(openid)
        left = user.consents.get(template_id, 0.0)
        if left < 1:
            raise Refusal(43101)
        user.consents[template_id] = left - 1
        sim.transcripts.add(openid, "out", _lines(values), "template")
        item = {
            "TemplateId": template_id,
            "MsgID": sim.next_id(),
            "ErrorCode": 0,
            "ErrorStatus": "success",
        }
        listed: Any = item if sim.rules.config.envelope == "xml" else [item]
        sim.notify(user, "subscribe_msg_sent_event", {"SubscribeMsgSentEvent": {"List": listed}})
        return {}

    add_call(app, sim, "/cgi-bin/message/template/send", template)
    add_call(app, sim, "/cgi-bin/message/subscribe/bizsend", subscription)


def _lines(values: Mapping[str, str]) -> str:
    return "\n".join(values.values())


def _media(app: FastAPI, sim: WeChatSimulator) -> None:
    async def upload(request: Request) -> Response:
        try:
            sim.rules.check_token(request.query_params.get("access_token", ""))
            sim.rules.count("upload", 100_000)
            kind = request.query_params.get("type", "")
            if kind not in MEDIA_LIMITS:
                raise Refusal(40004)
            form = await request.form()
            given = form.get("media")
            if not isinstance(given, UploadFile):
                raise Refusal(41005)
            content = await given.read()
            if not content or len(content) > MEDIA_LIMITS[kind]:
                raise Refusal(40006)
            now = sim.rules.now()
            media_id = sim.media.keep(content, given.content_type or MEDIA_TYPES[kind], now)
        except Refusal as refusal:
            return json_response({"errcode": refusal.code, "errmsg": errmsg(refusal, sim)})
        return json_response({"type": kind, "media_id": media_id, "created_at": int(now)})

    async def download(request: Request) -> Response:
        try:
            sim.rules.check_token(request.query_params.get("access_token", ""))
            sim.rules.count("download", 200_000)
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
        sim.rules.count("sns", 50_000, 60, 45011)
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
