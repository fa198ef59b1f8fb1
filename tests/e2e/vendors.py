"""The vendors in a process of their own, with one more page: what they accepted, so that a test can count it.

`python -m tests.e2e.vendors FILE`; FILE as for `python -m channels.simulator`. `GET /_log` answers
`[{"address", "text", "ref"}]` of every message accepted, in order; `ref` is what the caller named it, where the vendor has such a
thing.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
import uvicorn
from fastapi import FastAPI, Response

from channels.simulator.__main__ import sms_app, wechat_app


def _sms_log(app: FastAPI) -> list[dict[str, str]]:
    return [{"address": m.number, "text": m.text, "ref": m.out_id} for m in app.state.sim.rules.accepted]


def _wechat_log(app: FastAPI) -> list[dict[str, str]]:
    book = app.state.sim.transcripts
    found = [(e["seq"], address, e) for address in book.addresses() for e in book.read(address)]
    return [
        {"address": address, "text": e["text"], "ref": ""}
        for _, address, e in sorted(found, key=lambda one: one[0])
        if e["direction"] == "out" and e["kind"] == "custom"
    ]


def _with_log(app: FastAPI, log: Callable[[FastAPI], list[dict[str, str]]]) -> FastAPI:
    async def page() -> Response:
        return Response(orjson.dumps(log(app)), media_type="application/json")

    app.add_api_route("/_log", page)
    return app


async def run(settings: dict[str, Any]) -> None:
    """Serve both until told to stop."""
    servers = []
    for name, build, log in (("wechat", wechat_app, _wechat_log), ("sms", sms_app, _sms_log)):
        given = dict(settings[name])
        port = int(given.pop("port"))
        app = _with_log(build(given), log)
        config = uvicorn.Config(app, host="127.0.0.1", port=port, log_level="warning", access_log=False)
        servers.append(uvicorn.Server(config))
    await asyncio.gather(*(server.serve() for server in servers))


if __name__ == "__main__":
    asyncio.run(run(orjson.loads(Path(sys.argv[1]).read_bytes())))
