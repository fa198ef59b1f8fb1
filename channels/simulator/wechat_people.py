"""The vendor's side of the WeChat stand-in: followers, remarks, tags and QR codes.

https://developers.weixin.qq.com/doc/offiaccount/User_Management/User_Tag_Management.html and
https://developers.weixin.qq.com/doc/offiaccount/Account_Management/Generating_a_Parametric_QR_Code.html
"""

from __future__ import annotations

import io
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import segno
from fastapi import FastAPI, Request, Response

from channels.simulator.wechat_api import add_call
from channels.simulator.wechat_rules import Refusal, User

if TYPE_CHECKING:
    from channels.simulator.wechat import WeChatSimulator

OFFICIAL_TAG = 2
"""星标组; ids 0, 1 and 2 are WeChat's own and cannot be changed (45058)."""

CODES = "http://weixin.qq.com/q/"
"""How the address in a code begins; the vendor's own is opaque behind it, here the scene follows."""


@dataclass(slots=True)
class People:
    """Tags and QR codes of one account. `codes`: ticket → the picture's URL and its end (None: permanent)."""

    tags: dict[int, str] = field(default_factory=lambda: {OFFICIAL_TAG: "星标组"})
    next_tag: int = 100
    codes: dict[str, tuple[str, float | None]] = field(default_factory=dict)

    def scene_of(self, code: str, now: float) -> str | None:
        """The scene of a code by its ticket or address, of the newest where `code` is empty; a text that is neither is taken as
        the scene itself. None: its time is over, or there is none."""
        scenes = {
            ticket: (url.removeprefix(CODES), end is None or now < end)
            for ticket, (url, end) in self.codes.items()
        }
        if not code:
            return next((scene for scene, open_ in reversed(scenes.values()) if open_), None)
        if code in scenes:
            scene, open_ = scenes[code]
            return scene if open_ else None
        wanted = code.removeprefix(CODES)
        if (wanted, False) in scenes.values():
            return None
        return wanted if 0 < len(wanted) <= 64 else None


def add_people_routes(app: FastAPI, sim: WeChatSimulator) -> None:
    """Followers, tags, QR codes."""
    _followers(app, sim)
    _tags(app, sim)
    _tagging(app, sim)
    _codes(app, sim)


def _followers(app: FastAPI, sim: WeChatSimulator) -> None:
    def info(payload: Any, raw: bytes, request: Request) -> dict[str, Any]:
        sim.rules.count("user_info", sim.rules.config.user_info_daily)
        return _info(sim.rules.user(request.query_params.get("openid", "")))

    def several(payload: Any, raw: bytes, request: Request) -> dict[str, Any]:
        wanted = _object(payload).get("user_list")
        if not isinstance(wanted, list) or not 1 <= len(wanted) <= 100:
            raise Refusal(40032)
        sim.rules.count("user_info", sim.rules.config.user_info_daily)
        return {
            "user_info_list": [_info(sim.rules.user(str(_object(one).get("openid", "")))) for one in wanted]
        }

    def listed(payload: Any, raw: bytes, request: Request) -> dict[str, Any]:
        sim.rules.count("followers", sim.rules.config.followers_daily)
        openids = [user.openid for user in sim.rules.users.values() if user.subscribed]
        return _page(sim, openids, request.query_params.get("next_openid", ""))

    def remark(payload: Any, raw: bytes, request: Request) -> dict[str, Any]:
        given = _object(payload)
        text = str(given.get("remark", ""))
        if len(text) >= 30:
            raise Refusal(40053)
        sim.rules.user(str(given.get("openid", ""))).remark = text
        return {}

    add_call(app, sim, "/cgi-bin/user/info", info, ("GET",))
    add_call(app, sim, "/cgi-bin/user/info/batchget", several)
    add_call(app, sim, "/cgi-bin/user/info/updateremark", remark)
    add_call(app, sim, "/cgi-bin/user/get", listed, ("GET",))


def _info(user: User) -> dict[str, Any]:
    """Nickname and picture have been empty since 2021; the rest as documented."""
    if not user.subscribed:
        return {"subscribe": 0, "openid": user.openid}
    return {
        "subscribe": 1,
        "openid": user.openid,
        "nickname": "",
        "language": "zh_CN",
        "headimgurl": "",
        "subscribe_time": user.subscribe_time,
        "remark": user.remark,
        "groupid": min(user.tags, default=0),
        "tagid_list": sorted(user.tags),
        "subscribe_scene": "ADD_SCENE_QR_CODE" if user.scene else "ADD_SCENE_SEARCH",
        "qr_scene": 0,
        "qr_scene_str": user.scene,
    }


def _page(sim: WeChatSimulator, openids: list[str], after: str) -> dict[str, Any]:
    """At most `followers_page` openids behind `after`; WeChat gives 10,000."""
    if after and after not in openids:
        raise Refusal(40003)
    rest = openids[openids.index(after) + 1 :] if after else openids
    page = rest[: sim.rules.config.followers_page]
    answer: dict[str, Any] = {
        "total": len(openids),
        "count": len(page),
        "next_openid": page[-1] if page else "",
    }
    return {**answer, "data": {"openid": page}} if page else answer


def _tags(app: FastAPI, sim: WeChatSimulator) -> None:
    def create(payload: Any, raw: bytes, request: Request) -> dict[str, Any]:
        people = sim.people
        name = _tag_name(sim, _object(_object(payload).get("tag")).get("name"))
        if len(people.tags) - 1 >= sim.rules.config.tags:
            raise Refusal(45056)
        people.tags[people.next_tag] = name
        people.next_tag += 1
        return {"tag": {"id": people.next_tag - 1, "name": name}}

    def read(payload: Any, raw: bytes, request: Request) -> dict[str, Any]:
        return {
            "tags": [
                {"id": one, "name": name, "count": _count(sim, one)} for one, name in sim.people.tags.items()
            ]
        }

    def rename(payload: Any, raw: bytes, request: Request) -> dict[str, Any]:
        given = _object(_object(payload).get("tag"))
        sim.people.tags[_own_tag(sim, given.get("id"))] = _tag_name(sim, given.get("name"))
        return {}

    def remove(payload: Any, raw: bytes, request: Request) -> dict[str, Any]:
        tag = _own_tag(sim, _object(_object(payload).get("tag")).get("id"))
        if _count(sim, tag) > 100_000:
            raise Refusal(45057)
        del sim.people.tags[tag]
        for user in sim.rules.users.values():
            user.tags.discard(tag)
        return {}

    add_call(app, sim, "/cgi-bin/tags/create", create)
    add_call(app, sim, "/cgi-bin/tags/get", read, ("GET",))
    add_call(app, sim, "/cgi-bin/tags/update", rename)
    add_call(app, sim, "/cgi-bin/tags/delete", remove)


def _tagging(app: FastAPI, sim: WeChatSimulator) -> None:
    def members(payload: Any) -> tuple[int, list[User]]:
        given = _object(payload)
        tag, openids = given.get("tagid"), given.get("openid_list")
        if tag not in sim.people.tags or not isinstance(tag, int):
            raise Refusal(45159)
        if not isinstance(openids, list) or not 1 <= len(openids) <= 50:
            raise Refusal(40032)
        return tag, [sim.rules.user(str(openid)) for openid in openids]

    def add(payload: Any, raw: bytes, request: Request) -> dict[str, Any]:
        tag, users = members(payload)
        if any(tag not in user.tags and len(user.tags) >= sim.rules.config.tags_each for user in users):
            raise Refusal(45059)
        for user in users:
            user.tags.add(tag)
        return {}

    def take(payload: Any, raw: bytes, request: Request) -> dict[str, Any]:
        tag, users = members(payload)
        for user in users:
            user.tags.discard(tag)
        return {}

    def of_user(payload: Any, raw: bytes, request: Request) -> dict[str, Any]:
        return {"tagid_list": sorted(sim.rules.user(str(_object(payload).get("openid", ""))).tags)}

    def of_tag(payload: Any, raw: bytes, request: Request) -> dict[str, Any]:
        given = _object(payload)
        if given.get("tagid") not in sim.people.tags:
            raise Refusal(45159)
        openids = [user.openid for user in sim.rules.users.values() if given["tagid"] in user.tags]
        page = _page(sim, openids, str(given.get("next_openid") or ""))
        del page["total"]
        return page

    add_call(app, sim, "/cgi-bin/tags/members/batchtagging", add)
    add_call(app, sim, "/cgi-bin/tags/members/batchuntagging", take)
    add_call(app, sim, "/cgi-bin/tags/getidlist", of_user)
    add_call(app, sim, "/cgi-bin/user/tag/get", of_tag)


def _tag_name(sim: WeChatSimulator, name: Any) -> str:
    if not isinstance(name, str) or not name or len(name) > 30:
        raise Refusal(45158)
    if name in sim.people.tags.values():
        raise Refusal(45157)
    return name


def _own_tag(sim: WeChatSimulator, tag: Any) -> int:
    if isinstance(tag, int) and 0 <= tag <= OFFICIAL_TAG:
        raise Refusal(45058)
    if not isinstance(tag, int) or tag not in sim.people.tags:
        raise Refusal(45159)
    return tag


def _count(sim: WeChatSimulator, tag: int) -> int:
    return sum(tag in user.tags for user in sim.rules.users.values())


def _codes(app: FastAPI, sim: WeChatSimulator) -> None:
    def create(payload: Any, raw: bytes, request: Request) -> dict[str, Any]:
        sim.rules.count("qrcode", sim.rules.config.qrcode_daily)
        scene, seconds = _scene(payload)
        ticket, url = sim.chance.token(64), f"{CODES}{scene}"
        sim.people.codes[ticket] = url, None if seconds is None else sim.rules.now() + seconds
        answer: dict[str, Any] = {"ticket": ticket, "url": url}
        return answer if seconds is None else {**answer, "expire_seconds": seconds}

    async def show(request: Request) -> Response:
        """The picture; at the vendor's it is on another host (mp.weixin.qq.com) and needs no token."""
        url, end = sim.people.codes.get(request.query_params.get("ticket", ""), ("", None))
        if not url or (end is not None and sim.rules.now() >= end):
            return Response("", status_code=404)
        picture = io.BytesIO()
        segno.make(url, micro=False).save(picture, kind="png", scale=8, border=4)
        return Response(picture.getvalue(), media_type="image/png")

    add_call(app, sim, "/cgi-bin/qrcode/create", create)
    app.add_route("/cgi-bin/showqrcode", show, methods=["GET"])


def _scene(payload: Any) -> tuple[str, int | None]:
    """The scene and the code's seconds (None: permanent), checked as the vendor does: temporary at most 2,592,000 s, strings of
    1..64, permanent numbers 1..100000."""
    given = _object(payload)
    action, scene = given.get("action_name"), _object(_object(given.get("action_info")).get("scene"))
    if action not in ("QR_SCENE", "QR_STR_SCENE", "QR_LIMIT_SCENE", "QR_LIMIT_STR_SCENE"):
        raise Refusal(40097)
    if str(action).endswith("STR_SCENE"):
        value = scene.get("scene_str")
        good = isinstance(value, str) and 1 <= len(value) <= 64
    else:
        value = scene.get("scene_id")
        good = isinstance(value, int) and 1 <= value <= (100_000 if action == "QR_LIMIT_SCENE" else 2**32 - 1)
    seconds = None if "LIMIT" in str(action) else given.get("expire_seconds", 60)
    if not good or (seconds is not None and (not isinstance(seconds, int) or not 1 <= seconds <= 2_592_000)):
        raise Refusal(40097)
    return str(value), seconds


def _object(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise Refusal(47001)
    return value
