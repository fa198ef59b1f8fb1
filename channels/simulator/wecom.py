"""A stand-in for WeCom: `/cgi-bin/gettoken` and `/cgi-bin/message/send` as documented (see `channels.wecom.client`), what members
received under `/_sim/messages`, and what goes wrong under `/_sim/faults`.

app = create_wecom_simulator(SimWeComConfig(corp_id="ww1", secret="s", agent_id=1000002, members=("zhang",)))
"""

from __future__ import annotations

import asyncio
import secrets
from dataclasses import dataclass, field
from typing import Any

import orjson
from fastapi import FastAPI, Request, Response

from channels.simulator.controls import json_response, problem, read_object

LIFETIME = 7200


@dataclass(frozen=True, slots=True)
class SimWeComConfig:
    """`members` None: every user id is one of the application's."""

    corp_id: str
    secret: str
    agent_id: int
    members: tuple[str, ...] | None = None


@dataclass
class WeComSimulator:
    """`messages`: what arrived, oldest first. `faults`: for the next sends, in order: an errcode, `hang`, `drop` (it arrives, the
    answer is lost) or `500`."""

    config: SimWeComConfig
    tokens: list[str] = field(default_factory=list)
    messages: list[dict[str, Any]] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    asked: int = 0

    def token(self, corp_id: str, secret: str) -> dict[str, Any]:
        self.asked += 1
        if corp_id != self.config.corp_id:
            return _error(40013, "invalid corpid")
        if secret != self.config.secret:
            return _error(40001, "invalid credential")
        self.tokens = [*self.tokens[-1:], secrets.token_urlsafe(24)]
        return {"errcode": 0, "errmsg": "ok", "access_token": self.tokens[-1], "expires_in": LIFETIME}

    def take(self, token: str, body: dict[str, Any]) -> dict[str, Any]:
        if token not in self.tokens:
            return _error(40014, "invalid access_token")
        if body.get("agentid") != self.config.agent_id:
            return _error(40056, "invalid agentid")
        kind = body.get("msgtype")
        if kind not in ("text", "textcard") or not isinstance(body.get(kind), dict):
            return _error(40008, "invalid message type")
        if kind == "textcard" and not all(body[kind].get(name) for name in ("title", "description", "url")):
            return _error(41033, "missing title, description or url")
        asked = [one for one in str(body.get("touser", "")).split("|") if one]
        if not asked:
            return _error(40031, "invalid userid list")
        members = self.config.members
        reached = [one for one in asked if members is None or one in members]
        if not reached:
            return _error(81013, "user & party & tag all invalid")
        said = orjson.dumps(body, option=orjson.OPT_SORT_KEYS).decode()
        twice = body.get("enable_duplicate_check") and any(one["said"] == said for one in self.messages)
        if not twice:
            for user in reached:
                self.messages.append({"user": user, "kind": kind, **body[kind], "said": said})
        missed = "|".join(one.lower() for one in asked if one not in reached)
        return {"errcode": 0, "errmsg": "ok", "invaliduser": missed, "msgid": secrets.token_urlsafe(12)}


def create_wecom_simulator(config: SimWeComConfig) -> FastAPI:
    """`app.state.sim` is the `WeComSimulator` behind it."""
    app = FastAPI(title="WeCom", docs_url=None, redoc_url=None, openapi_url=None)
    sim = app.state.sim = WeComSimulator(config)

    @app.get("/cgi-bin/gettoken")
    async def token(corpid: str = "", corpsecret: str = "") -> Response:
        return json_response(sim.token(corpid, corpsecret))

    @app.post("/cgi-bin/message/send")
    async def send(request: Request, access_token: str = "") -> Response:
        body = await read_object(request)
        if body is None:
            return json_response(_error(44002, "empty post data"))
        fault = sim.faults.pop(0) if sim.faults else ""
        if fault == "hang":
            await asyncio.sleep(60)
        if fault == "500":
            return Response("busy", status_code=500)
        if fault.lstrip("-").isdigit():
            return json_response(_error(int(fault), "told to fail"))
        answer = sim.take(access_token, body)
        if fault == "drop":
            return Response("", status_code=502)
        return json_response(answer)

    @app.get("/_sim/messages")
    async def messages(user: str = "") -> Response:
        shown = [one for one in sim.messages if not user or one["user"] == user]
        return json_response({"messages": shown})

    @app.post("/_sim/faults")
    async def faults(request: Request) -> Response:
        body = await read_object(request)
        if body is None or not isinstance(body.get("faults"), list):
            return problem(400, 'the body is {"faults": ["drop", "45009", …]}')
        sim.faults = [str(one) for one in body["faults"]]
        return json_response({"faults": sim.faults})

    return app


def _error(code: int, message: str) -> dict[str, Any]:
    return {"errcode": code, "errmsg": message}
