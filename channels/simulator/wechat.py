"""A stand-in for WeChat: the vendor's API on its own paths, the patients' side under `/_sim`.

app = create_wechat_simulator(SimWeChatConfig(followers=("o1",)), "http://127.0.0.1:8000/wx/main")
sim = app.state.sim
await sim.user_text("o1", "挂号")
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

from fastapi import FastAPI

from channels.simulator.chance import Chance
from channels.simulator.faults import Faults
from channels.simulator.transcript import Event, Transcripts
from channels.simulator.wechat_api import add_api_routes
from channels.simulator.wechat_control import NotAFollower as NotAFollower
from channels.simulator.wechat_control import add_control_routes
from channels.simulator.wechat_materials import Materials, add_material_routes
from channels.simulator.wechat_more import MEDIA_SAMPLES, MEDIA_TYPES, MediaStore, OAuth, add_more_routes
from channels.simulator.wechat_notices import add_notice_routes
from channels.simulator.wechat_people import People, add_people_routes
from channels.simulator.wechat_push import TROUBLE, Pusher, PushResult
from channels.simulator.wechat_rules import SimWeChatConfig, User, WeChatRules
from store.clock import Clock, VirtualClock


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
        self.chance = Chance(config.seed)
        self.rules = WeChatRules(config, self.clock, self.chance)
        self.faults = Faults()
        self.transcripts = Transcripts(self.clock, config.transcript_events)
        self.pusher = Pusher(
            config, callback_url, push_clock or (self.clock if clock else Clock()), self.faults, self.chance
        )
        self._next_id = config.seed << 32 if config.seed is not None else time.time_ns() // 1_000_000 << 20
        self.people = People()
        self.media = MediaStore(self.chance, config.media_seconds)
        self.oauth = OAuth(config, self.chance)
        self.materials = Materials(config, self.chance)
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
            {"EventKey": f"qrscene_{scene}", "Ticket": self.chance.token(48)} if scene else {"EventKey": ""}
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

    async def user_media(
        self, openid: str, kind: str, content: bytes | None = None, content_type: str = "", **fields: Any
    ) -> PushResult:
        """Sends `image`, `voice`, `video`, `location`, `link`… with the vendor's own field names.

        `content` can then be downloaded by the MediaId for three days.
        """
        user = self._follower(openid)
        self.transcripts.add(openid, "in", f"[{kind}]", kind)
        self.rules.grant(user, "message")
        defaults: dict[str, Any] = {}
        if kind in ("image", "voice", "video", "shortvideo"):
            defaults = {
                "MediaId": self.media.keep(
                    content or MEDIA_SAMPLES[kind], content_type or MEDIA_TYPES[kind], self.rules.now()
                )
            }
        if kind == "voice":
            said = str(fields.pop("said", "")) if self.rules.config.recognition else ""
            fields.pop("said", None)
            defaults |= {"Format": "amr", "Recognition": said}
        if kind == "location":
            defaults = {"Location_X": 30.25, "Location_Y": 120.16, "Scale": 15, "Label": "云江市示范医院"}
        return await self._message(user, {"MsgType": kind} | defaults | fields)

    async def user_scan(self, openid: str, scene: str) -> PushResult:
        """Scans a QR code of the account; follows by it when the openid does not follow yet."""
        user = self.rules.users.get(openid)
        if user is None or not user.subscribed:
            return await self.user_follow(openid, scene)
        self.transcripts.add(openid, "system", "扫描二维码", "event")
        self.rules.grant(user, "scan")
        return await self._event(user, "SCAN", {"EventKey": scene, "Ticket": self.chance.token(48)})

    async def user_event(self, openid: str, event: str, **fields: Any) -> PushResult:
        """Any other event by the vendor's name and fields; grants nothing."""
        return await self._event(self._follower(openid), event, fields, shown=False)

    async def user_subscribes(
        self, openid: str, template_id: str, accept: bool = True, long_term: bool = False
    ) -> PushResult:
        """Answers the consent pop-up of a subscription notice: once (or for good), or refuses."""
        user = self._follower(openid)
        if accept:
            had = user.consents.get(template_id, 0.0)
            user.consents[template_id] = float("inf") if long_term else had + 1
        item = {
            "TemplateId": template_id,
            "SubscribeStatusString": "accept" if accept else "reject",
            "PopupScene": 1,
        }
        event = {"SubscribeMsgPopupEvent": {"List": item if self.rules.config.envelope == "xml" else [item]}}
        return await self._event(user, "subscribe_msg_popup_event", event, shown=False)

    def user_blocks(self, openid: str, on: bool = True) -> None:
        """Takes no messages of the account any more (接收消息 off); nothing is told to the account."""
        self._follower(openid).blocks = on
        self.transcripts.add(openid, "system", "已拒收公众号消息" if on else "已恢复接收消息", "event")

    async def user_withdraws(self, openid: str, template_id: str) -> PushResult:
        """Switches a subscription notice off in the account's settings."""
        user = self._follower(openid)
        user.consents.pop(template_id, None)
        item = {"TemplateId": template_id, "SubscribeStatusString": "reject"}
        event = {"SubscribeMsgChangeEvent": {"List": item if self.rules.config.envelope == "xml" else [item]}}
        return await self._event(user, "subscribe_msg_change_event", event, shown=False)

    def notify(self, user: User, event: str, fields: dict[str, Any]) -> None:
        """An event of the vendor's own about `user`, a little later and in the background; lost, doubled or late by fault."""
        delay = self.rules.config.notify_delay
        times = 1
        if self.faults:
            if self.faults.take({"lost_receipt"}, event) is not None:
                return
            times += self.faults.take({"duplicate_receipt"}, event) is not None
        if times == 2:
            self.start(self._event(user, event, fields, shown=False))

        async def later() -> PushResult:
            await asyncio.sleep(delay)
            return await self._event(user, event, fields, shown=False)

        self.start(later())

    def next_id(self) -> int:
        """A 64-bit message id that no earlier run has given."""
        self._next_id += 1
        return self._next_id

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
        """`{"left", "of", "grant", "expires", "now", "subscribed", "notices"}`: messages left of so many and what opened the
        window, its end and the time now (seconds since 1970), and how many messages of each notice are allowed (-1: for good).
        """
        user = self.rules.users.get(openid) or User(openid)
        left = self.rules.left(user)
        notices = {name: -1 if count == float("inf") else int(count) for name, count in user.consents.items()}
        return {
            "left": left,
            "of": self.rules.config.grants[user.granted][0] if user.granted else 0,
            "grant": user.granted,
            "expires": int(user.expires),
            "now": int(self.rules.now()),
            "subscribed": user.subscribed,
            "notices": {name: count for name, count in notices.items() if count},
        }

    def menu(self) -> dict[str, Any] | None:
        """The menu that is put up now, as `menu/create` was given it."""
        return self.rules.menu

    def scene_of(self, code: str) -> str | None:
        return self.people.scene_of(code, self.rules.now())

    def advance(self, seconds: float) -> None:
        self.clock.advance(timedelta(seconds=seconds))

    def reset(self) -> None:
        """Forgets people, tokens, faults and transcripts; the configured followers follow again."""
        self.rules = WeChatRules(self.rules.config, self.clock, self.chance)
        self.people = People()
        self.faults.clear()
        self.transcripts.clear()
        self.pusher.reset()
        self.media = MediaStore(self.chance, self.rules.config.media_seconds)
        self.oauth = OAuth(self.rules.config, self.chance)
        self.materials = Materials(self.rules.config, self.chance)

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
        return await self._push(user, fields | {"MsgId": self.next_id()})

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

    `clock` drives windows and token lives. Pushes are signed with `push_clock`: by default `clock` when one
    is given (the account under test shares it), else real time, so that moving a private clock does not
    make every push stale.
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
    add_api_routes(app, sim)
    add_people_routes(app, sim)
    add_notice_routes(app, sim)
    add_more_routes(app, sim)
    add_material_routes(app, sim)
    add_control_routes(app, sim)
    return app
