"""The gateway stand-in's control plane: handsets, the line, the books, faults and the clock, under `/_sim`."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI, Request, Response

from channels.simulator.cmpp import CmppSimulator, SimCmppConfig
from channels.simulator.controls import add_common_controls, json_response, problem, read_object
from channels.simulator.transcript import Transcripts
from channels.sms.numbers import to_e164
from store.clock import VirtualClock


def create_cmpp_simulator(
    config: SimCmppConfig,
    gateway_port: int = 0,
    clock: VirtualClock | None = None,
    transcripts: Transcripts | None = None,
) -> FastAPI:
    """The control plane; the gateway itself listens on `gateway_port` (0: any, see `/_sim/gateway`) while the app runs.
    `app.state.sim` is the `CmppSimulator`."""
    sim = CmppSimulator(config, clock, transcripts)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        await sim.start(port=gateway_port)
        yield
        await sim.close()

    app = FastAPI(title="CMPP simulator", docs_url=None, redoc_url=None, openapi_url=None, lifespan=lifespan)
    app.state.sim = sim

    @app.post("/_sim/phones/{number}/text")
    async def text(number: str, request: Request) -> Response:
        """The handset answers `{"text"}`; returns once the hospital has acknowledged it."""
        body = await read_object(request)
        if body is None or not isinstance(body.get("text"), str) or to_e164(number) is None:
            return problem(400, 'a mainland number in the path and {"text"} in the body')
        result = await sim.user_text(number, body["text"])
        return json_response({"status": result.status, "deliveries": result.deliveries})

    @app.get("/_sim/gateway")
    async def gateway() -> Response:
        return json_response(
            {
                "port": sim.port,
                "connections": sim.connections,
                "accepted": len(sim.accepted),
                "acknowledged": len(sim.acknowledged),
            }
        )

    @app.delete("/_sim/gateway/connections")
    async def cut(polite: bool = False) -> Response:
        """Cut every line; `?polite=true` takes leave first."""
        sim.terminate_lines() if polite else sim.drop_lines()
        return json_response({"connections": sim.connections})

    add_common_controls(app, sim.transcripts, sim.faults, sim.clock, sim.reset)
    return app
