"""The stand-ins in a process of their own: `python -m channels.simulator FILE`.

FILE is JSON, any part may be missing; fields are those of `SimWeChatConfig`, `SimSmsConfig` and
`SmsTemplate`, and of `SimCmppConfig` (`port` is its control plane's, `gateway_port` the gateway's):

    {"wechat": {"port": 8081, "callback_url": "http://127.0.0.1:8000/wx/main", "followers": ["o1"], "mode":
    "safe"}, "sms": {"port": 8082, "up_url": "http://…/up", "report_url": "http://…/report", "templates":
    [{"code": "SMS_1", …}]}, "cmpp": {"port": 8083, "gateway_port": 7890, "source_addr": "900001", "secret": "…"}}
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import Any

import orjson
import uvicorn
from fastapi import FastAPI

from channels.simulator.cmpp import SimCmppConfig
from channels.simulator.cmpp_control import create_cmpp_simulator
from channels.simulator.sms import create_sms_simulator
from channels.simulator.sms_rules import SimSmsConfig
from channels.simulator.sms_tencent_rules import SimTencentConfig
from channels.simulator.sms_twilio_rules import SimTwilioConfig
from channels.simulator.wechat import create_wechat_simulator
from channels.simulator.wechat_rules import SimWeChatConfig
from channels.sms.cmpp.account import PORT
from channels.sms.template import SmsTemplate


def wechat_app(settings: dict[str, Any]) -> FastAPI:
    """The WeChat stand-in from its part of the file, `port` left out; `TypeError` names an unknown field."""
    given = dict(settings)
    callback_url = given.pop("callback_url")
    for name in ("followers", "ip_white_list", "oauth_domains", "snapshot_users"):
        if name in given:
            given[name] = tuple(given[name])
    if "templates" in given:
        given["templates"] = {code: tuple(fields) for code, fields in given["templates"].items()}
    if "grants" in given:
        given["grants"] = {kind: (count, seconds) for kind, (count, seconds) in given["grants"].items()}
    return create_wechat_simulator(SimWeChatConfig(**given), callback_url)


def sms_app(settings: dict[str, Any]) -> FastAPI:
    """The SMS stand-in from its part of the file, `port` left out; `tencent` and `twilio` are parts of their own."""
    given = dict(settings)
    up_url, report_url = given.pop("up_url"), given.pop("report_url", "")
    given["templates"] = tuple(SmsTemplate(**template) for template in given.get("templates", ()))
    for vendor, kind in (("tencent", SimTencentConfig), ("twilio", SimTwilioConfig)):
        if vendor in given:
            given[vendor] = kind(**_fields(given[vendor]))
    return create_sms_simulator(SimSmsConfig(**_fields(given)), up_url, report_url)


def _fields(given: dict[str, Any]) -> dict[str, Any]:
    """JSON's lists as tuples, and the windows of limits keyed by seconds."""
    fields: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value for name, value in given.items()
    }
    for name in ("code_limits", "phone_limits", "delivery_seconds"):
        if name in fields:
            fields[name] = {float(seconds): count for seconds, count in fields[name].items()}
    return fields


def cmpp_app(settings: dict[str, Any]) -> FastAPI:
    """The gateway stand-in from its part of the file, `port` left out."""
    given = dict(settings)
    gateway_port = int(given.pop("gateway_port", PORT))
    return create_cmpp_simulator(SimCmppConfig(**given), gateway_port)


async def run(settings: dict[str, Any], host: str = "127.0.0.1") -> None:
    """Serves whatever the file configures until the process is told to stop."""
    servers = []
    for name, build in (("wechat", wechat_app), ("sms", sms_app), ("cmpp", cmpp_app)):
        if name in settings:
            given = dict(settings[name])
            port = int(given.pop("port"))
            config = uvicorn.Config(
                build(given),
                host=host,
                port=port,
                log_level="warning",
                access_log=False,
                timeout_graceful_shutdown=1,
            )
            servers.append(uvicorn.Server(config))
    await asyncio.gather(*(server.serve() for server in servers))


if __name__ == "__main__":
    asyncio.run(run(orjson.loads(Path(sys.argv[1]).read_bytes())))
