"""A stand-in for Alibaba Cloud SMS: its RPC API on `/`, handsets under `/_sim`.

app = create_sms_simulator(SimSmsConfig(templates=…), "http://…/sms/aliyun/<secret>/up", "http://…/sms/aliyun/<secret>/report")
sim = app.state.sim
await sim.user_text("+8613800138000", "1")
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import logging
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta, timezone
from typing import Any, Literal
from urllib.parse import parse_qsl, quote

import aiohttp
import orjson
from fastapi import FastAPI, Request, Response

from channels.simulator.controls import add_common_controls, json_response, problem, read_object
from channels.simulator.faults import Fault, Faults
from channels.simulator.sms_rules import Sent, SimSmsConfig, SmsRefusal, SmsRules
from channels.simulator.transcript import Event, Transcripts
from channels.sms.numbers import to_e164
from store.clock import Clock, VirtualClock

log = logging.getLogger(__name__)

CHINA = timezone(timedelta(hours=8))
ALGORITHM = "ACS3-HMAC-SHA256"
API_FAULTS = frozenset(
    {"hang_after", "hang_before", "slow", "http", "http_after", "html", "errcode", "no_errcode"}
)
RECEIPT_FAULTS = frozenset({"lost_receipt", "duplicate_receipt", "early_receipt", "failed_receipt"})
OPTED_OUT = "MK:BLACK"
"""Report code for a number that opted out of marketing; the vendor's own varies by carrier."""


@dataclass(frozen=True, slots=True)
class UpResult:
    """Whether the callback took the answer, and after how many deliveries."""

    status: Literal["ok", "failed"]
    deliveries: int


class SmsSimulator:
    """The account, the handsets, and what goes wrong between them. Numbers are E.164 here."""

    def __init__(
        self,
        config: SimSmsConfig,
        up_url: str,
        report_url: str,
        clock: VirtualClock | None = None,
        request_clock: Clock | None = None,
    ) -> None:
        self.clock = clock or VirtualClock()
        self.request_clock: Clock = request_clock or (self.clock if clock else Clock())
        self.rules = SmsRules(config, self.clock)
        self.faults = Faults()
        self.transcripts = Transcripts(self.clock, config.transcript_events)
        self.up_url = up_url
        self.report_url = report_url
        self._session: aiohttp.ClientSession | None = None
        self._tasks: set[asyncio.Task[Any]] = set()
        self._ripe: list[dict[str, Any]] = []
        self._flush: asyncio.Task[Any] | None = None
        self._sequence = time.time_ns() // 1_000_000 * 1000
        self._nonces: dict[str, float] = {}

    # -- the patient

    async def user_text(self, number: str, text: str) -> UpResult:
        """Answers by SMS; returns once the callback took it or the repetitions are used up."""
        address = to_e164(number)
        if address is None:
            raise ValueError("no telephone number")
        self.transcripts.add(address, "in", text, "text")
        if text.strip().upper() in self.rules.config.opt_out_words:
            self.rules.blacklist.add(address)
        self._sequence += 1
        item = {
            "phone_number": address.removeprefix("+86"),
            "send_time": self._stamp(),
            "content": text,
            "sign_name": self.rules.last_sign.get(address, next(iter(self.rules.signs), "")),
            "dest_code": self.rules.config.dest_code,
            "sequence_id": self._sequence,
        }
        return await self._post(self.up_url, [item])

    def start(self, doing: Awaitable[Any]) -> None:
        """Runs a handset's action in the background."""

        async def run() -> Any:
            return await doing

        task: asyncio.Task[Any] = asyncio.create_task(run())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

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
        self.rules = SmsRules(self.rules.config, self.clock)
        self.rules.templates, self.rules.signs = templates, signs
        self.faults.clear()
        self.transcripts.clear()
        self._ripe.clear()

    async def close(self) -> None:
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._session is not None:
            await self._session.close()
            self._session = None

    # -- the vendor

    def authenticate(self, request: Request, body: bytes) -> None:
        """ACS3-HMAC-SHA256 over the request as it came."""
        header = request.headers.get("authorization", "")
        if not header.startswith(ALGORITHM + " "):
            raise SmsRefusal("MissingAuthorization", "Authorization is mandatory for this action.", 400)
        given = dict(
            part.strip().split("=", 1) for part in header[len(ALGORITHM) + 1 :].split(",") if "=" in part
        )
        secret = self.rules.config.access_keys.get(given.get("Credential", ""))
        if secret is None:
            raise SmsRefusal("InvalidAccessKeyId.NotFound", "Specified access key is not found.", 404)
        names = given.get("SignedHeaders", "").split(";")
        body_hash = hashlib.sha256(body).hexdigest()
        must = {"host", "x-acs-action", "x-acs-date", "x-acs-version", "x-acs-content-sha256"}
        wanted = _signature(secret, request, names, body_hash)
        sound = must <= set(names) and request.headers.get("x-acs-content-sha256") == body_hash
        if not sound or not hmac.compare_digest(wanted, given.get("Signature", "")):
            raise SmsRefusal(
                "SignatureDoesNotMatch", "Specified signature is not matched with our calculation.", 400
            )
        self._fresh(request)

    def _fresh(self, request: Request) -> None:
        now = self.request_clock.now().timestamp()
        try:
            date = datetime.fromisoformat(request.headers.get("x-acs-date", "")).timestamp()
        except ValueError:
            raise SmsRefusal(
                "InvalidTimeStamp.Format", "Specified time stamp is not well formatted.", 400
            ) from None
        if abs(now - date) > self.rules.config.max_skew:
            raise SmsRefusal(
                "InvalidTimeStamp.Expired", "Specified time stamp or date value is expired.", 400
            )
        nonce = request.headers.get("x-acs-signature-nonce", "")
        if len(self._nonces) > 10_000:
            self._nonces = {
                key: at for key, at in self._nonces.items() if at > now - self.rules.config.max_skew
            }
        if nonce in self._nonces:
            raise SmsRefusal("SignatureNonceUsed", "Specified signature nonce was used already.", 400)
        self._nonces[nonce] = now

    def send(self, fields: Mapping[str, str]) -> dict[str, Any]:
        """SendSms: shows the message on the handsets and schedules the reports."""
        sent = self.rules.send(fields)
        for message in sent:
            self.transcripts.add(message.number, "out", message.text, "sms", parts=message.parts)
            self._report(message)
        return {"Code": "OK", "Message": "OK", "BizId": sent[0].biz_id}

    def send_batch(self, fields: Mapping[str, str]) -> dict[str, Any]:
        """SendBatchSms: arrays of numbers, signatures and variables, at most 100."""
        try:
            numbers = orjson.loads(fields.get("PhoneNumberJson", ""))
            signs = orjson.loads(fields.get("SignNameJson", ""))
            params = orjson.loads(fields.get("TemplateParamJson", "") or b"[]") or [{}] * len(numbers)
        except (orjson.JSONDecodeError, TypeError):
            raise SmsRefusal("isv.INVALID_JSON_PARAM", "参数格式错误") from None
        if not 1 <= len(numbers) <= 100 or not len(numbers) == len(signs) == len(params):
            raise SmsRefusal("isv.MOBILE_COUNT_OVER_LIMIT", "手机号码数量超过限制")
        answer: dict[str, Any] = {}
        for number, sign, values in zip(numbers, signs, params, strict=True):
            given = {
                "PhoneNumbers": str(number),
                "SignName": str(sign),
                "TemplateParam": orjson.dumps(values).decode(),
            }
            answer = self.send(
                {"TemplateCode": fields.get("TemplateCode", ""), "OutId": fields.get("OutId", "")} | given
            )
        return answer

    def details(self, fields: Mapping[str, str]) -> dict[str, Any]:
        """QuerySendDetails: the messages of one number and day, newest first."""
        number, day = to_e164(fields.get("PhoneNumber", "")), fields.get("SendDate", "")
        found = [
            message
            for message in reversed(self.rules.accepted)
            if message.number == number
            and datetime.fromtimestamp(message.at, CHINA).strftime("%Y%m%d") == day
            and fields.get("BizId", message.biz_id) == message.biz_id
        ]
        given = fields.get("PageSize", "10"), fields.get("CurrentPage", "1")
        if not all(text.isdecimal() and 1 <= int(text) <= 50 for text in given):
            raise SmsRefusal("isv.INVALID_PARAMETERS", "参数异常")
        size, page = int(given[0]), int(given[1])
        rows = [
            {
                "PhoneNum": message.number.removeprefix("+86"),
                "Content": message.text,
                "OutId": message.out_id,
                "SendDate": self._stamp(message.at),
                "ReceiveDate": self._stamp(message.at),
                "SendStatus": 3,
                "ErrCode": "DELIVERED",
            }
            for message in found[(page - 1) * size : page * size]
        ]
        return {
            "Code": "OK",
            "Message": "OK",
            "TotalCount": len(found),
            "SmsSendDetailDTOs": {"SmsSendDetailDTO": rows},
        }

    def create_template(self, fields: Mapping[str, str]) -> dict[str, Any]:
        """CreateSmsTemplate: in review from now on."""
        template = self.rules.create_template(fields)
        if self.rules.config.review_seconds:
            loop = asyncio.get_running_loop()
            loop.call_later(self.rules.config.review_seconds, self.rules.review, template.code)
        return {"Code": "OK", "Message": "OK", "TemplateCode": template.code, "TemplateName": template.key}

    def get_template(self, fields: Mapping[str, str]) -> dict[str, Any]:
        """GetSmsTemplate: text and review state."""
        return {"Code": "OK", "Message": "OK"} | self.rules.describe_template(fields.get("TemplateCode", ""))

    def _report(self, message: Sent) -> None:
        fault = self.faults.take(RECEIPT_FAULTS) if self.faults else None
        kind = fault.kind if fault else ""
        if kind == "lost_receipt" or not self.report_url:
            return
        opted_out = message.kind == "marketing" and message.number in self.rules.blacklist
        failed = opted_out or kind == "failed_receipt"
        code = OPTED_OUT if opted_out else str(fault.value or "UNDELIV") if failed and fault else "DELIVERED"
        item = {
            "phone_number": message.number.removeprefix("+86"),
            "send_time": self._stamp(message.at),
            "report_time": self._stamp(),
            "success": not failed,
            "err_code": code,
            "err_msg": "用户接收失败" if failed else "用户接收成功",
            "sms_size": str(message.parts),
            "biz_id": message.biz_id,
            "out_id": message.out_id,
        }
        delay = 0.0 if kind == "early_receipt" else self.rules.config.receipt_delay
        loop = asyncio.get_running_loop()
        for _ in range(2 if kind == "duplicate_receipt" else 1):
            loop.call_later(delay, self._ripened, item)

    def _ripened(self, item: dict[str, Any]) -> None:
        self._ripe.append(item)
        if self._flush is None or self._flush.done():
            self._flush = asyncio.create_task(self._send_reports())
            self._tasks.add(self._flush)
            self._flush.add_done_callback(self._tasks.discard)

    async def _send_reports(self) -> None:
        await asyncio.sleep(0.02)
        while self._ripe:
            size = self.rules.config.receipt_batch
            batch, self._ripe[:size] = self._ripe[:size], []
            self.start(self._post(self.report_url, batch))

    async def _post(self, url: str, items: list[dict[str, Any]]) -> UpResult:
        body = orjson.dumps(items)
        deliveries = 0
        twice = bool(self.faults and self.faults.take({"duplicate_push"}, url))
        for wait in (*self.rules.config.push_retries, None):
            deliveries += 1
            if await self._once(url, body):
                if twice:
                    await self._once(url, body)
                return UpResult("ok", deliveries)
            if wait is not None:
                await asyncio.sleep(wait)
        return UpResult("failed", deliveries)

    async def _once(self, url: str, body: bytes) -> bool:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=3)
            )
        timeout = aiohttp.ClientTimeout(total=self.rules.config.push_timeout)
        headers = {"Content-Type": "application/json;charset=UTF-8"}
        try:
            async with self._session.post(url, data=body, headers=headers, timeout=timeout) as response:
                answer = orjson.loads(await response.read())
                return response.status == 200 and isinstance(answer, dict) and answer.get("code") == 0
        except (aiohttp.ClientError, TimeoutError, OSError, orjson.JSONDecodeError):
            return False

    def _stamp(self, at: float | None = None) -> str:
        moment = self.clock.now() if at is None else datetime.fromtimestamp(at, CHINA)
        return moment.astimezone(CHINA).strftime("%Y-%m-%d %H:%M:%S")


def _signature(secret: str, request: Request, names: list[str], body_hash: str) -> str:
    pairs = parse_qsl(request.scope["query_string"].decode("ascii", "replace"), keep_blank_values=True)
    query = "&".join(f"{quote(name, safe='~')}={quote(value, safe='~')}" for name, value in sorted(pairs))
    headers = "".join(f"{name}:{request.headers.get(name, '').strip()}\n" for name in names)
    canonical = "\n".join((request.method, request.url.path, query, headers, ";".join(names), body_hash))
    text = f"{ALGORITHM}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
    return hmac.new(secret.encode(), text.encode(), hashlib.sha256).hexdigest()


def create_sms_simulator(
    config: SimSmsConfig,
    up_url: str,
    report_url: str,
    clock: VirtualClock | None = None,
    request_clock: Clock | None = None,
) -> FastAPI:
    """The whole stand-in; `app.state.sim` is its `SmsSimulator`.

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
    actions = {
        "SendSms": sim.send,
        "SendBatchSms": sim.send_batch,
        "QuerySendDetails": sim.details,
        "CreateSmsTemplate": sim.create_template,
        "GetSmsTemplate": sim.get_template,
    }

    async def rpc(request: Request) -> Response:
        body = await request.body()
        action = request.headers.get("x-acs-action") or request.query_params.get("Action", "")
        fault = sim.faults.take(API_FAULTS, action) if sim.faults else None
        early = await _before(fault)
        if early is not None:
            return early
        try:
            sim.authenticate(request, body)
            if action not in actions or request.headers.get("x-acs-version") != "2017-05-25":
                raise SmsRefusal("InvalidAction.NotFound", "Specified api is not found.", 404)
            if fault is not None and fault.kind == "errcode":
                raise SmsRefusal(str(fault.value or "isp.SYSTEM_ERROR"), "系统错误")
            answer = actions[action](_fields(request, body))
        except SmsRefusal as refusal:
            return _vendor_response({"Code": refusal.code, "Message": refusal.message}, refusal.status)
        late = await _after(fault)
        return late if late is not None else _vendor_response(answer, 200)

    app.add_route("/", rpc, methods=["POST", "GET"])
    _control_routes(app, sim)
    return app


def _fields(request: Request, body: bytes) -> dict[str, str]:
    fields = dict(request.query_params)
    if request.headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
        fields |= dict(parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True))
    return fields


async def _before(fault: Fault | None) -> Response | None:
    if fault is None:
        return None
    if fault.kind in ("hang_before", "slow"):
        await asyncio.sleep(fault.seconds(30.0 if fault.kind == "hang_before" else 1.0))
    if fault.kind == "http":
        return Response("", status_code=int(fault.seconds(500)))
    if fault.kind in ("html", "hang_before"):
        return Response("<html><body>502 Bad Gateway</body></html>", media_type="text/html")
    return None


async def _after(fault: Fault | None) -> Response | None:
    if fault is None:
        return None
    if fault.kind == "hang_after":
        await asyncio.sleep(fault.seconds(30.0))
    if fault.kind == "http_after":
        return Response("", status_code=int(fault.seconds(500)))
    return json_response({}) if fault.kind == "no_errcode" else None


def _vendor_response(answer: dict[str, Any], status: int) -> Response:
    content = answer | {"RequestId": str(uuid.uuid4()).upper()}
    return Response(orjson.dumps(content), status_code=status, media_type="application/json")


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
