"""The patients' side of the WeChat stand-in over HTTP, under `/_sim`."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from fastapi import FastAPI, Request, Response

from channels.simulator.controls import add_common_controls, json_response, problem, read_object
from channels.simulator.wechat_push import PushResult

if TYPE_CHECKING:
    from channels.simulator.wechat import WeChatSimulator


async def _at_once(act: Callable[[str, bool], None], openid: str, on: bool) -> PushResult:
    """What the account is not told of."""
    act(openid, on)
    return PushResult("ok")


class NotAFollower(RuntimeError):
    """The openid does not follow the account, so its phone has no chat to write in."""


def add_control_routes(app: FastAPI, sim: WeChatSimulator) -> None:
    """Users' actions and what a test wants to see or break."""
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
        "image": lambda openid, body: sim.user_media(openid, "image"),
        "voice": lambda openid, body: sim.user_media(openid, "voice", said=str(body.get("said", ""))),
        "location": lambda openid, body: sim.user_media(openid, "location", **dict(body.get("fields") or {})),
        "block": lambda openid, body: _at_once(sim.user_blocks, openid, body.get("on") is not False),
        "subscribe_notice": lambda openid, body: sim.user_subscribes(
            openid, str(body["template"]), body.get("accept") is not False, body.get("long_term") is True
        ),
        "withdraw_notice": lambda openid, body: sim.user_withdraws(openid, str(body["template"])),
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
