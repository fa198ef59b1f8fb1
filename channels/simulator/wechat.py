"""A stand-in for WeChat: the vendor's API on its own paths, the patients' side under `/_sim`.

app = create_wechat_simulator(SimWeChatConfig(followers=("o1",)), "http://127.0.0.1:8000/wx/main")
sim = app.state.sim
await sim.user_text("o1", "挂号")
"""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import orjson
from fastapi import FastAPI, Request, Response

from channels.simulator.controls import add_common_controls, json_response, problem, read_object
from channels.simulator.faults import Faults
from channels.simulator.transcript import Event, Transcripts
from channels.simulator.wechat_push import TROUBLE, Pusher, PushResult
from channels.simulator.wechat_rules import ERRORS, Refusal, SimWeChatConfig, User, WeChatRules
from store.clock import Clock, VirtualClock

API_FAULTS = frozenset(
    {"hang_after", "hang_before", "slow", "http", "http_after", "html", "errcode", "no_errcode"}
)
BEFORE = frozenset({"hang_before", "http", "html", "errcode"})


class NotAFollower(RuntimeError):
    """The openid does not follow the account, so its phone has no chat to write in."""


class WeChatSimulator:
    """The account, its followers' phones, and what goes wrong between them."""

    def __init__(
        self,
        config: SimWeChatConfig,
        callback_url: str,
        clock: VirtualClock | None = None,
        push_clock: Clock | None = None,
    ) -> None:
        self.clock = clock or VirtualClock()
        self.rules = WeChatRules(config, self.clock)
        self.faults = Faults()
        self.transcripts = Transcripts(self.clock, config.transcript_events)
        self.pusher = Pusher(
            config, callback_url, push_clock or (self.clock if clock else Clock()), self.faults
        )
        self._next_id = time.time_ns() // 1_000_000 << 20
        self._tasks: set[asyncio.Task[PushResult]] = set()

    # -- the patient

    def add_follower(self, openid: str) -> None:
        """Follows without telling the account, as one that has followed for long."""
        self.rules.follow(openid)

    async def user_follow(self, openid: str, scene: str = "") -> PushResult:
        """Follows the account; with `scene`, by scanning its QR code."""
        user = self.rules.follow(openid)
        user.scene = scene
        self.rules.grant(user, "follow")
        self.transcripts.add(openid, "system", "已关注", "event")
        extra = (
            {"EventKey": f"qrscene_{scene}", "Ticket": secrets.token_urlsafe(48)}
            if scene
            else {"EventKey": ""}
        )
        return await self._event(user, "subscribe", extra)

    async def user_unfollow(self, openid: str) -> PushResult:
        user = self._follower(openid)
        user.subscribed, user.remaining, user.expires = False, 0, 0.0
        self.transcripts.add(openid, "system", "已取消关注", "event")
        return await self._event(user, "unsubscribe", {"EventKey": ""}, shown=False)

    async def user_text(self, openid: str, text: str) -> PushResult:
        """Writes `text`; returns once the account has answered the push or WeChat has given up."""
        user = self._follower(openid)
        self.transcripts.add(openid, "in", text, "text")
        self.rules.grant(user, "message")
        return await self._message(user, {"MsgType": "text", "Content": text})

    async def tap_item(self, openid: str, item_id: str) -> PushResult:
        """Taps an item of any menu message received so far."""
        user = self._follower(openid)
        label = user.menus.get(item_id)
        if label is None:
            raise KeyError(f"no menu item {item_id!r} was sent to this phone")
        self.transcripts.add(openid, "in", label, "menu")
        self.rules.grant(user, "menu")
        return await self._message(user, {"MsgType": "text", "Content": label, "bizmsgmenuid": item_id})

    async def tap_menu(self, openid: str, key: str, event: str = "CLICK") -> PushResult:
        """Taps the account's own menu: `CLICK`, or `VIEW` with a URL as `key`."""
        user = self._follower(openid)
        self.transcripts.add(openid, "system", f"点击菜单：{self._menu_name(key)}", "event")
        if event == "CLICK":
            self.rules.grant(user, "click")
        return await self._event(user, event, {"EventKey": key})

    async def user_media(self, openid: str, kind: str, **fields: Any) -> PushResult:
        """Sends `image`, `voice`, `video`, `location`, `link`… with the vendor's own field names."""
        user = self._follower(openid)
        self.transcripts.add(openid, "in", f"[{kind}]", kind)
        self.rules.grant(user, "message")
        defaults: dict[str, Any] = {}
        if kind in ("image", "voice", "video", "shortvideo"):
            defaults = {"MediaId": secrets.token_urlsafe(48)}
        if kind == "voice":
            defaults |= {"Format": "amr", "Recognition": ""}
        return await self._message(user, {"MsgType": kind} | defaults | fields)

    async def user_scan(self, openid: str, scene: str) -> PushResult:
        """Scans a QR code of the account; follows by it when the openid does not follow yet."""
        user = self.rules.users.get(openid)
        if user is None or not user.subscribed:
            return await self.user_follow(openid, scene)
        self.transcripts.add(openid, "system", "扫描二维码", "event")
        self.rules.grant(user, "scan")
        return await self._event(user, "SCAN", {"EventKey": scene, "Ticket": secrets.token_urlsafe(48)})

    async def user_event(self, openid: str, event: str, **fields: Any) -> PushResult:
        """Any other event by the vendor's name and fields; grants nothing."""
        return await self._event(self._follower(openid), event, fields, shown=False)

    def start(self, push: Awaitable[PushResult]) -> None:
        """Runs a user's action in the background: the phone does not wait for the account."""

        async def run() -> PushResult:
            try:
                return await push
            except (NotAFollower, KeyError) as error:
                return PushResult("dropped", detail=f"{type(error).__name__} {error}")

        task = asyncio.create_task(run())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    # -- what is seen

    def transcript(self, openid: str, after: int = 0) -> list[Event]:
        return self.transcripts.read(openid, after)

    def listen(self, openid: str, after: int | None = None) -> AsyncIterator[Event]:
        return self.transcripts.listen(openid, after)

    def window(self, openid: str) -> dict[str, Any]:
        """`{"left", "expires"}`: customer-service messages left and the end of the window (seconds since 1970)."""
        user = self.rules.users.get(openid)
        if user is None:
            return {"left": 0, "expires": 0, "subscribed": False}
        return {"left": self.rules.left(user), "expires": int(user.expires), "subscribed": user.subscribed}

    def advance(self, seconds: float) -> None:
        self.clock.advance(timedelta(seconds=seconds))

    def reset(self) -> None:
        """Forgets people, tokens, faults and transcripts; the configured followers follow again."""
        self.rules = WeChatRules(self.rules.config, self.clock)
        self.faults.clear()
        self.transcripts.clear()
        self.pusher.reset()

    async def close(self) -> None:
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.pusher.close()

    # -- inside

    def _follower(self, openid: str) -> User:
        user = self.rules.users.get(openid)
        if user is None or not user.subscribed:
            raise NotAFollower(openid)
        return user

    def _menu_name(self, key: str) -> str:
        for button in (self.rules.menu or {}).get("button", []):
            for entry in [button, *(button.get("sub_button") or [])]:
                if key in (entry.get("key"), entry.get("url")):
                    return str(entry.get("name", key))
        return key

    async def _message(self, user: User, fields: dict[str, Any]) -> PushResult:
        self._next_id += 1
        return await self._push(user, fields | {"MsgId": self._next_id})

    async def _event(self, user: User, event: str, fields: dict[str, Any], shown: bool = True) -> PushResult:
        return await self._push(user, {"MsgType": "event", "Event": event} | fields, shown)

    async def _push(self, user: User, fields: dict[str, Any], shown: bool = True) -> PushResult:
        head = {
            "ToUserName": self.rules.config.original_id,
            "FromUserName": user.openid,
            "CreateTime": int(self.rules.now()),
        }
        result = await self.pusher.push(user.openid, head | fields)
        if result.reply:
            self.transcripts.add(user.openid, "out", result.reply, "passive")
        elif result.status != "ok" and shown:
            self.transcripts.add(user.openid, "out", TROUBLE, "error")
        return result


def create_wechat_simulator(
    config: SimWeChatConfig,
    callback_url: str,
    clock: VirtualClock | None = None,
    push_clock: Clock | None = None,
) -> FastAPI:
    """The whole stand-in; `app.state.sim` is its `WeChatSimulator`.

    `clock` drives windows and token lives. Pushes are signed with `push_clock`: by default `clock` when one is given (the
    account under test shares it), else real time, so that moving a private clock does not make every push stale.
    """
    sim = WeChatSimulator(config, callback_url, clock, push_clock)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        yield
        await sim.close()

    app = FastAPI(
        title="WeChat simulator", docs_url=None, redoc_url=None, openapi_url=None, lifespan=lifespan
    )
    app.state.sim = sim
    _vendor_routes(app, sim)
    _control_routes(app, sim)
    return app


Call = Callable[[Any, bytes, Request], dict[str, Any]]


def _vendor_routes(app: FastAPI, sim: WeChatSimulator) -> None:
    def route(path: str, call: Call, methods: tuple[str, ...] = ("POST",), token: bool = True) -> None:
        async def handle(request: Request) -> Response:
            return await _answer(sim, request, call, token)

        app.add_route(path, handle, methods=list(methods))

    def custom(payload: Any, raw: bytes, _: Request) -> dict[str, Any]:
        user, text, menu = sim.rules.custom(payload, raw)
        sim.transcripts.add(user.openid, "out", text, "custom", menu)
        return {}

    def typing(payload: Any, raw: bytes, _: Request) -> dict[str, Any]:
        sim.rules.typing(payload)
        return {}

    def plain_token(payload: Any, raw: bytes, request: Request) -> dict[str, Any]:
        _credentials(sim, request, dict(request.query_params))
        token, lasts = sim.rules.plain_token()
        return {"access_token": token, "expires_in": lasts}

    def stable_token(payload: Any, raw: bytes, request: Request) -> dict[str, Any]:
        if not isinstance(payload, dict):
            raise Refusal(47001)
        _credentials(sim, request, payload)
        token, lasts = sim.rules.stable_token(payload.get("force_refresh") is True)
        return {"access_token": token, "expires_in": lasts}

    def user_info(payload: Any, raw: bytes, request: Request) -> dict[str, Any]:
        user = sim.rules.user(request.query_params.get("openid", ""))
        if not user.subscribed:
            return {"subscribe": 0, "openid": user.openid}
        scene = "ADD_SCENE_QR_CODE" if user.scene else "ADD_SCENE_SEARCH"
        return {
            "subscribe": 1,
            "openid": user.openid,
            "nickname": "",
            "language": "zh_CN",
            "headimgurl": "",
            "subscribe_time": user.subscribe_time,
            "remark": "",
            "groupid": 0,
            "tagid_list": [],
            "subscribe_scene": scene,
            "qr_scene": 0,
            "qr_scene_str": user.scene,
        }

    def followers(payload: Any, raw: bytes, request: Request) -> dict[str, Any]:
        openids = [user.openid for user in sim.rules.users.values() if user.subscribed]
        return {"total": len(openids), "count": len(openids), "data": {"openid": openids}, "next_openid": ""}

    def qrcode(payload: Any, raw: bytes, request: Request) -> dict[str, Any]:
        return _qrcode(payload)

    def menu_create(payload: Any, raw: bytes, request: Request) -> dict[str, Any]:
        sim.rules.menu = _menu(payload)
        return {}

    def menu_info(payload: Any, raw: bytes, request: Request) -> dict[str, Any]:
        return {"is_menu_open": int(sim.rules.menu is not None), "selfmenu_info": sim.rules.menu or {}}

    def menu_get(payload: Any, raw: bytes, request: Request) -> dict[str, Any]:
        if sim.rules.menu is None:
            raise Refusal(46003)
        return {"menu": sim.rules.menu}

    def menu_delete(payload: Any, raw: bytes, request: Request) -> dict[str, Any]:
        sim.rules.menu = None
        return {}

    def callback_ip(payload: Any, raw: bytes, request: Request) -> dict[str, Any]:
        return {"ip_list": ["127.0.0.1"]}

    route("/cgi-bin/token", plain_token, ("GET",), token=False)
    route("/cgi-bin/stable_token", stable_token, token=False)
    route("/cgi-bin/message/custom/send", custom)
    route("/cgi-bin/message/custom/typing", typing)
    route("/cgi-bin/user/info", user_info, ("GET",))
    route("/cgi-bin/user/get", followers, ("GET",))
    route("/cgi-bin/qrcode/create", qrcode)
    route("/cgi-bin/menu/create", menu_create)
    route("/cgi-bin/menu/get", menu_get, ("GET",))
    route("/cgi-bin/menu/delete", menu_delete, ("GET",))
    route("/cgi-bin/get_current_selfmenu_info", menu_info, ("GET",))
    route("/cgi-bin/getcallbackip", callback_ip, ("GET",))


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
        return json_response({"errcode": refusal.code, "errmsg": _errmsg(refusal, sim)})
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


def _errmsg(refusal: Refusal, sim: WeChatSimulator) -> str:
    text = f"{ERRORS.get(refusal.code, 'unknown error')}{refusal.addition}"
    return f"{text} rid: {int(sim.rules.now()):08x}-{secrets.token_hex(4)}-{secrets.token_hex(4)}"


def _credentials(sim: WeChatSimulator, request: Request, given: dict[str, Any]) -> None:
    config = sim.rules.config
    if config.ip_white_list and (request.client is None or request.client.host not in config.ip_white_list):
        raise Refusal(40164)
    if given.get("grant_type") != "client_credential":
        raise Refusal(40097)
    if given.get("appid") != config.appid:
        raise Refusal(40013)
    if given.get("secret") != config.secret:
        raise Refusal(40125)


def _qrcode(payload: Any) -> dict[str, Any]:
    """Checks the scene as the vendor does: temporary ≤ 2,592,000 s, strings of 1..64, permanent numbers 1..100000."""
    action = payload.get("action_name") if isinstance(payload, dict) else None
    info = payload.get("action_info") if isinstance(payload, dict) else None
    scene = info.get("scene") if isinstance(info, dict) else None
    if action not in ("QR_SCENE", "QR_STR_SCENE", "QR_LIMIT_SCENE", "QR_LIMIT_STR_SCENE") or not isinstance(
        scene, dict
    ):
        raise Refusal(40097)
    text, number = scene.get("scene_str"), scene.get("scene_id")
    top = 100_000 if action == "QR_LIMIT_SCENE" else 2**32 - 1
    good = (
        isinstance(text, str) and 1 <= len(text) <= 64
        if action.endswith("STR_SCENE")
        else isinstance(number, int) and 1 <= number <= top
    )
    if not good:
        raise Refusal(40097)
    value = text if action.endswith("STR_SCENE") else str(number)
    answer: dict[str, Any] = {"ticket": secrets.token_urlsafe(64), "url": f"http://weixin.qq.com/q/{value}"}
    if "LIMIT" not in action:
        seconds = payload.get("expire_seconds", 60)
        if not isinstance(seconds, int) or not 1 <= seconds <= 2_592_000:
            raise Refusal(40097)
        answer["expire_seconds"] = seconds
    return answer


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


def _control_routes(app: FastAPI, sim: WeChatSimulator) -> None:
    actions: dict[str, Callable[[str, dict[str, Any]], Awaitable[PushResult]]] = {
        "follow": lambda openid, body: sim.user_follow(openid, str(body.get("scene", ""))),
        "unfollow": lambda openid, body: sim.user_unfollow(openid),
        "text": lambda openid, body: sim.user_text(openid, str(body["text"])),
        "tap": lambda openid, body: sim.tap_item(openid, str(body["id"])),
        "menu": lambda openid, body: sim.tap_menu(openid, str(body["key"]), str(body.get("event", "CLICK"))),
        "scan": lambda openid, body: sim.user_scan(openid, str(body["scene"])),
        "media": lambda openid, body: sim.user_media(
            openid, str(body["kind"]), **dict(body.get("fields") or {})
        ),
        "event": lambda openid, body: sim.user_event(
            openid, str(body["event"]), **dict(body.get("fields") or {})
        ),
    }

    @app.post("/_sim/users/{openid}/{action}")
    async def act(openid: str, action: str, request: Request, wait: bool = True) -> Response:
        """A user's action; `?wait=false` returns before the account has answered."""
        body = await read_object(request)
        if body is None or action not in actions:
            return problem(
                400 if body is None else 404, f"actions: {', '.join(actions)}; the body is a JSON object"
            )
        try:
            doing = actions[action](openid, body)
            if not wait:
                sim.start(doing)
                return json_response({"status": "started"})
            result = await doing
        except NotAFollower:
            return problem(409, "this openid does not follow the account")
        except (KeyError, TypeError) as error:
            return problem(400, f"missing or wrong: {error}")
        return json_response(
            {
                "status": result.status,
                "reply": result.reply,
                "deliveries": result.deliveries,
                "detail": result.detail,
            }
        )

    @app.get("/_sim/users")
    async def users() -> Response:
        return json_response({openid: sim.window(openid) for openid in sim.rules.users})

    @app.post("/_sim/blacklist/{openid}")
    async def blacklist(openid: str, on: bool = True) -> Response:
        sim.rules.follow(openid).blacklisted = on
        return json_response({"blacklisted": on})

    @app.post("/_sim/revoke_tokens")
    async def revoke() -> Response:
        sim.rules.revoke_tokens()
        return json_response({"revoked": True})

    add_common_controls(app, sim.transcripts, sim.faults, sim.clock, sim.reset)
