"""`/phones`: the WeChat and the handset of a demo patient, side by side.

The page is a remote control of the two simulators: what is typed here leaves the simulator as a vendor's
signed callback, and what appears here is what the vendors' surfaces were asked to deliver. It knows nothing
of the bot.
"""

import asyncio
import json
import logging
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated, Any, Literal, Protocol

from fastapi import APIRouter, Body, Depends, HTTPException, Request
from starlette.responses import JSONResponse, Response, StreamingResponse

from channels.body import read_limited
from channels.simulator import phone_menu, samples
from channels.simulator.phone_menu import MenuButton
from channels.simulator.transcript import Event
from channels.simulator.wechat import NotAFollower
from channels.sms.numbers import to_e164
from store.clock import VirtualClock
from web.security import csrf_protect
from web.shell import add_templates, render
from web.signin.pages import MaybeStaff
from web.texts import Texts

TEMPLATES = Path(__file__).parent / "templates"
add_templates("simulator", TEMPLATES)
say = Texts(TEMPLATES / "texts.yml")

HEARTBEAT_SECONDS = 15.0
LOOK_UP_SECONDS = 0.5  # how soon an open stream notices that the server is stopping
REFUSED_WITHIN_SECONDS = 0.5
PEOPLE_SHOWN = 60
TEXT_AT_MOST = 6000
PICTURE_AT_MOST = 10 << 20
log = logging.getLogger(__name__)
_RUN = secrets.token_hex(4)  # sequence numbers start again with the process


@dataclass(frozen=True, slots=True)
class PhonePerson:
    """A demo patient: `note` says who this is; `openid` and `phone` are the simulators' addresses."""

    id: str
    name: str
    note: str
    openid: str
    phone: str


class PhoneDirectory(Protocol):
    """Who can be chosen. `query` is a part of a name or note; empty: the first ones."""

    async def people(self, query: str) -> list[PhonePerson]: ...

    async def person(self, person_id: str) -> PhonePerson | None: ...


class SmsPhone(Protocol):
    """The handset's side of a simulator. `transcript`: oldest first; `listen` with `after`: the past too."""

    async def user_text(self, address: str, text: str, /) -> Any: ...

    def transcript(self, address: str, /) -> list[Event]: ...

    def listen(self, address: str, /, after: int | None = None) -> AsyncIterator[Event]: ...


class WeChatPhone(SmsPhone, Protocol):
    """What a WeChat user can do beyond typing."""

    async def tap_menu(self, openid: str, key: str, event: str, /) -> Any: ...

    async def user_scan(self, openid: str, scene: str, /) -> Any:
        """Scans a code of the account; who does not follow yet follows by it."""
        ...

    def menu(self) -> dict[str, Any] | None:
        """The menu put up at the vendor's, in the vendor's words."""
        ...

    def scene_of(self, code: str) -> str | None:
        """The scene of a code by its ticket, its address or the scene itself; empty: the newest. None: over, or there is none."""
        ...

    async def tap_item(self, openid: str, item_id: str, /) -> Any: ...

    async def user_follow(self, openid: str, /) -> Any: ...

    async def user_unfollow(self, openid: str, /) -> Any: ...

    async def user_media(
        self, openid: str, kind: str, content: bytes | None = None, content_type: str = "", /
    ) -> Any: ...

    async def user_subscribes(
        self, openid: str, template_id: str, accept: bool = True, long_term: bool = False, /
    ) -> Any: ...

    async def user_withdraws(self, openid: str, template_id: str, /) -> Any: ...

    def window(self, openid: str, /) -> dict[str, Any]:
        """`{"left": messages, "of": granted, "grant": why, "expires" and "now": seconds since 1970, "subscribed": bool,
        "notices": {template id: messages allowed, -1 for good}}`."""
        ...


@dataclass(frozen=True, slots=True)
class PhoneNotice:
    """A subscription notice a phone can be asked about: the vendor's template id, its title, whether a yes is for good."""

    id: str
    title: str
    long: bool = False


@dataclass(frozen=True, slots=True)
class FeedStep:
    """One thing that happened behind the phones. Steps with the same `turn` belong together (one inbound
    message).

    `stage`: `inbound screen question intent action reply attempt`; `values` are what `feed.html` says of it;
    `took_ms` counts from the turn's start.
    """

    turn: str
    stage: str
    values: dict[str, Any] = field(default_factory=dict)
    at: datetime | None = None
    took_ms: int | None = None


PhoneFeed = Callable[[PhonePerson], Awaitable[Sequence[FeedStep]]]
"""The newest steps of a person, oldest first."""


def _button(key: str) -> MenuButton:
    return MenuButton(say(f"menu.{key}"), key)


DEFAULT_MENU = (
    MenuButton(say("menu.book_and_visit"), children=(_button("BOOK"), _button("MY_APPOINTMENTS"))),
    _button("FOLLOW_UP"),
    MenuButton(say("menu.help_and_people"), children=(_button("HELP"), _button("HUMAN"))),
)


@dataclass(frozen=True, slots=True)
class PhoneLook:
    """What the phones show of the hospital: the account's name and notices, the number its SMS come from; `menu` is the one the
    account begins with."""

    account_name: str = say("look.account_name")
    sms_number: str = "1069 0188"
    menu: tuple[MenuButton, ...] = DEFAULT_MENU
    notices: tuple[PhoneNotice, ...] = ()

    def menu_payload(self) -> dict[str, Any]:
        """The body for the vendor's `menu/create`, so that the account really has this menu."""
        return {"button": [button.to_json() for button in self.menu]}


def number_of(person: PhonePerson) -> str:
    """The handset's address in the simulator (E.164)."""
    return to_e164(person.phone) or person.phone


def masked(phone: str) -> str:
    """A mobile number as the page shows it: `138****1234`."""
    digits = phone.removeprefix("+86").strip()
    return f"{digits[:3]}****{digits[-4:]}" if len(digits) >= 8 else "****"


def phones_router(
    directory: PhoneDirectory,
    wechat_sim: WeChatPhone,
    sms_sim: SmsPhone,
    feed: PhoneFeed | None = None,
    *,
    look: PhoneLook | None = None,
    clock: VirtualClock | None = None,
    moved: Callable[[], None] | None = None,
) -> APIRouter:
    """The page, its parts, its live stream and the phones' buttons. For demo installations only: it needs no
    sign-in. With `clock` the page can put the demo's time forward; `moved` is told.

    `app.state.stopping` (`() -> bool`, if there) ends open streams, or the server could not stop in peace.
    """
    shown = look or PhoneLook()
    router = APIRouter(prefix="/phones", include_in_schema=False, dependencies=[Depends(csrf_protect)])

    async def chosen(person_id: str) -> PhonePerson:
        person = await directory.person(person_id)
        if person is None:
            raise HTTPException(404, say("no_person"))
        return person

    Chosen = Annotated[PhonePerson, Depends(chosen)]

    @router.get("")
    async def page(request: Request, _staff: MaybeStaff, patient: str = "") -> Response:
        people = (await directory.people(""))[:PEOPLE_SHOWN]
        person = await directory.person(patient) if patient else None
        person = person or (people[0] if people else None)
        return render(
            request,
            "simulator/phones.html",
            people=people,
            query="",
            person=person,
            look=shown,
            menu=phone_menu.buttons(wechat_sim.menu()),
            tag=phone_menu.tag(wechat_sim.menu()),
            masked=masked,
            has_feed=bool(feed),
            clock=clock,
        )

    @router.get("/people")
    async def people(request: Request, q: str = "") -> Response:
        found = (await directory.people(q.strip()))[:PEOPLE_SHOWN]
        return render(request, "simulator/people.html", people=found, masked=masked, query=q.strip())

    @router.get("/menu")
    async def menu(request: Request, seen: str = "") -> Response:
        """The account's menu, where it is another than the one `seen`."""
        now = wechat_sim.menu()
        if (tag := phone_menu.tag(now)) == seen:
            return Response(status_code=204)
        return render(request, "simulator/menu.html", menu=phone_menu.buttons(now), tag=tag)

    @router.get("/{person_id}/feed")
    async def behind(request: Request, person: Chosen) -> Response:
        steps = list(await feed(person)) if feed is not None else []
        return render(request, "simulator/feed.html", turns=_turns(steps))

    @router.get("/{person_id}/stream")
    async def stream(request: Request, person: Chosen) -> Response:
        seen = _positions(request.headers.get("last-event-id", ""))
        stopping: Callable[[], bool] = getattr(request.app.state, "stopping", lambda: False)
        body = _stream(person, wechat_sim, sms_sim, seen, stopping)
        headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
        return StreamingResponse(body, media_type="text/event-stream", headers=headers)

    Text = Annotated[str, Body(embed=True, min_length=1, max_length=TEXT_AT_MOST)]
    Short = Annotated[str, Body(embed=True, min_length=1, max_length=200)]
    Key = Annotated[str, Body(embed=True, min_length=1, max_length=2000)]

    @router.post("/{person_id}/wechat/text")
    async def wechat_text(person: Chosen, text: Text) -> Response:
        return await _press(wechat_sim.user_text(person.openid, text))

    @router.post("/{person_id}/wechat/menu")
    async def wechat_menu(person: Chosen, key: Key) -> Response:
        button = phone_menu.find(wechat_sim.menu(), key)
        if button is None or button.kind not in phone_menu.EVENTS:
            raise HTTPException(404, say("no_menu_item"))
        return await _press(wechat_sim.tap_menu(person.openid, key, phone_menu.EVENTS[button.kind]))

    @router.post("/{person_id}/wechat/scan")
    async def wechat_scan(
        person: Chosen, code: Annotated[str, Body(embed=True, max_length=200)] = ""
    ) -> Response:
        """Scan a code of the account: the newest one, or the one named."""
        scene = wechat_sim.scene_of(code.strip())
        if scene is None:
            return _refused(say("no_code"))
        return await _press(wechat_sim.user_scan(person.openid, scene))

    @router.post("/{person_id}/wechat/tap")
    async def wechat_tap(person: Chosen, item_id: Short) -> Response:
        return await _press(wechat_sim.tap_item(person.openid, item_id))

    @router.post("/{person_id}/wechat/voice")
    async def wechat_voice(person: Chosen) -> Response:
        return await _press(wechat_sim.user_media(person.openid, "voice", samples.voice(), "audio/amr"))

    @router.post("/{person_id}/wechat/image")
    async def wechat_image(request: Request, person: Chosen) -> Response:
        """The picture is the request's body; without one a sample is sent."""
        content, kind = await _limited_body(request), request.headers.get("content-type", "")
        if content and not kind.startswith("image/"):
            return _refused(say("not_a_picture"))
        content, kind = (content, kind) if content else (samples.picture(), "image/png")
        return await _press(wechat_sim.user_media(person.openid, "image", content, kind))

    @router.post("/{person_id}/wechat/notice")
    async def wechat_notice(
        person: Chosen, template: Short, answer: Annotated[Literal["yes", "no", "off"], Body(embed=True)]
    ) -> Response:
        """The pop-up's answer to a subscription notice, or switching it off in the account's settings."""
        notice = next((one for one in shown.notices if one.id == template), None)
        if notice is None:
            raise HTTPException(404, say("no_notice"))
        if answer == "off":
            return await _press(wechat_sim.user_withdraws(person.openid, notice.id))
        return await _press(
            wechat_sim.user_subscribes(person.openid, notice.id, answer == "yes", notice.long)
        )

    @router.get("/{person_id}/wechat/window")
    async def wechat_window(person: Chosen) -> Response:
        return JSONResponse(wechat_sim.window(person.openid))

    @router.post("/clock/{step}")
    async def put_forward(step: Literal["hour", "day"]) -> Response:
        """The demo's time goes on by an hour or a day, for everybody; it never goes back."""
        if clock is None:
            raise HTTPException(404)
        clock.advance(timedelta(**{f"{step}s": 1}))
        if moved is not None:
            moved()
        return JSONResponse({"now": int(clock.now().timestamp())})

    @router.post("/{person_id}/wechat/{what}")
    async def wechat_follow(person: Chosen, what: Literal["follow", "unfollow"]) -> Response:
        act = wechat_sim.user_follow if what == "follow" else wechat_sim.user_unfollow
        return await _press(act(person.openid))

    @router.post("/{person_id}/sms/text")
    async def sms_text(person: Chosen, text: Text) -> Response:
        return await _press(sms_sim.user_text(number_of(person), text))

    return router


async def _limited_body(request: Request) -> bytes:
    """Up to `PICTURE_AT_MOST` bytes; 413 for more."""
    body = await read_limited(request, PICTURE_AT_MOST)
    if body is None:
        raise HTTPException(413, say("too_large"))
    return body


_pressing: set[asyncio.Task[Any]] = set()


async def _press(act: Coroutine[Any, Any, Any]) -> Response:
    """Do what the button says; a refusal comes at once.

    Delivering the push (with a vendor's repetitions, up to 16 minutes) goes on in the background, as it does
    for a real phone: what the hospital answers comes by the stream.
    """
    task = asyncio.create_task(act)
    _pressing.add(task)
    task.add_done_callback(_pressed)
    await asyncio.wait({task}, timeout=REFUSED_WITHIN_SECONDS)
    error = task.exception() if task.done() and not task.cancelled() else None
    if isinstance(error, NotAFollower):
        return _refused(say("not_following"))
    if error is not None:
        return _refused(say("not_accepted"))
    return JSONResponse({"ok": True})


def _pressed(task: asyncio.Task[Any]) -> None:
    _pressing.discard(task)
    if not task.cancelled() and (error := task.exception()) is not None:
        log.info("the simulator refused a button: %s", type(error).__name__)


def _refused(why: str) -> Response:
    return JSONResponse({"detail": why}, 409)


def _turns(steps: Sequence[FeedStep]) -> list[list[FeedStep]]:
    """Steps grouped by turn, the newest turn first."""
    turns: dict[str, list[FeedStep]] = {}
    for step in steps:
        turns.setdefault(step.turn, []).append(step)
    return list(reversed(turns.values()))


def _positions(last_event_id: str) -> dict[str, int] | None:
    """What a reconnecting browser has seen (`"<run> wechat:12 sms:3"`); None: nothing of this run."""
    run, *parts = last_event_id.split() or [""]
    if run != _RUN:
        return None
    numbers = dict(part.split(":", 1) for part in parts if ":" in part)
    return {
        name: int(numbers.get(name, "0")) if numbers.get(name, "0").isdecimal() else 0
        for name in ("wechat", "sms")
    }


async def _stream(
    person: PhonePerson,
    wechat_sim: WeChatPhone,
    sms_sim: SmsPhone,
    past_seen: dict[str, int] | None,
    stopping: Callable[[], bool],
) -> AsyncIterator[str]:
    """Server-sent events: `start`, what was said before (`wechat`, `sms`), then `ready`, then what comes.

    `start` tells the browser to begin with an empty log; it is left out where a line that broke goes on.
    `status` (following, quota left) goes out at the start, after each event and with each heartbeat. Ids say
    how far both phones are, so that a browser that lost the line asks for the rest only.
    """
    seen = past_seen or {"wechat": 0, "sms": 0}
    queue: asyncio.Queue[tuple[str, Event]] = asyncio.Queue(maxsize=1000)
    sources: list[tuple[str, SmsPhone, str]] = [
        ("wechat", wechat_sim, person.openid),
        ("sms", sms_sim, person.phone),
    ]

    async def pump(name: str, sim: SmsPhone, address: str, after: int) -> None:
        async for event in sim.listen(address, after=after):
            await queue.put((name, event))

    def line(name: str, event: Event) -> str:
        if int(event["seq"]) <= seen[name]:
            return ""
        seen[name] = int(event["seq"])
        return _server_sent(name, event, f"{_RUN} wechat:{seen['wechat']} sms:{seen['sms']}")

    def status() -> str:
        return _server_sent("status", wechat_sim.window(person.openid))

    pumps: list[asyncio.Task[None]] = []
    try:
        if past_seen is None:
            yield _server_sent("start", {})
        for name, sim, address in sources:
            past = sim.transcript(address)
            pumps.append(asyncio.create_task(pump(name, sim, address, past[-1]["seq"] if past else 0)))
            for event in past:
                yield line(name, event)
        yield status() + _server_sent("ready", {})
        quiet = 0.0
        while not stopping():
            try:
                async with asyncio.timeout(LOOK_UP_SECONDS):
                    name, event = await queue.get()
            except TimeoutError:
                quiet += LOOK_UP_SECONDS
                if quiet >= HEARTBEAT_SECONDS:
                    quiet = 0.0
                    yield status()
                continue
            yield line(name, event) + status()
    finally:
        for task in pumps:
            task.cancel()
        await asyncio.gather(*pumps, return_exceptions=True)


def _server_sent(name: str, data: Any, place: str = "") -> str:
    head = f"id: {place}\n" if place else ""
    return f"{head}event: {name}\ndata: {json.dumps(data, ensure_ascii=False)}\n\n"
