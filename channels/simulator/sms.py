"""A stand-in for SMS vendors: Alibaba Cloud and Tencent Cloud on `/`, Twilio on `/2010-04-01`, the phones under `/_sim`.

app = create_sms_simulator(SimSmsConfig(templates=…), "http://…/sms/aliyun/<secret>/up", "http://…/sms/aliyun/<secret>/report")
sim = app.state.sim
await sim.user_text("+8613800138000", "1")
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Any, Literal

from fastapi import FastAPI, Request, Response

from channels.simulator.controls import add_common_controls, json_response, problem, read_object
from channels.simulator.faults import Faults
from channels.simulator.sms_aliyun import AliyunLine
from channels.simulator.sms_handsets import Handsets, UpResult
from channels.simulator.sms_push import Pusher
from channels.simulator.sms_rules import SimSmsConfig, SmsRules
from channels.simulator.sms_tencent import TencentLine
from channels.simulator.sms_tencent_rules import TencentRules
from channels.simulator.sms_twilio import TwilioLine
from channels.simulator.sms_twilio_rules import TwilioRules
from channels.simulator.transcript import Event, Transcripts
from channels.sms.numbers import to_e164
from store.clock import Clock, VirtualClock

__all__ = ["SmsSimulator", "UpResult", "create_sms_simulator"]


class SmsSimulator:
    """The vendors' accounts, the handsets, and what goes wrong between them. Numbers are E.164 here.

    `rules` hold the registry of templates and signatures, which all lines share.
    """

    def __init__(
        self,
        config: SimSmsConfig,
        up_url: str,
        report_url: str,
        clock: VirtualClock | None = None,
        request_clock: Clock | None = None,
    ) -> None:
        self.clock = clock or VirtualClock()
        requests: Clock = request_clock or (self.clock if clock else Clock())
        self.config = config
        self.faults = Faults()
        self.transcripts = Transcripts(self.clock, config.transcript_events)
        self.handsets = Handsets(self.transcripts)
        self.handsets.reset(config.keywords)
        self.pusher = Pusher(self.faults)
        self.rules = SmsRules(config, self.clock)
        self.aliyun = AliyunLine(
            self.rules, up_url, report_url, self.handsets, self.pusher, self.faults, self.clock, requests
        )
        self.handsets.add_line(self.aliyun)
        self.tencent: TencentLine | None = None
        self.twilio: TwilioLine | None = None
        if config.tencent is not None:
            self.tencent = TencentLine(
                config.tencent,
                self._tencent_rules(),
                self.handsets,
                self.pusher,
                self.faults,
                self.clock,
                requests,
            )
            self.handsets.add_line(self.tencent)
        if config.twilio is not None:
            rules = TwilioRules(config.twilio, self.clock)
            self.twilio = TwilioLine(config.twilio, rules, self.handsets, self.pusher, self.faults)
            self.handsets.add_line(self.twilio)

    # -- the patient

    async def user_text(self, number: str, text: str) -> UpResult:
        """Answers by SMS; returns once the callback took it or the repetitions are used up."""
        address = to_e164(number)
        if address is None:
            raise ValueError("no telephone number")
        if text.strip().upper() in self.config.opt_out_words:
            self.rules.blacklist.add(address)
        return await self.handsets.answer(address, text)

    def start(self, doing: Awaitable[Any]) -> None:
        """Runs a handset's action in the background."""
        self.pusher.start(doing)

    # -- what is seen

    def transcript(self, number: str, after: int = 0) -> list[Event]:
        return self.transcripts.read(number, after)

    def listen(self, number: str, after: int | None = None) -> AsyncIterator[Event]:
        return self.transcripts.listen(number, after)

    def advance(self, seconds: float) -> None:
        self.clock.advance(timedelta(seconds=seconds))

    def set_template_state(self, code: str, state: Literal["pending", "approved", "rejected"]) -> None:
        """The review's outcome; `KeyError` for an unknown code."""
        self.rules.templates[code] = replace(self.rules.templates[code], state=state)

    def reset(self) -> None:
        """Forgets messages, limits, faults and opt-outs; templates and signatures stay registered."""
        templates, signs = self.rules.templates, self.rules.signs
        self.rules = self.aliyun.rules = SmsRules(self.config, self.clock)
        self.rules.templates, self.rules.signs = templates, signs
        self.aliyun.reports.clear()
        if self.tencent is not None:
            self.tencent.rules = self._tencent_rules()
            self.tencent.reports.clear()
        if self.twilio is not None:
            self.twilio.rules = TwilioRules(self.twilio.config, self.clock)
            self.twilio.reports.clear()
        self.faults.clear()
        self.transcripts.clear()
        self.handsets.reset(self.config.keywords)

    async def close(self) -> None:
        await self.pusher.close()

    def _tencent_rules(self) -> TencentRules:
        assert self.config.tencent is not None
        rules = self.rules
        return TencentRules(self.config.tencent, self.clock, rules.templates, rules.signs, rules.blacklist)


def create_sms_simulator(
    config: SimSmsConfig,
    up_url: str,
    report_url: str,
    clock: VirtualClock | None = None,
    request_clock: Clock | None = None,
) -> FastAPI:
    """The whole stand-in; `app.state.sim` is its `SmsSimulator`. The two addresses are Alibaba Cloud's callbacks; those of the
    other vendors are in their part of `config`.

    `clock` drives limits and times; requests' dates are compared with `request_clock`: by default `clock`
    when one is given (the account under test shares it), else real time.
    """
    sim = SmsSimulator(config, up_url, report_url, clock, request_clock)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        yield
        await sim.close()

    app = FastAPI(title="SMS simulator", docs_url=None, redoc_url=None, openapi_url=None, lifespan=lifespan)
    app.state.sim = sim

    async def api(request: Request) -> Response:
        """Both vendors call `/`; each names its action in a header of its own."""
        if sim.tencent is not None and "x-tc-action" in request.headers:
            return await sim.tencent.serve(request)
        return await sim.aliyun.serve(request)

    app.add_route("/", api, methods=["POST", "GET"])
    if sim.twilio is not None:
        sim.twilio.routes(app)
    _control_routes(app, sim)
    return app


def _control_routes(app: FastAPI, sim: SmsSimulator) -> None:
    @app.post("/_sim/phones/{number}/text")
    async def text(number: str, request: Request, wait: bool = True) -> Response:
        """The handset answers `{"text"}`; `?wait=false` returns before the callback was called."""
        body = await read_object(request)
        if body is None or not isinstance(body.get("text"), str) or to_e164(number) is None:
            return problem(400, 'a mainland number in the path and {"text"} in the body')
        if not wait:
            sim.start(sim.user_text(number, body["text"]))
            return json_response({"status": "started"})
        result = await sim.user_text(number, body["text"])
        return json_response({"status": result.status, "deliveries": result.deliveries})

    @app.post("/_sim/phones/{number}/state")
    async def state(number: str, request: Request) -> Response:
        """`{"off": bool, "blocked": bool}`, either may be missing: switched off, on a carrier's blacklist."""
        body, address = await read_object(request), to_e164(number)
        given = {} if body is None else body
        if (
            address is None
            or not given
            or not given.keys() <= {"off", "blocked"}
            or not all(isinstance(value, bool) for value in given.values())
        ):
            return problem(400, 'a number in the path and {"off": bool, "blocked": bool} in the body')
        sim.handsets.set_state(address, off=given.get("off"), blocked=given.get("blocked"))
        return json_response({"off": address in sim.handsets.off, "blocked": address in sim.handsets.blocked})

    @app.get("/_sim/templates")
    async def templates() -> Response:
        return json_response(
            [
                {
                    "code": t.code,
                    "key": t.key,
                    "text": t.text,
                    "sign": t.sign,
                    "kind": t.kind,
                    "state": t.state,
                }
                for t in sim.rules.templates.values()
            ]
        )

    @app.post("/_sim/templates/{code}")
    async def review(code: str, request: Request) -> Response:
        body = await read_object(request)
        state = (body or {}).get("state")
        if code not in sim.rules.templates or state not in ("pending", "approved", "rejected"):
            return problem(400, 'a known code and {"state": "pending|approved|rejected"}')
        sim.set_template_state(code, state)
        return json_response({"code": code, "state": state})

    add_common_controls(app, sim.transcripts, sim.faults, sim.clock, sim.reset)
