"""What both stand-ins' control planes share: transcript, live stream, faults, clock, reset."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import orjson
from fastapi import FastAPI, Request, Response
from fastapi.responses import StreamingResponse

from channels.simulator.faults import Fault, Faults
from channels.simulator.transcript import Transcripts
from store.clock import VirtualClock


def json_response(content: Any) -> Response:
    """JSON as the vendors label it."""
    return Response(orjson.dumps(content), media_type="application/json; encoding=utf-8")


async def read_object(request: Request) -> dict[str, Any] | None:
    """The request's JSON object, `{}` for no body, `None` for anything else."""
    raw = await request.body()
    try:
        body = orjson.loads(raw or b"{}")
    except orjson.JSONDecodeError:
        return None
    return body if isinstance(body, dict) else None


def problem(status: int, detail: str) -> Response:
    return Response(orjson.dumps({"detail": detail}), status_code=status, media_type="application/json")


def add_common_controls(
    app: FastAPI, transcripts: Transcripts, faults: Faults, clock: VirtualClock, reset: Callable[[], None]
) -> None:
    """The control routes both simulators have: transcript, stream, faults, clock, reset."""

    @app.get("/_sim/transcript")
    async def transcript(address: str, after: int = 0) -> Response:
        return json_response(transcripts.read(address, after))

    @app.get("/_sim/stream")
    async def stream(request: Request, address: str, after: int | None = None) -> Response:
        last = request.headers.get("last-event-id", "")
        start = int(last) if last.isdecimal() else after
        return StreamingResponse(
            transcripts.server_sent(address, start),
            media_type="text/event-stream",
            headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
        )

    @app.post("/_sim/faults")
    async def add_fault(request: Request) -> Response:
        body = await read_object(request)
        try:
            faults.add(Fault(**(body if body is not None else {"kind": ""})))
        except (TypeError, ValueError) as error:
            return problem(400, str(error))
        return json_response(faults.describe())

    @app.delete("/_sim/faults")
    async def clear_faults() -> Response:
        faults.clear()
        return json_response([])

    @app.get("/_sim/clock")
    async def read_clock() -> Response:
        return json_response({"now": clock.now().isoformat()})

    @app.post("/_sim/clock")
    async def move_clock(request: Request) -> Response:
        body = await read_object(request)
        seconds = (body or {}).get("advance")
        if not isinstance(seconds, int | float):
            return problem(400, 'the body is {"advance": seconds}')
        clock.advance(timedelta(seconds=seconds))
        return json_response({"now": clock.now().isoformat()})

    @app.post("/_sim/reset")
    async def start_again() -> Response:
        reset()
        return json_response({"reset": True})
