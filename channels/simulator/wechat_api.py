"""The vendor's side of the WeChat stand-in: tokens, customer-service messages, menus."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import orjson
from fastapi import FastAPI, Request, Response

from channels.simulator.controls import json_response
from channels.simulator.wechat_rules import ERRORS, Refusal

if TYPE_CHECKING:
    from channels.simulator.wechat import WeChatSimulator

API_FAULTS = frozenset(
    {"hang_after", "hang_before", "slow", "http", "http_after", "html", "errcode", "no_errcode"}
)

Call = Callable[[Any, bytes, Request], dict[str, Any]]
"""Parsed JSON body (`None` when there is none), raw body, request → the answer (`{}` for a plain ok)."""


def add_api_routes(app: FastAPI, sim: WeChatSimulator) -> None:
    """Tokens, custom messages, menus."""

    def route(path: str, call: Call, methods: tuple[str, ...] = ("POST",), token: bool = True) -> None:
        add_call(app, sim, path, call, methods, token)

    def custom(payload: Any, raw: bytes, _: Request) -> dict[str, Any]:
        kind = payload.get("msgtype") if isinstance(payload, dict) else None
        part = payload.get(kind) if kind in ("image", "voice", "video") else None
        if isinstance(part, dict):
            sim.media.read(str(part.get("media_id", "")), sim.rules.now())
        user, text, menu = sim.rules.custom(payload, raw)
        sim.transcripts.add(user.openid, "out", text, "custom", menu)
        return {}

    def typing(payload: Any, raw: bytes, _: Request) -> dict[str, Any]:
        sim.rules.typing(payload)
        return {}

    def plain_token(payload: Any, raw: bytes, request: Request) -> dict[str, Any]:
        check_credentials(sim, request, dict(request.query_params))
        token, lasts = sim.rules.plain_token()
        return {"access_token": token, "expires_in": lasts}

    def stable_token(payload: Any, raw: bytes, request: Request) -> dict[str, Any]:
        if not isinstance(payload, dict):
            raise Refusal(47001)
        check_credentials(sim, request, payload)
        token, lasts = sim.rules.stable_token(payload.get("force_refresh") is True)
        return {"access_token": token, "expires_in": lasts}

    def menu_create(payload: Any, raw: bytes, request: Request) -> dict[str, Any]:
        sim.rules.count("menu_create", sim.rules.config.menu_create_daily)
        sim.rules.menu = _menu(payload)
        return {}

    def menu_info(payload: Any, raw: bytes, request: Request) -> dict[str, Any]:
        sim.rules.count("menu_get", sim.rules.config.menu_get_daily)
        return {"is_menu_open": int(sim.rules.menu is not None), "selfmenu_info": sim.rules.menu or {}}

    def menu_get(payload: Any, raw: bytes, request: Request) -> dict[str, Any]:
        sim.rules.count("menu_get", sim.rules.config.menu_get_daily)
        if sim.rules.menu is None:
            raise Refusal(46003)
        return {"menu": sim.rules.menu}

    def menu_delete(payload: Any, raw: bytes, request: Request) -> dict[str, Any]:
        sim.rules.count("menu_delete", sim.rules.config.menu_delete_daily)
        sim.rules.menu = None
        return {}

    def callback_ip(payload: Any, raw: bytes, request: Request) -> dict[str, Any]:
        return {"ip_list": ["127.0.0.1"]}

    route("/cgi-bin/token", plain_token, ("GET",), token=False)
    route("/cgi-bin/stable_token", stable_token, token=False)
    route("/cgi-bin/message/custom/send", custom)
    route("/cgi-bin/message/custom/typing", typing)
    route("/cgi-bin/menu/create", menu_create)
    route("/cgi-bin/menu/get", menu_get, ("GET",))
    route("/cgi-bin/menu/delete", menu_delete, ("GET",))
    route("/cgi-bin/get_current_selfmenu_info", menu_info, ("GET",))
    route("/cgi-bin/getcallbackip", callback_ip, ("GET",))


def add_call(
    app: FastAPI,
    sim: WeChatSimulator,
    path: str,
    call: Call,
    methods: tuple[str, ...] = ("POST",),
    token: bool = True,
) -> None:
    """Serves `call` at `path` as the vendor does: faults first, then the token, errors as `errcode` with a
    rid."""

    async def handle(request: Request) -> Response:
        return await _answer(sim, request, call, token)

    app.add_route(path, handle, methods=list(methods))


async def _answer(sim: WeChatSimulator, request: Request, call: Call, token: bool) -> Response:
    raw = await request.body()
    fault = sim.faults.take(API_FAULTS, request.url.path) if sim.faults else None
    if fault is not None:
        if fault.kind in ("hang_before", "slow"):
            await asyncio.sleep(fault.seconds(30.0 if fault.kind == "hang_before" else 1.0))
        if fault.kind == "http":
            return Response("", status_code=int(fault.seconds(500)))
        if fault.kind in ("html", "hang_before"):
            return Response("<html><body>502 Bad Gateway</body></html>", media_type="text/html")
    try:
        if fault is not None and fault.kind == "errcode":
            raise Refusal(int(fault.seconds(-1)))
        if token:
            sim.rules.check_token(request.query_params.get("access_token", ""))
        result = call(_json(raw), raw, request)
    except Refusal as refusal:
        return json_response({"errcode": refusal.code, "errmsg": errmsg(refusal, sim)})
    if fault is not None:
        if fault.kind == "hang_after":
            await asyncio.sleep(fault.seconds(30.0))
        if fault.kind == "http_after":
            return Response("", status_code=int(fault.seconds(500)))
        if fault.kind == "no_errcode":
            return json_response({})
    return json_response(result or {"errcode": 0, "errmsg": "ok"})


def _json(raw: bytes) -> Any:
    if not raw:
        return None
    try:
        return orjson.loads(raw)
    except orjson.JSONDecodeError:
        raise Refusal(47001) from None


def errmsg(refusal: Refusal, sim: WeChatSimulator) -> str:
    text = f"{ERRORS.get(refusal.code, 'unknown error')}{refusal.addition}"
    return f"{text} rid: {int(sim.rules.now()):08x}-{sim.chance.hexadecimal(4)}-{sim.chance.hexadecimal(4)}"


def check_credentials(sim: WeChatSimulator, request: Request, given: dict[str, Any]) -> None:
    config = sim.rules.config
    if config.ip_white_list and (request.client is None or request.client.host not in config.ip_white_list):
        raise Refusal(40164)
    if given.get("grant_type") != "client_credential":
        raise Refusal(40097)
    if given.get("appid") != config.appid:
        raise Refusal(40013)
    if given.get("secret") != config.secret:
        raise Refusal(40125)


def _menu(payload: Any) -> dict[str, Any]:
    buttons = payload.get("button") if isinstance(payload, dict) else None
    if not isinstance(buttons, list) or not 1 <= len(buttons) <= 3:
        raise Refusal(40016)
    for button in buttons:
        below = button.get("sub_button") or []
        if len(below) > 5:
            raise Refusal(40016)
        for entry in below or [button]:
            if entry.get("type") not in (
                "click",
                "view",
                "scancode_push",
                "scancode_waitmsg",
                "miniprogram",
                "location_select",
            ):
                raise Refusal(40017)
    return dict(payload)
